#!/usr/bin/env bash
# A rank whose copy of the parameters has another bit is named, all ranks leave with exit code 6, and
# nothing is written down any more; the same command then ends with the bits of a sound machine.
# shellcheck source=tests/faults/common.sh
. "$(dirname "$0")/common.sh"
make_digits 256 8
export MNIST_DIST_NODE_RANKS=1 # each rank has its own copy

# Ten steps an epoch. In each, rank 0 is sent the other ranks' slices of the parameters, four blocks in
# all; at a checkpoint also those of the optimizer's state, of which sgd has none.
small=(--config "$source/configs/smoke.yaml" --data "$work/digits.h5" data.limit=0
    "model.layers=flatten, dense 16 relu, dense 10 softmax" training.batch_size=24 training.epochs=2
    optimizer.kind=sgd schedule.kind=constant output.report=never)

train 3 "${small[@]}" --out whole >whole.txt
reference=$(digest_of whole.txt)

# struck RANKS STEP DIRECTORY ARGUMENTS...: a training in which rank 0's copy is hit in that step;
# sets `rc` to its exit code.
struck() {
    local ranks=$1 step=$2 out=$3 messages=([2]=1 [3]=2 [8]=4)
    shift 3
    rc=0
    mpirun -np "$ranks" env LD_PRELOAD="$build/tests/libfaults.so" FAULTS_RANK=0 \
        FAULTS_MESSAGE=$((step * messages[ranks])) "$program" train "${small[@]}" --out "$out" "$@" \
        >"$out.txt" 2>&1 || rc=$?
}

# names OUT STEP PATTERN: it ended as it should, after that step, with one line.
names() {
    [ "$rc" -eq 6 ] || { cat "$1.txt"; fail "$1: exit code $rc, not 6"; }
    [ "$(grep -c "after step $2: the parameters of $3" "$1.txt")" -eq 1 ] ||
        { cat "$1.txt"; fail "$1: not named, or not once"; }
}

# goes_on OUT RANKS: the same command, on a sound machine.
goes_on() {
    train "$2" "${small[@]}" --out "$1" >"$1.again" || { cat "$1.again"; fail "$1: exit code $?"; }
    [ "$(digest_of "$1.again")" = "$reference" ] || { cat "$1.again"; fail "$1: other bits"; }
}

host=$(hostname)
for ranks in 3 8; do
    struck $ranks 4 step-$ranks training.check_replicas=1
    names step-$ranks 4 "rank 0 (host $host) differ from those of all other ranks"
    goes_on step-$ranks 2
done
struck 2 4 pair training.check_replicas=1
names pair 4 "rank 0 (host $host), rank 1 (host $host) differ from one another"
goes_on pair 3
echo "in a step, on 2, 3 and 8 ranks: named, gone on with, same"

# Before a checkpoint, with every step looked at or not.
struck 3 20 late
names late 20 "rank 0 (host $host) differ"
[ -f late/checkpoints/step-00000010.h5 ] || fail "late: no checkpoint of the epoch before"
[ ! -e late/checkpoints/step-00000020.h5 ] || fail "late: what differed was written down"
goes_on late 8
echo "before a checkpoint: named, nothing written, gone on with, same"

# What nobody looks for goes into everybody's gradient: the injection is one that counts.
struck 3 4 unseen training.check_replicas=0
[ "$rc" -eq 0 ] || { cat unseen.txt; fail "unseen: exit code $rc"; }
[ "$(digest_of unseen.txt)" != "$reference" ] || fail "unseen: the same bits, so nothing was hit"
