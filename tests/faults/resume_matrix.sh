#!/usr/bin/env bash
# A checkpoint that R ranks wrote within an epoch or at its end goes on on R' ranks, with the bits of
# a run on one that was never stopped: R and R' from 1, 2, 3, 4, 5, 7 and 8. Without `long` 10 of the
# 98 are tried. Every third goes on over messages, as if each rank, or each three, had a machine.
# shellcheck source=tests/faults/common.sh
. "$(dirname "$0")/common.sh"
counts=(1 2 3 4 5 7 8)
within=step-00000012 at_end=step-00000018

# 180 rows to train on are eight batches of 22 and one of 4: fewer samples than shards. What lies
# between the steps is all there is: moments, running statistics, an average, a rate that falls.
layers="conv 3x3 4 nobias, batchnorm relu momentum 0.9, maxpool 2x2, dropout 0.25, flatten, \
    dense 10 softmax"
rich=("${quick[@]}" optimizer.kind=adamw average.kind=ema average.decay=0.9 average.start_epoch=0.5
    "model.layers=$layers" checkpoint.every_steps=4 checkpoint.keep=99 output.report=never)

# written_by R: the run of R ranks, if it is not there yet.
written_by() {
    [ ! -d "from-$1" ] || return 0
    train "$1" "${rich[@]}" --out "from-$1" >from.txt || { cat from.txt; fail "$1 ranks"; }
    [ "$(digest_of from.txt)" = "$reference" ] || fail "other bits on $1 ranks"
}

# goes_on_on R STEP R' NODE_RANKS
goes_on_on() {
    local from=from-$1/checkpoints/$2.h5 out=from-$1-$2-on-$3
    written_by "$1"
    MNIST_DIST_NODE_RANKS=$4 train "$3" "${rich[@]}" --out "$out" --resume "$from" >on.txt ||
        { cat on.txt; fail "$from on $3 ranks"; }
    grep -q "resuming from $from" on.txt || { cat on.txt; fail "$from was not gone on from"; }
    [ "$(digest_of on.txt)" = "$reference" ] || fail "$from on $3 ranks, $4 a node: other bits"
    cmp -s whole/submission.csv "$out/submission.csv" || fail "$from on $3 ranks predicts otherwise"
    rm -rf "$out"
    echo "$from on $3 ranks, $4 a node (0: all): same"
}

if [ -n "$long" ]; then
    for from in "${counts[@]}"; do
        for to in "${counts[@]}"; do printf '%s\n' "$from $within $to" "$from $at_end $to"; done
    done >pairs.txt
else
    printf '%s\n' "1 $within 8" "8 $at_end 1" "2 $within 7" "7 $at_end 2" "3 $within 5" \
        "5 $at_end 3" "4 $within 3" "3 $at_end 4" "7 $within 8" "8 $at_end 7" >pairs.txt
fi

make_digits 200 20
"${alone[@]}" "$program" train "${rich[@]}" --out whole >whole.txt
reference=$(digest_of whole.txt)
done=0
while read -r from step to; do
    goes_on_on "$from" "$step" "$to" $((done % 3 == 0 ? 1 + done / 3 % 2 * 2 : 0)) </dev/null
    done=$((done + 1))
done <pairs.txt
echo "$done of 98 resumes from R to R' ranks: same"
