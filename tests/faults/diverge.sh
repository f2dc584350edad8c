#!/usr/bin/env bash
# A training that diverges, in steps and in a validation, goes back to the last epoch's end at half
# the rate, again and again, and ends with the same bits on any number of ranks, in shared memory and
# by messages, and wherever it was killed in between.
# shellcheck source=tests/faults/common.sh
. "$(dirname "$0")/common.sh"
make_digits 256 8

# Warms up to a rate that is too high. The portable kernels, so that it does on any machine.
wild=(--config "$source/configs/smoke.yaml" --data "$work/digits.h5" data.limit=0
    "model.layers=flatten, dense 16, dense 16, dense 10 softmax" model.kernels=portable
    training.batch_size=24 training.epochs=6 optimizer.kind=sgd optimizer.momentum=0.5
    optimizer.learning_rate=1 schedule.kind=constant schedule.warmup_epochs=4
    checkpoint.every_steps=4 output.report=never)
retries=training.divergence_retries=6

# setbacks FILE: how often a training went back.
setbacks() {
    grep -c 'not finite.*; going back to .* of the learning rate (setback ' "$1" || true
}

"${alone[@]}" "$program" train "${wild[@]}" --out whole $retries >whole.txt 2>&1 ||
    { cat whole.txt; fail "not recovered"; }
reference=$(digest_of whole.txt)
number=$(setbacks whole.txt)
[ "$number" -ge 2 ] || { cat whole.txt; fail "$number setbacks are too few for this test"; }
grep -q 'epoch [0-9]*: the validation loss is not finite for' whole.txt ||
    { cat whole.txt; fail "no validation diverged"; }

# The history has each step and epoch once, each setback as a restart, and rates that fell.
/usr/bin/python3 - whole/metrics.h5 whole/checkpoints/best.h5 "$number" <<'PYTHON' || fail "metrics.h5"
import sys, h5py, numpy
metrics, best = (h5py.File(path, "r") for path in sys.argv[1:3])
number = int(sys.argv[3])
assert len(metrics["step/loss"]) == 60 and len(metrics["epoch/loss"]) == 6, len(metrics["step/loss"])
assert len(metrics["restart/diverged"]) == number
assert (metrics["restart/diverged"][:] > metrics["restart/step"][:]).all()
assert metrics["step/learning_rate"][-1] == 2.0 ** -number
for name in metrics["step"]:
    assert numpy.isfinite(metrics["step"][name][:]).all(), name
PYTHON

# same FILE WHAT [DIRECTORY]: the training ended with the bits of the reference.
same() {
    [ "$(digest_of "$1")" = "$reference" ] || { cat "$1"; fail "$2: other bits"; }
    [ -z "${3:-}" ] || cmp -s "${3:-}/submission.csv" whole/submission.csv || fail "$2: other predictions"
}

for ranks in 1 2 3 8; do
    for node in 0 1; do
        out=ranks-$ranks-$node
        MNIST_DIST_NODE_RANKS=$node train $ranks "${wild[@]}" --out $out $retries >$out.txt ||
            { cat $out.txt; fail "$out: exit code $?"; }
        same $out.txt $out $out
        [ "$(setbacks $out.txt)" -eq "$number" ] || fail "$out: $(setbacks $out.txt) setbacks"
    done
done
echo "on 1, 2, 3 and 8 ranks, in shared memory and by messages: $number setbacks, same"

# Without retries it stops, and may be told to go on from there; with too few it stops, too.
rc=0
train 3 "${wild[@]}" --out stops >stops.txt || rc=$?
[ $rc -eq 5 ] || { cat stops.txt; fail "exit code $rc without retries"; }
grep -q 'step [0-9]*: the loss is not finite in [1-8] of 8 shards, first in shard .* of rank .*training row.*; lower optimizer.learning_rate' \
    stops.txt || { cat stops.txt; fail "the culprit is not named"; }

# Gone on with elsewhere, from within the epoch that diverged: its beginning is taken along.
from=$(printf '%s\n' stops/checkpoints/step-*.h5 | tail -n 1)
train 3 "${wild[@]}" --out moved $retries --resume "$from" >moved.txt || { cat moved.txt; fail "moved"; }
same moved.txt "from $from" moved
rc=0
train 2 "${wild[@]}" --out stops training.divergence_retries=1 >stops.txt || rc=$?
[ $rc -eq 5 ] || { cat stops.txt; fail "exit code $rc with one retry"; }
grep -q ', after 1 setback; lower' stops.txt || { cat stops.txt; fail "no word of one setback"; }
train 1 "${wild[@]}" --out stops $retries >stops.txt || { cat stops.txt; fail "exit code $?"; }
same stops.txt "stopped and told to go on" stops

# Whatever is kept: the last epoch's end is.
train 2 "${wild[@]}" --out few $retries checkpoint.every_steps=1 checkpoint.keep=1 \
    checkpoint.every_epochs=0 >few.txt || { cat few.txt; fail "exit code $?"; }
same few.txt "with one checkpoint kept" few

# Back to the initial weights, where the first epoch diverges already.
steep=("${wild[@]}" schedule.warmup_epochs=0 optimizer.learning_rate=4 training.divergence_retries=20)
for ranks in 1 3; do
    train $ranks "${steep[@]}" --out steep-$ranks >steep-$ranks.txt ||
        { cat steep-$ranks.txt; fail "steep: exit code $?"; }
done
grep -q 'going back to the initial weights' steep-1.txt || { cat steep-1.txt; fail "not that steep"; }
[ "$(digest_of steep-1.txt)" = "$(digest_of steep-3.txt)" ] || fail "steep: other bits"
echo "without retries, with too few, with one file kept, moved, from the start: as promised"

# dies KIND NUMBER: a process that dies at a call on the run's folder, then goes on on some ranks.
dies() {
    local place=$work/$1-$2 rc=0
    mkdir "$place"
    faulty "$place" "$1" "$2" "${alone[@]}" "$program" train "${wild[@]}" --out "$place/run" $retries \
        >"$place.out" 2>&1 || rc=$?
    [ $rc -eq 137 ] || ! grep -q ^hit "$place.report" || { cat "$place".*; fail "$place: exit code $rc"; }
    "${alone[@]}" "$program" train "${wild[@]}" --out "$place/run" $retries >"$place.again" 2>&1 ||
        { cat "$place".*; fail "$place: exit code $?"; }
    same "$place.again" "$place" "$place/run"
    rm -rf "$place" "$place".*
}

calls=$(count_calls kill "${wild[@]}" $retries)
every=$((calls / 40 + 1))
[ -z "$long" ] || every=1
for ((k = 1; k <= calls; k += every)); do echo kill $k; done | each dies
echo "death at every $every-th of $calls calls: same"

# kills NUMBER: a rank, or mpirun, killed at a random moment; gone on with on another number of ranks.
counts=(1 2 3 8 5 4 7)
kills() {
    local place=kills-$1 ranks=${counts[$1 % 7]} other=${counts[($1 + 3) % 7]} processes job
    train "$ranks" "${wild[@]}" $retries --out "$place" >"$place.txt" &
    job=$!
    sleep "$((RANDOM % 2)).$((RANDOM % 10))"
    mapfile -t processes < <(pgrep -f -- "--out $place\$")
    [ ${#processes[@]} -eq 0 ] || kill -KILL "${processes[RANDOM % ${#processes[@]}]}" || true
    wait $job || true
    until ! pgrep -f -- "--out $place\$" >/dev/null; do sleep 0.1; done
    train "$other" "${wild[@]}" $retries --out "$place" >"$place.again" || { cat "$place".*; fail "$place"; }
    same "$place.again" "$place: $ranks ranks killed, $other went on" "$place"
}

RANDOM=$((${SEED:=$$}))
all=100
some=6
[ -z "$long" ] || some=$all
for ((k = 0; k < some; k++)); do kills $k; done
echo "killed at a random moment, gone on with on another number of ranks: $some of $all cases, seed $SEED: same"
