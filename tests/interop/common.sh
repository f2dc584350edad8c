# shellcheck shell=bash disable=SC2034 # sourced by the tests beside it: what they share
# shellcheck source=tests/e2e/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/common.sh"

# need_python NAME PACKAGES...: sets `python` to one that has these packages of PyPI, in an
# environment in the build folder; skips the test where PyPI cannot be reached.
need_python() {
    local folder=$build/python-$1 made
    shift
    python=$folder/bin/python
    made="$folder/made: $*"
    [ ! -f "$folder/made" ] || [ "$(cat "$folder/made")" != "$made" ] || return 0
    rm -rf "$folder"
    if ! { /usr/bin/python3 -m venv "$folder" &&
        "$python" -m pip install -q --no-compile --disable-pip-version-check "$@"; } >pip.txt 2>&1; then
        skip "no $* from PyPI: $(tail -n 1 pip.txt)"
    fi
    echo "$made" >"$folder/made"
}

# need_keras: sets `python` to one that has Keras 3, tf-keras and TensorFlow, which are to say little.
need_keras() {
    need_python keras tensorflow-cpu==2.19.1 keras==3.12.4 tf-keras==2.19.0 scipy==1.14.1
    export TF_CPP_MIN_LOG_LEVEL=3 TF_ENABLE_ONEDNN_OPTS=0 CUDA_VISIBLE_DEVICES=''
}
