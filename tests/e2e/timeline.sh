#!/usr/bin/env bash
# --timeline: the file's events are whole, in order and on one clock, at the end of a run and at a
# stop; the training's bits are those without; and a rank that is slow is named, and no other.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"
make_digits 600 10

# check TRACE RANKS STEPS THREADS BUCKETS [LOG]
check() {
    /usr/bin/python3 "$source/tests/e2e/timeline.py" "$@" || fail "timeline $*"
}

# find_rank RANK OUT: its process, as `found`.
find_rank() {
    for found in $(pgrep -f -- "--data $work/digits.h5 .*--out $2"); do
        ! tr '\0' '\n' <"/proc/$found/environ" | grep -qx "OMPI_COMM_WORLD_RANK=$1" || return 0
    done 2>/dev/null
    return 1
}

train 1 "${quick[@]}" --out plain >plain.txt
digest=$(digest_of plain.txt)
for form in "1 1 0 0" "3 1 0 0" "3 1 1 2" "2 2 1 2"; do
    read -r ranks threads node buckets <<<"$form"
    MNIST_DIST_NODE_RANKS=$node train "$ranks" "${quick[@]}" "training.threads=$threads" \
        --out "out-${form// /-}" --timeline trace.json >log.txt
    [ "$(digest_of log.txt)" = "$digest" ] || fail "$form: a timeline changes the bits"
    check trace.json "$ranks" 75 "$threads" "$buckets" log.txt
done

# Hosts whose clocks count from different times.
if unshare --time --monotonic 5000 true 2>/dev/null; then
    clocks=("$program" train "${quick[@]}" --out clocks --timeline clocks.json)
    MNIST_DIST_NODE_RANKS=1 mpirun -quiet -np 1 "${clocks[@]}" : \
        -np 1 unshare --time --monotonic 5000 "${clocks[@]}" : \
        -np 1 unshare --time --monotonic -3000 "${clocks[@]}" >log.txt 2>&1 || { cat log.txt; fail "clocks"; }
    check clocks.json 3 75 1 2 log.txt
fi

# A stop leaves what there is.
train 2 "${quick[@]}" --out stop training.epochs=1000 --timeline stop.json >stop.txt &
job=$!
until_true 30 grep -q '^epoch 10/' stop.txt || fail "no tenth epoch"
find_rank 1 stop || fail "nobody to stop"
kill -TERM "$found"
rc=0
wait $job || rc=$?
[ $rc -eq 75 ] || { cat stop.txt; fail "exit code $rc at a stop"; }
check stop.json 2 "$(sed -n 's/.*after step \([0-9]*\),.*/\1/p' stop.txt)" 1 0

expect_error 2 'nowhere/trace.json: cannot be written' \
    "$program" train "${quick[@]}" --out refused --timeline nowhere/trace.json
[ ! -e refused ] || fail "a run that was refused has begun"

# The slowest: eight ranks on two processors, of which one is stopped for a third of the time.
make_digits 3000 10
slow=(--data "$work/digits.h5" training.epochs=3 output.report=never --out)
train 8 "${slow[@]}" even >even.txt
grep -q '^epoch  3/3' even.txt || { cat even.txt; fail "no third epoch"; }
if grep 'was the slowest' even.txt; then cat even.txt; fail "a rank is named although all are alike"; fi

train 8 "${slow[@]}" odd >odd.txt &
job=$!
until_true 30 find_rank 5 odd || fail "no rank 5"
while kill -STOP "$found" 2>/dev/null; do
    sleep 0.1
    kill -CONT "$found" 2>/dev/null || break
    sleep 0.2
done
wait $job || { cat odd.txt; fail "exit code $?"; }
grep -Eq '^rank 5 \(host .*\) was the slowest: the others waited [0-9]+ % of the epoch for it' odd.txt ||
    { cat odd.txt; fail "the slow rank is not named"; }
if grep 'was the slowest' odd.txt | grep -v '^rank 5 '; then fail "another rank is named"; fi
