#!/usr/bin/env bash
# TERM, INT and USR1 stop with a checkpoint and exit 75, whichever rank gets them and however early
# or late; USR2 writes one and goes on; the resumed run has the bits of one that was never stopped.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"
make_digits 600 50
long=("${quick[@]}" training.epochs=25 schedule.min_rate=0.0001)

train 2 "${long[@]}" --out whole >whole.txt
reference=$(digest_of whole.txt)

# find_rank DIRECTORY NUMBER: sets `process` to one of the run's ranks.
find_rank() {
    local candidate
    for candidate in $(pgrep -f -- "mnist_dist train .*--out $1\$"); do
        tr '\0' '\n' <"/proc/$candidate/environ" 2>/dev/null |
            grep -qx "OMPI_COMM_WORLD_RANK=$2" || continue
        process=$candidate
        return 0
    done
    return 1
}

# start RANKS DIRECTORY RANK ARGUMENTS...: a training in the background, and the process of a rank.
start() {
    local ranks=$1 directory=$2 rank=$3
    shift 3
    train "$ranks" "$@" --out "$directory" >"$directory.txt" &
    job=$!
    until_true 60 find_rank "$directory" "$rank" ||
        { cat "$directory.txt"; fail "rank $rank of $directory was not found"; }
}

# has_line DIRECTORY TEXT: whether the run's log has a line that begins so.
has_line() {
    grep -q "^$2" "$1/log.txt" 2>/dev/null
}

# interrupt SIGNAL RANKS DIRECTORY TARGET: sends the signal to a rank, or to mpirun, once two epochs
# are trained; sets `rc` to the run's exit code. Where the machine is so fast, or this script is run
# so seldom, that the training has ended by then, it tries again.
interrupt() {
    local signal=$1 ranks=$2 directory=$3 target=$4
    for _ in 1 2 3 4 5; do
        rm -rf "$directory"
        start "$ranks" "$directory" "${target/mpirun/0}" "${long[@]}"
        until_true 60 has_line "$directory" 'epoch  2' ||
            { cat "$directory.txt"; fail "no second epoch in a minute"; }
        [ "$target" != mpirun ] || process=$(pgrep -f -- "^mpirun .*--out $directory\$" | head -n 1)
        kill "-$signal" "$process" 2>/dev/null || true
        rc=0
        wait "$job" || rc=$?
        [ $rc -eq 0 ] || return 0
    done
}

# resume RANKS DIRECTORY ARGUMENTS...: goes on with a stopped run, its output in out.txt.
resume() {
    local ranks=$1 directory=$2
    shift 2
    [ "$rc" -eq 75 ] || { cat "$directory.txt"; fail "$directory: exit code $rc, not 75"; }
    grep -q 'run the same command to go on' "$directory.txt" || fail "$directory: no word of a resume"
    train "$ranks" "$@" --out "$directory" >out.txt
    grep -q 'resuming from' out.txt || fail "$directory: was not resumed"
}

for case in TERM:0 INT:1 USR1:2 USR1:mpirun; do
    signal=${case%:*} target=${case#*:} directory=stop-$signal-$target
    interrupt "$signal" 3 "$directory" "$target"
    resume 5 "$directory" "${long[@]}"
    [ "$(digest_of out.txt)" = "$reference" ] || fail "$signal to $target: other bits"
    echo "$signal to $target: 75, resumed, same"
done

# TERM before the first step, as soon as the rank has its handlers for USR1, USR2 and TERM.
is_ready() {
    local caught
    caught=$(sed -n 's/^SigCgt:\t*//p' "/proc/$process/status" 2>/dev/null)
    (((0x${caught:-0} & 0x4a00) == 0x4a00))
}
start 3 early 1 "${long[@]}"
until_true 60 is_ready || fail "no handlers in a minute"
kill -TERM "$process"
rc=0
wait "$job" || rc=$?
grep -q 'in epoch 1 after step 1,' early.txt || { cat early.txt; fail "TERM came after step 1"; }
resume 2 early "${long[@]}"
[ "$(digest_of out.txt)" = "$reference" ] || fail "TERM before the first step: other bits"
echo "TERM before the first step: 75, resumed, same"

# USR2: a checkpoint now, within an epoch of 25 steps, and on.
writes_within_epoch() {
    local file step
    kill -USR2 "$process" 2>/dev/null || true
    for file in onward/checkpoints/step-*.h5; do
        step=${file##*step-}
        case ${step%.h5} in *00 | *25 | *50 | *75 | '*') ;; *) return 0 ;; esac
    done
    return 1
}
start 2 onward 1 "${long[@]}" checkpoint.keep=99
until_true 60 has_line onward 'epoch  1' || fail "no first epoch in a minute"
until_true 20 writes_within_epoch || fail "USR2: no checkpoint within an epoch"
wait "$job" || fail "USR2 ended the training"
[ "$(digest_of onward.txt)" = "$reference" ] || fail "USR2 changed the bits"
echo "USR2: wrote, went on, same"

# USR1 during the final evaluation, which 20,000 test images make long enough to be hit.
cp test.csv many.csv
for _ in $(seq 399); do tail -n +2 test.csv; done >>many.csv
"$program" import train.csv many.csv -o digits.h5 >/dev/null
late=("${quick[@]}" training.epochs=2)
train 2 "${late[@]}" --out finished >finished.txt
start 2 late 1 "${late[@]}"
until_true 60 has_line late 'epoch  2' || fail "no second epoch in a minute"
kill -USR1 "$process" 2>/dev/null || true
rc=0
wait "$job" || rc=$?
cp late.txt out.txt
[ $rc -eq 0 ] || resume 3 late "${late[@]}"
[ "$(digest_of out.txt)" = "$(digest_of finished.txt)" ] || fail "USR1 at the end: other bits"
cmp late/submission.csv finished/submission.csv || fail "USR1 at the end: other predictions"
if grep -q 'in epoch 3' late.txt; then fail "stopped in the third epoch of two"; fi
echo "USR1 during the final evaluation: $rc, same"
