# shellcheck shell=bash disable=SC2034 # sourced by the tests beside it: a headless browser
# shellcheck source=tests/e2e/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/common.sh"
here=$source/tests/browser

# Debian's Chromium, driven by playwright-core, which is fetched from npm once per build folder; both
# can be given: CHROMIUM names the program, NODE_MODULES the folder with playwright-core and axe-core.
need_browser() {
    local tool
    CHROMIUM=${CHROMIUM:-$(command -v chromium || true)}
    [ -n "$CHROMIUM" ] || skip "chromium is missing (Debian: chromium)"
    for tool in node npm; do
        command -v $tool >/dev/null || skip "$tool is missing (Debian: nodejs npm)"
    done
    NODE_MODULES=${NODE_MODULES:-$build/browser/node_modules}
    if [ ! -d "$NODE_MODULES/playwright-core" ] || [ ! -d "$NODE_MODULES/axe-core" ]; then
        timeout 120 npm install --prefix "${NODE_MODULES%/node_modules}" --no-save --no-audit --no-fund \
            playwright-core@1 axe-core@4 >npm.txt 2>&1 ||
            skip "playwright-core is not to be had from npm: $(tail -n 1 npm.txt)"
    fi
    export CHROMIUM NODE_MODULES
}

# real_digits: digits.h5 from handwritten digits, in the work folder; skipped where there are none.
real_digits() {
    if [ -n "${DATA_FOLDER:-}" ]; then
        "$program" import "$(find "$DATA_FOLDER" -name 'train.csv*' | head -n 1)" -o digits.h5 >/dev/null
    elif [ -f "$source/data/digits.h5" ]; then
        cp "$source/data/digits.h5" .
    else
        mkdir data
        cp "$source/data/get.sh" data/
        MNIST_DIST=$program MNIST_MIRRORS='' data/get.sh >get.txt 2>&1 || skip "no handwritten digits are to be had"
        mv data/digits.h5 .
    fi
}

# train_reader: run/, a network that reads handwritten digits well enough to be shown some; seconds.
train_reader() {
    train 2 --config "$source/configs/baseline.yaml" --data digits.h5 --out run data.limit=10000 \
        training.epochs=4 training.batch_size=64 optimizer.learning_rate=0.003 schedule.kind=cosine \
        output.predict=false \
        model.layers="conv 5x5 16 relu, maxpool 2x2, conv 3x3 32 relu, maxpool 2x2, flatten, dense 64 relu, dropout 0.25, dense 10 softmax" \
        >train.txt || { cat train.txt; fail "training"; }
}
