# shellcheck shell=bash disable=SC2034 # sourced by the tests beside it: what they share
# shellcheck source=tests/e2e/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/common.sh"

# need_keras: sets `python` to one that has Keras 3, tf-keras and TensorFlow, which are to say little.
need_keras() {
    need_python keras tensorflow-cpu==2.19.1 keras==3.12.4 tf-keras==2.19.0 scipy==1.14.1
    export TF_CPP_MIN_LOG_LEVEL=3 TF_ENABLE_ONEDNN_OPTS=0 CUDA_VISIBLE_DEVICES=''
}
