#!/usr/bin/env bash
# Where a run lives and what may go wrong there: folders that cannot be written, files that went
# missing, a full disk, closed streams, a training that diverges.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"
disk=$work/disk
unmount_and_clean_up() {
    if mountpoint -q "$disk"; then umount "$disk"; fi
    clean_up
}
trap unmount_and_clean_up EXIT

# Digits so easy that the 20 rows held out are all right after the second epoch, so that no later
# one is better; and noise to predict, so that the networks of two epochs differ in what they say.
awk -v rows=1000 -v labelled=1 -f "$source/tests/e2e/digits.awk" >train.csv
awk 'BEGIN {
    state = 4711
    for (p = 0; p < 784; p++) printf "pixel%d%s", p, p < 783 ? "," : "\n"
    for (i = 0; i < 200 * 784; i++) {
        state = state * 16807 % 2147483647
        printf "%d%s", state < 4e8 ? state % 256 : 0, i % 784 < 783 ? "," : "\n"
    }
}' >test.csv
"$program" import train.csv test.csv -o digits.h5 >/dev/null
easy=(--config "$source/configs/smoke.yaml" --data digits.h5 data.limit=0 data.folds=50
    "model.layers=conv 3x3 8 same relu, maxpool 2x2, flatten, dense 32 relu, dense 10 softmax"
    augmentation.rotation=0 augmentation.zoom=0 augmentation.shift=0 training.batch_size=20
    training.epochs=4 optimizer.learning_rate=0.003 checkpoint.keep=99)
one=(mpirun -np 1 -quiet "$program")

train 2 "${easy[@]}" --out whole checkpoint.every_steps=20 >whole.txt
reference=$(digest_of whole.txt)
best=$(sed -n 's/.*finished after 4 epochs, .* in epoch \([0-9]\)$/\1/p' whole.txt)
[ "${best:-4}" -lt 3 ] || { cat whole.txt; fail "the best epoch is not before the third"; }
middle=whole/checkpoints/step-00000120.h5 # of the 49 steps of an epoch, 22 of the third
"$program" predict whole/checkpoints/step-00000196.h5 --data digits.h5 -o last.csv >/dev/null
if cmp -s last.csv whole/submission.csv; then fail "the last epoch predicts what the best does"; fi

# A new directory, with the checkpoint's folder and with the checkpoint alone.
train 3 "${easy[@]}" --out aside --resume $middle >aside.txt
cmp aside/submission.csv whole/submission.csv || fail "resumed aside: other predictions"
"$program" predict aside/checkpoints/best.h5 --data digits.h5 -o aside.csv >/dev/null
cmp aside.csv whole/submission.csv || fail "resumed aside: best.h5 is another network"
mkdir alone && cp $middle alone/
train 1 "${easy[@]}" --out bare --resume alone/step-00000120.h5 >bare.txt
[ "$(digest_of bare.txt)" = "$reference" ] || fail "a checkpoint alone: other bits"
cmp bare/submission.csv whole/submission.csv || fail "a checkpoint alone: other predictions"
[ -e bare/checkpoints/best.h5 ] || grep -q "no best.h5 of epoch $best" bare.txt ||
    fail "a missing best.h5 is not spoken of"

# best.h5 is gone before the end, and metrics.csv is a folder.
train 2 "${easy[@]}" --out robbed training.epochs=3 >/dev/null
rm robbed/checkpoints/best.h5 robbed/metrics.csv
mkdir robbed/metrics.csv
train 2 "${easy[@]}" --out robbed >robbed.txt || fail "a folder metrics.csv ends the training"
grep -q 'warning: robbed/metrics.csv' robbed.txt || fail "a folder metrics.csv is not spoken of"
[ "$(digest_of robbed.txt)" = "$reference" ] || fail "best.h5 removed: other bits"
cmp robbed/submission.csv whole/submission.csv || fail "best.h5 removed: other predictions"

# The accuracy of the training's end is that of evaluate.
"$program" evaluate whole/checkpoints/best.h5 --data digits.h5 >evaluate.txt
counts=$(sed -n 's/^validation of epoch.* (\([0-9]* of 20\)).*/\1/p' whole.txt)
grep -q "^validation: accuracy [0-9.]* % (${counts:-none})" evaluate.txt ||
    fail "evaluate differs from the training's $counts"

# The newest run by its link.
for name in first second; do
    train 1 "${easy[@]}" --out runs/$name training.epochs=1 >/dev/null
done
train 1 "${easy[@]}" --out runs/latest training.epochs=2 >latest.txt ||
    { cat latest.txt; fail "--out runs/latest"; }
grep -q '^runs/second: finished after 2 epochs' latest.txt || fail "not gone on with runs/second"
[ "$(readlink runs/latest)" = second ] || fail "runs/latest points at $(readlink runs/latest)"
[ "$(find runs -mindepth 1 -maxdepth 1 | wc -l)" -eq 3 ] || fail "something new in runs/"
rm runs/latest
expect_error 2 'runs/latest' "${one[@]}" "${easy[@]}" --out runs/latest

# Places that cannot be written.
echo kept >file
expect_error 1 'file: .*folder' "${one[@]}" "${easy[@]}" --out file
expect_error 1 'file: .*folder|file/run' "${one[@]}" "${easy[@]}" --out file/run
[ "$(cat file)" = kept ] || fail "the file in the place of a run was touched"
expect_error 1 'file/x\.csv' "$program" predict whole/checkpoints/best.h5 --data digits.h5 \
    -o file/x.csv
expect_error 1 'robbed.* folder' "$program" predict whole/checkpoints/best.h5 --data digits.h5 \
    -o robbed
if [ -d /proc/self ]; then
    expect_error 1 '/proc/run' "${one[@]}" "${easy[@]}" --out /proc/run
fi

# What a checkpoint does not go with.
expect_error 2 'model\.layers' "${one[@]}" "${easy[@]}" --out other --resume $middle \
    "model.layers=flatten, dense 10 softmax"
mkdir -p lowered/checkpoints && cp $middle lowered/checkpoints/
expect_error 2 'training\.epochs=3' "${one[@]}" "${easy[@]}" --out lowered training.epochs=2
expect_error 2 'training\.epochs=3' "${one[@]}" "${easy[@]}" --out low --resume $middle \
    training.epochs=2
head -n 900 train.csv >fewer.csv
"$program" import fewer.csv test.csv -o fewer.h5 >/dev/null
expect_error 3 'fewer\.h5' "$program" evaluate whole/checkpoints/best.h5 --data fewer.h5
for folder in other low; do [ ! -e $folder ] || fail "a refused run left $folder"; done

# Closed streams, and one that nobody reads: neither the training nor its files suffer.
"$program" train "${easy[@]}" --out shut >&- 2>&- <&- || fail "exit code $? with closed streams"
grep -qx "state digest $reference" shut/log.txt || fail "closed streams: other bits"
cmp shut/submission.csv whole/submission.csv || fail "closed streams: other predictions"
# Under mpirun one at a time: with both closed, Open MPI 4.1 takes its own pipes for them and sends
# the ranks signals.
shut=("${easy[@]}" training.epochs=1 output.predict=false)
mpirun -np 2 "$program" train "${shut[@]}" --out out-shut >&- || fail "exit code $? with output closed"
mpirun -np 2 "$program" train "${shut[@]}" --out in-shut <&- >/dev/null ||
    fail "exit code $? with input closed"
"$program" train "${shut[@]}" --out piped | head -n 1 >/dev/null ||
    fail "exit codes ${PIPESTATUS[*]} when nobody reads on"
[ "$(digest_of piped/log.txt)" = "$(digest_of in-shut/log.txt)" ] || fail "a reader gone: other bits"
[ "$(digest_of out-shut/log.txt)" = "$(digest_of in-shut/log.txt)" ] || fail "closed: other bits"

# A training that diverges keeps only checkpoints whose loss is a number, and says what to do.
rc=0
train 2 "${easy[@]}" --out wild optimizer.kind=sgd optimizer.learning_rate=1000 \
    "model.layers=flatten, dense 32, dense 32, dense 10 softmax" checkpoint.every_steps=1 \
    >wild.txt || rc=$?
[ $rc -eq 5 ] || { cat wild.txt; fail "exit code $rc of a training that diverges"; }
grep -q 'lower optimizer.learning_rate' wild.txt || fail "diverged: no remedy"
[ ! -e wild/submission.csv ] || fail "diverged: predictions were written"
newest=$(find wild/checkpoints -name '*.h5' | sort | tail -n 1)
for file in wild/checkpoints/*; do
    /usr/bin/python3 - "$file" <<'PYTHON' || fail "$file: not finite"
import sys, h5py, numpy
def check(name, item):
    if isinstance(item, h5py.Dataset) and item.dtype.kind == "f" and "weights" in name:
        assert numpy.isfinite(item[...]).all(), name
h5py.File(sys.argv[1], "r").visititems(check)
PYTHON
done
echo "diverged after $newest"

# A full disk: a warning, another, the end; the old checkpoints stay and are gone on from.
mkdir "$disk"
mount -t tmpfs -o size=16m none "$disk" 2>/dev/null || { echo "no full disk: mount is refused"; exit 0; }
train 2 "${easy[@]}" --out disk/run training.epochs=2 >/dev/null
before=$(sha256sum disk/run/checkpoints/*)
free=$(df --output=avail -k disk | tail -n 1)
head -c "$((free - 200))K" /dev/zero >disk/filler # room for the log, not for a checkpoint
rc=0
train 2 "${easy[@]}" --out disk/run checkpoint.every_steps=10 >full.txt || rc=$?
[ $rc -eq 4 ] || { cat full.txt; fail "exit code $rc on a full disk"; }
[ "$(grep -c 'the training goes on' full.txt)" -eq 2 ] || { cat full.txt; fail "not two warnings"; }
grep -q 'mend that and run again' full.txt || fail "a full disk: no remedy"
[ "$before" = "$(sha256sum disk/run/checkpoints/*)" ] || fail "the old checkpoints were touched"
[ "$(find disk/run/checkpoints -name '.*' -type f | wc -l)" -eq 0 ] || fail "parts were left"
rm disk/filler
train 3 "${easy[@]}" --out disk/run >mended.txt
[ "$(digest_of mended.txt)" = "$reference" ] || fail "other bits after a full disk"
