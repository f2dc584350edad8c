#!/usr/bin/env bash
# jobs/ensemble.sh trains two networks and predicts by the mean of their probabilities; stopped, it
# predicts nothing, and the same command goes on to the same predictions.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"
make_digits 600 50
command=("$source/jobs/ensemble.sh")
arguments=(2 "$source/configs/smoke.yaml" --data "$work/digits.h5" data.limit=0 training.epochs=60
    schedule.min_rate=0.0001 output.report=never output.predict=false)
export MNIST_DIST=$program RANKS=2

"${command[@]}" whole "${arguments[@]}" >whole.txt 2>&1 || { cat whole.txt; fail "exit code $?"; }
"$program" predict whole/smoke-[01]/checkpoints/best.h5 --data digits.h5 -o mean.csv >predict.txt
cmp mean.csv whole/submission.csv || fail "the predictions are not the mean of the two"

"${command[@]}" halted "${arguments[@]}" >halted.txt 2>&1 &
loop=$!
until_true 30 grep -qs '^epoch 10' halted/smoke-1/log.txt || fail "no tenth epoch of the second run"
kill -TERM "$loop"
rc=0
wait "$loop" || rc=$?
[ $rc -eq 75 ] || { cat halted.txt; fail "exit code $rc, not 75, after a TERM"; }
[ ! -e halted/submission.csv ] || fail "half an ensemble predicts"
"${command[@]}" halted "${arguments[@]}" >again.txt 2>&1 || { cat again.txt; fail "exit code $?"; }
cmp halted/submission.csv whole/submission.csv || fail "a stop changes the predictions"
