#!/usr/bin/env bash
# Networks as ONNX, safetensors and npz, and a run's events for TensorBoard, read by the programs that
# they are for (from PyPI) and compared with what this program says of the same images.
# shellcheck source=tests/interop/common.sh
. "$(dirname "$0")/common.sh"
need_python formats onnx==1.23.2 onnxruntime==1.32.0 safetensors==0.8.0 tensorboard==2.21.0 \
    h5py==3.16.0 matplotlib==3.11.2

make_digits 3000 50
cat >mixed.yaml <<'YAML'
model:
  layers:
    - conv 3x3 8 same nobias stride 2
    - batchnorm relu
    - save a
    - conv 3x3 8 same
    - leakyrelu 0.1
    - conv 3x3 8 same
    - add a relu
    - avgpool 2x2
    - conv 3x3 12 valid
    - relu
    - globalavgpool
    - flatten
    - dropout 0.1
    - dense 20 nobias
    - batchnorm
    - dense 10 softmax
YAML

# check CONFIG-ARGUMENTS...: a run of four epochs that is stopped and goes on, exported and read.
check() {
    rm -rf run model.*
    timeout -s USR1 1 "$program" train --data digits.h5 --out run output.tensorboard=true "$@" \
        >/dev/null 2>&1 || true
    "$program" train --data digits.h5 --out run output.tensorboard=true "$@" >run.txt 2>&1 ||
        fail "no run: $(cat run.txt)"
    for format in onnx safetensors npz; do
        "$program" export run/checkpoints/best.h5 --to $format -o model.$format >/dev/null
    done
    /usr/bin/python3 -c '
import h5py, numpy
file = h5py.File("run/predictions.h5")["validation"]
images = file["images"][:].reshape(-1, 28, 28, 1).astype("f4") / numpy.float32(255)
numpy.savez("images.npz", images=images[:1000], probabilities=file["probabilities"][:1000],
    labels=file["labels"][:1000])'
    "$python" "$source/tests/interop/check_formats.py" .
}

check --config mixed.yaml data.folds=3 training.epochs=10 training.batch_size=32 optimizer.learning_rate=0.01
check data.folds=3 training.epochs=4
if /usr/bin/python3 -c 'import torch' 2>/dev/null; then
    /usr/bin/python3 "$source/tests/interop/load_in_torch.py" model.npz images.npz
else
    echo "PyTorch: skipped, since Debian's python3-torch is not installed"
fi

# What the README tells to do with a run's metrics.
mkdir runs && mv run runs/latest
awk '/^```python/ { on = 1; next } /^```/ { exit } on' "$source/README.md" >plot.py
MPLBACKEND=Agg "$python" plot.py
file loss.png | grep -q 'PNG image' || fail "the README's ten lines draw nothing"
h5dump -d /epoch/val_accuracy runs/latest/metrics.h5 | grep -q long_name || fail "no long_name"
echo "the README's ten lines: drawn"
