#!/usr/bin/env bash
# Training rows that memory does not hold: a run that reads its blocks as they come has the bits of
# one that holds all rows, on any number of ranks, stopped and resumed, and where mixup, statistics
# measured anew and large steps ask for other rows. What cannot be read ends it with nothing lost.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"
# 135,000 rows to train on: two blocks and a short one.
"$program" synth --rows 150000 --test 500 -o digits.h5 >/dev/null

small=(--data "$work/digits.h5" data.folds=10 "model.layers=flatten, dense 16 relu, batchnorm, dense 10 softmax"
    augmentation.rotation=0 augmentation.zoom=0 augmentation.shift=0 augmentation.mixup=0.2
    training.epochs=2 training.batch_size=700
    average.kind=ema average.decay=0.9 average.measure_batches=3 output.report=never)
window=(data.window=160)

same() {
    [ "$(digest_of "$1")" = "$reference" ] || fail "$2: other bits"
    echo "$2: $reference"
}

train 2 "${small[@]}" --out whole >whole.txt || { cat whole.txt; fail "whole"; }
reference=$(digest_of whole.txt)
for ranks in 1 2 3; do
    train "$ranks" "${small[@]}" "${window[@]}" --out "window-$ranks" >out.txt
    same out.txt "$ranks ranks with a window"
    cmp -s whole/submission.csv "window-$ranks/submission.csv" || fail "$ranks ranks predict otherwise"
    # Figures of epochs, times aside.
    cut -d, -f1-6 "window-$ranks/metrics.csv" | cmp -s - <(cut -d, -f1-6 whole/metrics.csv) ||
        fail "$ranks ranks validate otherwise"
done
MNIST_DIST_NODE_RANKS=2 train 3 "${small[@]}" "${window[@]}" training.threads=2 --out nodes >out.txt
same out.txt "3 ranks on two nodes"

# Resumed within the first block, the second, and the second epoch.
train 2 "${small[@]}" "${window[@]}" --out kept checkpoint.every_steps=70 checkpoint.keep=99 >out.txt
for step in 70 140 280; do
    train 3 "${small[@]}" "${window[@]}" --out "again-$step" \
        --resume "kept/checkpoints/step-$(printf '%08d' $step).h5" >out.txt
    same out.txt "resumed after step $step"
done

# A step of more than a block, in several batches.
large=(training.batch_size=40000 training.accumulate=2 average.kind=none average.measure_batches=0)
train 2 "${small[@]}" "${large[@]}" --out large >out.txt
reference=$(digest_of out.txt)
train 2 "${small[@]}" "${large[@]}" data.window=220 --out large-window >out.txt
same out.txt "steps of 80,000 rows"
expect_error 2 'data\.window=100: too small: .* give data\.window=[0-9]+ or more' \
    mpirun -np 2 -quiet "$program" train "${small[@]}" data.window=100 --out refused

# Evaluation and prediction read their rows as well.
for files in "whole/checkpoints/best.h5" "whole/checkpoints/best.h5 large/checkpoints/best.h5"; do
    # shellcheck disable=SC2086 # several files
    mpirun -np 3 "$program" evaluate $files --data digits.h5 --tta 3 >expected.txt 2>&1
    # shellcheck disable=SC2086
    mpirun -np 3 "$program" evaluate $files --data digits.h5 --tta 3 data.window=160 >out.txt 2>&1
    cmp expected.txt out.txt || fail "evaluate says otherwise of $files"
done
mpirun -np 2 "$program" evaluate window-1/checkpoints/best.h5 data.window=160 >out.txt 2>&1 ||
    { cat out.txt; fail "evaluate refuses the rows that a run with a window held out"; }
mpirun -np 3 "$program" predict whole/checkpoints/best.h5 data.window=160 -o predicted.csv >/dev/null
cmp predicted.csv whole/submission.csv || fail "predict says otherwise"

# Damage is found when its block is read: the run ends with a checkpoint, and goes on once mended.
flip() {
    byte=$(od -An -tu1 -j "$1" -N 1 digits.h5)
    printf '%b' "$(printf '\\x%02x' $((byte ^ 255)))" |
        dd of=digits.h5 bs=1 seek="$1" conv=notrunc 2>/dev/null
}
reference=$(digest_of whole.txt)
place=$(($(stat -c %s digits.h5) * 3 / 10))
flip "$place"
expect_error 3 '(rank 1: )?.*digits\.h5: damaged: rows [0-9]+ to [0-9]+ of /train .*; damaged has a checkpoint of step [1-9]' \
    mpirun -np 2 -quiet "$program" train "${small[@]}" "${window[@]}" --out damaged
flip "$place"
train 1 "${small[@]}" "${window[@]}" --out damaged >out.txt
same out.txt "damaged, mended and resumed"
