#!/usr/bin/env bash
# Keras's arithmetic and ours, step by step: losses, gradients, updates, augmented images.
# shellcheck source=tests/interop/common.sh
. "$(dirname "$0")/common.sh"
need_keras
"$python" "$source/tests/interop/parity.py" "$build/tests/parity" 2>errors.txt || { cat errors.txt; fail "parity with Keras"; }
