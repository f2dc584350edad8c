#!/usr/bin/env bash
# Restart until done, where there is no Slurm: a training whose ranks and mpirun are killed again and
# again goes on by itself to the bits of one that nothing interrupts; it gives up in the end, does not
# restart what is refused, and stops for good when it is asked to.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"
make_digits 600 50
long=("${quick[@]}" training.epochs=60 schedule.min_rate=0.0001 output.report=never)

train 1 "${long[@]}" --out whole >whole.txt
reference=$(digest_of whole.txt)

# restarting ARGUMENTS...: the loop, in a shell of its own.
restarting() {
    # shellcheck disable=SC2016 # expanded by that shell
    exec bash -c '. "$1/jobs/restart.sh"; shift; restart_until_done "$@"' restart "$source" \
        mpirun -quiet -np 3 "$program" train "$@"
}

# ours PATTERN: the processes whose command line has it and this test's folder.
ours() {
    pgrep -f -- "$1.*--data $work/"
}

has_epochs() {
    [ -f run/log.txt ] && [ "$(grep -c '^epoch ' run/log.txt)" -ge "$1" ]
}
wait_until() {
    until_true 30 "$@" || fail "not within 30 s: $*"
}

restarting "${long[@]}" --out run >out.txt 2>&1 &
loop=$!
wait_until has_epochs 3
kill -KILL "$(ours '^[^ ]*mnist_dist train' | shuf -n 1)"
wait_until has_epochs 10
kill -KILL "$(ours '^mpirun' | head -n 1)"
wait "$loop" || fail "the loop ended with $?: $(cat out.txt)"
[ "$(digest_of out.txt)" = "$reference" ] || fail "other bits"
grep -q 'restart 2 of at most 20' out.txt || { cat out.txt; fail "not two restarts"; }
echo "two kills: restarted, same"

rc=0
(restarting "${long[@]}" --out run training.epoch=3) >out.txt 2>&1 || rc=$?
if [ $rc -ne 2 ] || grep -q 'restart 1' out.txt; then fail "a mistake is tried again"; fi

rm -rf run
MAX_RESTARTS=0 restarting "${long[@]}" --out run >out.txt 2>&1 &
loop=$!
wait_until has_epochs 3
kill -KILL "$(ours '^[^ ]*mnist_dist train' | head -n 1)"
rc=0
wait "$loop" || rc=$?
[ $rc -ge 128 ] || fail "exit code $rc after a kill without restarts"
grep -q 'all that MAX_RESTARTS allows' out.txt || fail "the bound is not named"

restarting "${long[@]}" training.epochs=4000 --out run >out.txt 2>&1 &
loop=$!
wait_until has_epochs 20
kill -TERM "$loop"
rc=0
wait "$loop" || rc=$?
[ $rc -eq 75 ] || { cat out.txt; fail "exit code $rc, not 75, after a TERM to the loop"; }
if ours mnist_dist >/dev/null; then fail "something still runs"; fi
echo "TERM to the loop: stopped with a checkpoint, for good"

# As it is in the pause between a death and its restart: there is nothing to stop, and no restart.
rm -rf run
restarting "${long[@]}" training.epochs=4000 --out run >out.txt 2>&1 &
loop=$!
wait_until has_epochs 3
kill -KILL "$(ours '^[^ ]*mnist_dist train' | head -n 1)"
wait_until grep -q 'restart 1 of at most' out.txt
kill -TERM "$loop"
is_gone() {
    ! kill -0 "$loop" 2>/dev/null
}
wait_until is_gone
if ours mnist_dist >/dev/null; then fail "restarted although it was asked to stop"; fi
echo "TERM in the pause: no restart"
