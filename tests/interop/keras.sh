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

# Fine-tuning: the same command starts it and goes on with it, to the same bits on any number of ranks.
tune=("${quick[@]}" training.epochs=2 checkpoint.every_steps=3 output.report=never --resume imported.h5)
"$program" import-model layers_keras.keras -o imported.h5 >import.txt
train 2 "${tune[@]}" --out whole >whole.txt || { cat whole.txt; fail "fine-tuning"; }
grep -q 'an imported network' whole.txt || fail "no word of the start"
mpirun -np 1 "$program" train "${tune[@]}" --out killed >killed.txt 2>&1 &
pid=$!
for _ in $(seq 600); do
    [ -z "$(ls killed/checkpoints/step-*.h5 2>/dev/null)" ] || break
    sleep 0.1
done
kill -KILL $pid 2>/dev/null || true
wait $pid || true
train 4 "${tune[@]}" --out killed >killed.txt || { cat killed.txt; fail "going on"; }
[ "$(digest_of killed.txt)" = "$(digest_of whole.txt)" ] || fail "killed and gone on, it is another network"
"$program" evaluate imported.h5 --data digits.h5 --allow-overlap >evaluate.txt 2>&1 || { cat evaluate.txt; fail "evaluate"; }
grep -q '^labelled rows: accuracy' evaluate.txt || fail "nothing evaluated"
