#!/usr/bin/env bash
# The page's network, digit.wasm in Node, says what the program says: of 1,000 images by a trained
# network, and by networks of other layers with random weights. To 1e-4.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/../e2e/common.sh"
command -v node >/dev/null || skip "node is missing (Debian: nodejs)"
wasm=$build/src/report/wasm/digit.wasm
[ -s "$wasm" ] || skip "the program was built without digit.wasm"
[ "$(stat -c %s "$wasm")" -lt 200000 ] || fail "digit.wasm has grown to $(stat -c %s "$wasm") bytes"

make_digits 1000 1
train 1 "${quick[@]}" --out run >train.txt || { cat train.txt; fail "training"; }
cases=$build/tests/digit_cases
"$cases" trained.cases run/checkpoints/best.h5 digits.h5

# Odd shapes: no channel count fills a vector; kernels that only the direct way can do; windows that
# do not divide; a lone dense layer; every kind of layer. And the default network.
lists=(
    "flatten, dense 10 softmax"
    "conv 1x1 1, flatten, dense 10 softmax"
    "conv 5x3 7 same, maxpool 3x2, dropout 0.9, conv 4x4 5 relu, flatten, dense 13, dense 10 softmax"
    "maxpool 5x5, conv 3x3 12 relu, conv 3x3 8, maxpool 2x2, flatten, dense 1000 relu, dense 10 softmax"
    "conv 3x3 16 valid nobias stride 2, batchnorm relu, conv 5x5 24 valid, leakyrelu 0.2, avgpool 3x3, globalavgpool, dense 10 softmax"
    "conv 4x3 9 stride 3, relu, batchnorm epsilon 0.1, maxpool 2x2, flatten, dense 24 nobias, batchnorm, leakyrelu, dense 10 softmax"
    "conv 7x7 16 relu, conv 5x5 20 relu, maxpool 28x28, flatten, dense 10 softmax"
    "conv 5x5 32 same relu, conv 5x5 32 same relu, maxpool 2x2, dropout 0.25, conv 3x3 64 same relu, conv 3x3 64 same relu, maxpool 2x2, dropout 0.25, flatten, dense 256 relu, dropout 0.5, dense 128 relu, dropout 0.5, dense 10 softmax"
)
for i in "${!lists[@]}"; do "$cases" "random-$i.cases" "${lists[$i]}"; done
node "$(dirname "$0")/parity.mjs" "$source/src/report/page/network.js" "$wasm" trained.cases random-*.cases

# Weights of another network, and a list that is none, are said and not run.
head -c -4 trained.cases >short.cases
! node "$source/tests/browser/parity.mjs" "$source/src/report/page/network.js" "$wasm" short.cases 2>refused.txt ||
    fail "a short file passed"
sed '1s/dense 32/danse 32/' trained.cases >wrong.cases
! node "$source/tests/browser/parity.mjs" "$source/src/report/page/network.js" "$wasm" wrong.cases 2>refused.txt ||
    fail "a wrong list passed"
grep -q 'danse 32 relu": unknown layer "danse"; did you mean dense?' refused.txt || { cat refused.txt; fail "other words"; }
sed '1s/dense 32/dense 33/' trained.cases >wrong.cases
! node "$source/tests/browser/parity.mjs" "$source/src/report/page/network.js" "$wasm" wrong.cases 2>refused.txt ||
    fail "weights of another network passed"
grep -q 'bytes of weights, where the layers need' refused.txt || { cat refused.txt; fail "other words"; }
