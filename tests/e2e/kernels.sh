#!/usr/bin/env bash
# The contract's one answer by every way of computing: Winograd, bfloat16, the portable kernels and
# im2col, each at several numbers of ranks and threads, and after a resume. The log's line of kernels
# must name them, or the test would prove nothing.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"
make_digits 240 20

# A 3x3 and a 5x5 convolution of 16 to 16 channels, which Winograd takes; and 75,264 weights in a
# dense layer, which are enough for bfloat16 and for a gradient that is made when it is summed.
cat >net.yaml <<'YAML'
model:
  layers:
    - conv 3x3 16 same relu
    - maxpool 2x2
    - conv 3x3 16 same relu
    - conv 5x5 16 same relu
    - maxpool 2x2
    - dropout 0.25
    - flatten
    - dense 96 relu
    - dense 10 softmax
YAML
net=(--config net.yaml --data "$work/digits.h5" training.batch_size=22 training.epochs=2
    checkpoint.every_steps=7 checkpoint.keep=99)

# expect_same FILE NAME WORDS...: the training that wrote FILE has the bits and predictions of NAME.
expect_same() {
    local file=$1 name=$2 run=$3
    shift 3
    [ "$(digest_of "$file")" = "$(digest_of "$name.txt")" ] || fail "$name: other bits $*"
    cmp -s "$name/submission.csv" "$run/submission.csv" || fail "$name: other predictions $*"
}

# same NAME KERNELS KEYS...: one answer at 1, 3 and 8 ranks, by kernels whose line matches KERNELS.
same() {
    local name=$1 kernels=$2
    shift 2
    train 1 "${net[@]}" --out "$name" "$@" >"$name.txt" || { cat "$name.txt"; fail "$name"; }
    grep '^kernels: ' "$name.txt" | grep -Eq -- "$kernels" || {
        grep '^kernels: ' "$name.txt"
        fail "$name: the kernels are not '$kernels'"
    }
    train 3 "${net[@]}" --out "$name-3" "$@" training.threads=2 >out.txt
    expect_same out.txt "$name" "$name-3" "on 3 ranks of 2 threads"
    train 8 "${net[@]}" --out "$name-8" "$@" >out.txt
    expect_same out.txt "$name" "$name-8" "on 8 ranks"
    echo "$name: $(digest_of "$name.txt"), $(grep '^kernels: ' "$name.txt")"
}

# differ NAME NAME: two ways of computing that have the same bits are one; a key took no effect.
differ() {
    [ "$(digest_of "$1.txt")" != "$(digest_of "$2.txt")" ] || fail "$1 and $2 have the same bits"
}

winograd='conv2d_1 winograd [a-z0-9_]+, conv2d_2 winograd [a-z0-9_]+, dense direct'
bfloat16='conv2d_1 bfloat16 [a-z0-9_]+, conv2d_2 bfloat16 [a-z0-9_]+, dense bfloat16'
same float32 "$winograd"
same float32-portable "${winograd//\[a-z0-9_]+/portable} portable" model.kernels=portable
same bfloat16 "$bfloat16" model.compute=bfloat16
same bfloat16-portable "${bfloat16//\[a-z0-9_]+/portable} portable" model.compute=bfloat16 \
    model.kernels=portable
same im2col 'conv2d_1 im2col, conv2d_2 im2col' model.convolution=im2col
differ float32 bfloat16
differ float32-portable bfloat16-portable
differ float32 im2col
for compute in float32 bfloat16; do # on a CPU without vector kernels the two are the same
    [ "$(grep '^kernels: ' $compute.txt)" = "$(grep '^kernels: ' $compute-portable.txt)" ] ||
        differ $compute $compute-portable
done

# Over messages, since ranks on several nodes share no memory.
MNIST_DIST_NODE_RANKS=3 train 8 "${net[@]}" --out nodes model.compute=bfloat16 >out.txt
expect_same out.txt bfloat16 nodes "on 3 nodes"

# Step 14 lies within the second epoch: 216 rows are ten steps.
train 5 "${net[@]}" --out resumed model.compute=bfloat16 \
    --resume bfloat16/checkpoints/step-00000014.h5 >out.txt
grep -q 'resuming from' out.txt || fail "bfloat16: was not resumed"
expect_same out.txt bfloat16 resumed "after a resume on 5 ranks"

# hits_and_loss: "HITS of ROWS LOSS" of a line of figures, the loss to the four digits that a run says.
hits_and_loss() {
    sed -nE 's/.*accuracy [0-9.]+ % \(([0-9]+ of [0-9]+)\), loss ([0-9.]+)$/\1 \2/p' |
        awk '{ printf "%s of %s, loss %.4f\n", $1, $3, $4 }' | grep .
}

# A checkpoint is evaluated and predicts by the kernels of its run: the figures that the run told.
for name in float32 bfloat16 bfloat16-portable im2col; do
    best=$name/checkpoints/best.h5
    told=$(grep '^validation of epoch .*, the best: ' "$name.txt" | hits_and_loss) ||
        fail "$name: no figures of the best epoch"
    mpirun -np 3 "$program" evaluate "$best" --data digits.h5 >out.txt || fail "$name: evaluate"
    [ "$(hits_and_loss <out.txt)" = "$told" ] || { cat out.txt; fail "$name: the run said $told"; }
    "$program" predict "$best" --data digits.h5 -o predicted.csv >/dev/null || fail "$name: predict"
    cmp "$name/submission.csv" predicted.csv || fail "$name: predict differs from the run's own"
done
