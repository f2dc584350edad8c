#!/usr/bin/env bash
# The checkpoint's Keras layout and the metrics' units, as h5py and h5dump see them.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"
make_digits 200 10
train 2 "${quick[@]}" training.epochs=1 --out run >/dev/null
/usr/bin/python3 "$source/tests/e2e/keras_layout.py" run/checkpoints/best.h5 run/metrics.h5
train 1 "${quick[@]}" training.epochs=1 --out normalised model.layers="conv 3x3 4 nobias stride 2, conv 5x4 3 valid, \
    batchnorm relu, avgpool 2x2, leakyrelu, conv 1x1 5, relu, globalavgpool, dense 12 nobias, batchnorm, dense 10 softmax" >/dev/null
/usr/bin/python3 "$source/tests/e2e/keras_layout.py" normalised/checkpoints/best.h5
train 1 "${quick[@]}" training.epochs=1 --out residual model.layers="conv 3x3 4 stride 2, save a, \
    conv 3x3 4, add a relu, flatten, dense 10 softmax" >/dev/null
/usr/bin/python3 "$source/tests/e2e/keras_layout.py" residual/checkpoints/best.h5
h5dump -H run/metrics.h5 >/dev/null || fail "h5dump cannot read metrics.h5"
