#!/usr/bin/env bash
# The layout of .keras and .weights.h5 as Keras 3 reads them, for every layer and optimizer that it has, by h5py; and
# the way back.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/../e2e/common.sh"
make_digits 200 10

# check NAME ARGUMENTS...: trains a little, exports, and looks at the files.
check() {
    local name=$1
    shift
    train 1 "${quick[@]}" training.epochs=1 output.report=never --out "$name" "$@" >log ||
        { cat log; fail "training $name"; }
    cp "$(find "$name/checkpoints" -name 'step-*.h5' | sort | tail -n 1)" "$name.h5"
    "$program" export "$name.h5" --to keras -o "$name.keras" >/dev/null
    "$program" export "$name.h5" --to weights -o "$name.weights.h5" >/dev/null
    imported=()
    if ! grep -q 'save a' "$name/config.yaml"; then
        for file in "$name.keras" "$name.weights.h5" "$name.h5"; do
            "$program" import-model "$file" -o "$file.imported" --config "$name/config.yaml" >/dev/null
            imported+=("$file.imported")
        done
    fi
    /usr/bin/python3 "$source/tests/interop/layout.py" "$name.h5" "$name.keras" "$name.weights.h5" "${imported[@]}" ||
        { [ $? -ne 77 ] || exit 77; fail "$name"; }
}

normalised="conv 3x3 4 nobias stride 2, conv 5x4 3 valid, batchnorm relu, avgpool 2x2, leakyrelu, \
    conv 1x1 5, relu, dropout 0.1, globalavgpool, dense 12 nobias, batchnorm, dense 10 softmax"
check adam training.epochs=3
check rmsprop optimizer.kind=rmsprop model.layers="$normalised"
check momentum optimizer.kind=rmsprop optimizer.momentum=0.9 model.layers="$normalised"
check sgd optimizer.kind=sgd training.label_smoothing=0.1
check nesterov optimizer.kind=sgd optimizer.momentum=0.9 optimizer.nesterov=true model.layers="conv 3x3 4 stride 2, save a, \
    conv 3x3 4, add a relu, flatten, dense 10 softmax"
check average optimizer.kind=adamw optimizer.clip_norm=1 average.kind=ema
check lamb optimizer.kind=lamb
check lars optimizer.kind=lars optimizer.momentum=0.9

best=adam.h5
expect_error 3 'nesterov\.keras: is a Functional model; only Sequential' "$program" import-model nesterov.keras -o x.h5
expect_error 3 'digits\.h5: has no weights as Keras writes them$' "$program" import-model digits.h5 -o x.h5
expect_error 2 'model\.h5: .* ends in \.weights\.h5$' "$program" export $best --to weights -o model.h5
expect_error 2 'model\.h5: .* ends in \.keras$' "$program" export $best --to keras -o model.h5
expect_error 1 'none/x\.keras: cannot be written' "$program" export $best --to keras -o none/x.keras
[ -z "$(find . -name '.*.tmp')" ] || fail "a temporary file is left"

/usr/bin/python3 "$source/tests/interop/damage.py" "$program" 200 rmsprop.keras rmsprop.weights.h5 rmsprop.h5 || fail "damaged files"
