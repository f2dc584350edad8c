#!/usr/bin/env bash
# The page of a run and the page of several, as the program makes them, in headless Chromium: at the
# widths of a phone and of a desktop, dark and light.
# shellcheck source=tests/browser/common.sh
. "$(dirname "$0")/common.sh"
need_browser

# A name that would be markup if a page took it for that; and errors enough to be filtered.
name='<b>7 & "8"'
make_digits 2000 10
short=("${quick[@]}" training.batch_size=40)
train 2 "${short[@]}" --out "$name" >train.txt || { cat train.txt; fail "training"; }
train 2 "${short[@]}" --out again training.seed=1 >train.txt || { cat train.txt; fail "training"; }
train 2 "${short[@]}" --out sgd optimizer.kind=sgd optimizer.learning_rate=0.05 >train.txt ||
    { cat train.txt; fail "training"; }
"$program" report "$name" again sgd -o several.html >report.txt

node "$here/run.mjs" "$name/report.html" "$name"
node "$here/compare.mjs" several.html 3 2
node "$here/bare.mjs" "$name/report.html" bare.html
