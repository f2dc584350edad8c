#!/usr/bin/env bash
# The contract's one answer for every optimizer, schedule and odd division of the data: the same
# digest at 1, 3 and 8 ranks, and after a resume on 5.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"
make_digits 300 20

# 270 rows to train on are batches of 89, 89, 89 and 3: the last has fewer rows than shards. Step 5
# is the first of the second epoch.
short=("${quick[@]}" training.batch_size=89 training.epochs=2 schedule.min_rate=0
    checkpoint.every_steps=5 checkpoint.keep=99)
digests=

# same NAME STEP KEYS...: whether a run of these keys has one answer, STEP being a checkpoint of it.
same() {
    local name=$1 step=$2 digest
    shift 2
    train 1 "${short[@]}" --out "$name" "$@" >"$name.txt" || { cat "$name.txt"; fail "$name"; }
    digest=$(digest_of "$name.txt")
    train 3 "${short[@]}" --out "$name-3" "$@" >3.txt
    train 8 "${short[@]}" --out "$name-8" "$@" training.threads=2 >8.txt
    train 5 "${short[@]}" --out "$name-5" "$@" --resume "$name/checkpoints/step-$step.h5" >5.txt
    for ranks in 3 8 5; do
        [ "$(digest_of $ranks.txt)" = "$digest" ] || fail "$name: other bits on $ranks ranks"
        cmp -s "$name/submission.csv" "$name-$ranks/submission.csv" ||
            fail "$name: other predictions on $ranks ranks"
    done
    grep -q 'resuming from' 5.txt || fail "$name: was not resumed"
    case $digests in *$digest*) fail "$name: the bits of another variant; no key took effect" ;; esac
    digests+=" $digest"
    echo "$name: $digest"
}

same sgd 00000005 optimizer.kind=sgd schedule.kind=constant optimizer.learning_rate=0.05
same nesterov 00000005 optimizer.kind=sgd optimizer.momentum=0.9 optimizer.nesterov=true \
    schedule.kind=cosine schedule.warmup_epochs=0.5
same momentum 00000005 optimizer.kind=sgd optimizer.momentum=0.9 schedule.kind=cosine \
    schedule.warmup_epochs=0.5
same rmsprop 00000005 optimizer.kind=rmsprop schedule.kind=one_cycle schedule.warmup_epochs=1.5
same adamw 00000005 optimizer.kind=adamw schedule.kind=step schedule.every_epochs=1
same spared-biases 00000005 optimizer.kind=adamw optimizer.weight_decay=0.1 \
    optimizer.decay_biases=false
same lars 00000005 optimizer.kind=lars optimizer.momentum=0.9 optimizer.trust=0.02
same lamb 00000005 optimizer.kind=lamb optimizer.decay_biases=false optimizer.clip_norm=0.5
same clipped 00000005 optimizer.kind=sgd optimizer.momentum=0.9 optimizer.clip_norm=0.5
same smoothed 00000005 training.label_smoothing=0.1
same sheared 00000005 augmentation.shear=0.1 augmentation.translate=2 augmentation.fill=zero
same batchnorm 00000005 model.layers="conv 3x3 8 nobias, batchnorm relu momentum 0.9, maxpool 2x2, \
    dropout 0.25, flatten, dense 20 nobias, batchnorm, dense 10 softmax"
same batchnorm-clipped 00000005 model.layers="flatten, dense 20 nobias, batchnorm relu, dense 10 softmax" \
    optimizer.kind=adamw optimizer.decay_biases=false optimizer.clip_norm=0.5
same distorted 00000005 augmentation.elastic_alpha=34 augmentation.erase=0.5
same mixed 00000005 augmentation.mixup=0.4
same ema 00000005 average.kind=ema average.decay=0.9 average.start_epoch=0.5
same swa 00000005 average.kind=swa average.start_epoch=0.5 average.every_steps=2
same batchnorm-ema 00000005 average.kind=ema average.decay=0.9 \
    model.layers="conv 3x3 8 nobias, batchnorm relu momentum 0.9, maxpool 2x2, flatten, dense 10 softmax"
same batchnorm-measured 00000005 average.kind=swa average.measure_batches=3 \
    model.layers="conv 3x3 8 nobias, batchnorm relu momentum 0.9, maxpool 2x2, flatten, dense 10 softmax"
same views 00000005 average.views=3
same rarely-validated 00000005 schedule.kind=cosine training.epochs=3 training.validate_every=0 \
    checkpoint.every_epochs=0
same residual 00000005 model.layers="conv 3x3 8 stride 2 nobias, batchnorm relu, save a, \
    conv 3x3 8 nobias, batchnorm, add a relu, globalavgpool, dense 10 softmax"
same accumulated 00000002 training.batch_size=44 training.accumulate=3 checkpoint.every_steps=2
same drop-last 00000005 training.drop_last=true
same no-hold-out 00000005 data.folds=0 schedule.kind=constant
same no-hold-out-rare 00000005 data.folds=0 schedule.kind=cosine training.epochs=3 training.validate_every=0
same one-batch 00000001 training.batch_size=1000

# The last epoch alone was to be judged.
[ "$(grep 'best so far' no-hold-out-rare.txt | grep -c '^epoch *3/3')/$(grep -c 'best so far' no-hold-out-rare.txt)" = 1/1 ] ||
    fail "no-hold-out-rare: another epoch than the last was judged"

# What predicts is the average, also when it is read from the file; and it is not the live weights.
"$program" predict ema/checkpoints/best.h5 --data digits.h5 -o ema.csv >/dev/null
cmp -s ema.csv ema/submission.csv || fail "ema: best.h5 does not predict as the run did"
MNIST_DIST_NODE_RANKS=1 train 3 "${short[@]}" --out ema-nodes average.kind=ema average.decay=0.9 \
    average.start_epoch=0.5 >nodes.txt
[ "$(digest_of nodes.txt)" = "$(digest_of ema.txt)" ] || fail "ema: other bits over messages"
train 2 "${short[@]}" --out ema-again average.kind=ema average.decay=0.9 \
    average.start_epoch=0.5 --resume ema-nodes/checkpoints/step-00000005.h5 >again.txt
[ "$(digest_of again.txt)" = "$(digest_of ema.txt)" ] || fail "ema: other bits after messages"

# Validated once, after the last epoch; written down then, and after the steps that were asked for.
grep -c 'val_loss' rarely-validated/log.txt | grep -qx 1 || fail "validated more than once"
grep -q '^epoch  3.*val_loss' rarely-validated/log.txt || fail "the last epoch is not validated"
[ ! -e rarely-validated/checkpoints/step-00000004.h5 ] || fail "a checkpoint after the first epoch"

# At such a rate no epoch is better than the first, so that two more are made.
same early-stop 00000010 training.epochs=9 training.early_stopping=2 \
    schedule.kind=constant optimizer.learning_rate=1e-12
for run in early-stop early-stop-5; do
    grep -q 'finished after 3 epochs, 12 steps' "$run/log.txt" || fail "$run: not 3 epochs"
done
train 2 "${short[@]}" --out early-stop training.epochs=9 training.early_stopping=2 \
    schedule.kind=constant optimizer.learning_rate=1e-12 >again.txt
grep -q 'nothing is left to be done' again.txt || fail "a run stopped early is not finished"
