#!/usr/bin/env bash
# The page's drawing box, with a network that was trained on handwritten digits for some seconds.
# shellcheck source=tests/browser/common.sh
. "$(dirname "$0")/common.sh"
need_browser
[ -s "$build/src/report/wasm/digit.wasm" ] || skip "the program was built without digit.wasm"
real_digits
train_reader
node "$here/try.mjs" run/report.html 1
