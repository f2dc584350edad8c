#!/usr/bin/env bash
# Keras itself: it loads what we write and goes on training, and we load what it writes.
# shellcheck source=tests/interop/common.sh
. "$(dirname "$0")/common.sh"
need_keras
make_digits 1000 10

# trained NAME ARGUMENTS...: a network of ours, its exports, and what it says of 1,000 images.
trained() {
    local name=$1
    shift
    train 1 "${quick[@]}" training.epochs=1 output.report=never output.predict=false --out "$name" "$@" >log ||
        { cat log; fail "training $name"; }
    cp "$name/checkpoints/best.h5" "$name.h5"
    "$program" export "$name.h5" --to keras -o "$name.keras" >/dev/null
    "$program" export "$name.h5" --to weights -o "$name.weights.h5" >/dev/null
    "$build/tests/digit_cases" "$name.cases" "$name.h5" digits.h5
}
trained adam
trained layers optimizer.kind=rmsprop optimizer.momentum=0.9 optimizer.learning_rate=0.0001 model.layers="conv 3x3 4 nobias \
    stride 2, conv 5x4 3 valid, batchnorm relu, avgpool 2x2, leakyrelu 0.2, conv 1x1 5, relu, dropout 0.1, globalavgpool, \
    dense 12 nobias, batchnorm, dense 10 softmax"
trained residual optimizer.kind=sgd optimizer.momentum=0.9 optimizer.nesterov=true model.layers="conv 3x3 4 stride 2, \
    save a, conv 3x3 4, add a relu, maxpool 2x2, flatten, dense 10 softmax"
trained average optimizer.kind=adamw optimizer.clip_norm=1 average.kind=ema training.label_smoothing=0.1
trained lamb optimizer.kind=lamb optimizer.weight_decay=0.01
"$python" "$source/tests/interop/keras_export.py" adam layers residual average lamb 2>errors.txt ||
    { cat errors.txt; fail "exports"; }
"$python" "$source/tests/interop/keras_import.py" "$program" "$build/tests/digit_cases" digits.h5 2>errors.txt ||
    { cat errors.txt; fail "imports"; }
