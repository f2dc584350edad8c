#!/usr/bin/env bash
# The commands as a new user meets them, mistakes included.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"
make_digits 600 50

# A training leaves what the README says, and finds its end when it is started again.
train 2 "${quick[@]}" >out.txt
cd runs/smoke
for file in config.yaml log.txt metrics.h5 metrics.csv submission.csv checkpoints/best.h5 \
    report.html curves.png confusion.png errors.png augmented.png; do
    [ -s "$file" ] || fail "no $file"
done
cd "$work"
[ "$(readlink runs/latest)" = smoke ] || fail "runs/latest does not point at the run"
[ "$(head -n 1 runs/smoke/submission.csv)" = ImageId,Label ] || fail "submission.csv: header"
[ "$(wc -l <runs/smoke/submission.csv)" -eq 51 ] || fail "submission.csv: not 51 lines"
[ "$(tail -n 1 runs/smoke/submission.csv | cut -d, -f1)" = 50 ] || fail "submission.csv: last id"
grep -q 'Total params' out.txt || fail "no table of the model"
grep -q 'precision' out.txt || fail "no confusion matrix"
grep -c '^epoch ' out.txt | grep -qx 3 || fail "not one line per epoch"
if grep -q $'\r' out.txt; then fail "a progress bar in a file"; fi
train 3 "${quick[@]}" >again.txt || fail "a finished run does not exit with 0"
grep -q -- '--resume never' again.txt || fail "a finished run does not say how to train anew"
train 1 "${quick[@]}" --resume never >/dev/null
[ -f runs/smoke-2/checkpoints/best.h5 ] || fail "--resume never is not beside the old run"

# More epochs go on with a finished run.
train 2 "${quick[@]}" training.epochs=4 >more.txt
grep -c '^epoch ' more.txt | grep -qx 1 || fail "four epochs after three are not one more"

# The confusion matrix counts the same rows as the accuracy, and the epoch that was the best.
hits=$(sed -n 's/^validation of epoch [0-9]*.s network, the best: accuracy [0-9.]* % (\([0-9]*\) of 60).*/\1/p' out.txt)
diagonal=$(awk '/^  label/ { n += $(4 + $2) } END { print n }' out.txt)
[ "$hits" = "$diagonal" ] || fail "the confusion matrix has $diagonal hits, the accuracy $hits"
grep -q "best validation accuracy $(awk -v h="$hits" 'BEGIN { printf "%.2f", h / 0.6 }') %" out.txt ||
    fail "the best epoch is not the one of best.h5"

# Evaluate and predict, alone and as an average.
best=runs/smoke/checkpoints/best.h5
"$program" predict "$best" --data digits.h5 -o one.csv >/dev/null
cmp one.csv runs/smoke/submission.csv || fail "predict differs from the training's own"
"$program" predict "$best" runs/smoke-2/checkpoints/best.h5 --data digits.h5 -o two.csv >/dev/null
[ "$(wc -l <two.csv)" -eq 51 ] || fail "the average of two predicts not 50 rows"
mpirun -np 3 "$program" evaluate "$best" --data digits.h5 >evaluate.txt
grep -q recall evaluate.txt || fail "evaluate shows no recall"
"$program" evaluate "$best" --data digits.h5 | cmp - evaluate.txt || fail "ranks change evaluate"

# Several views of each image: other probabilities, the same at any number of ranks.
"$program" evaluate "$best" --data digits.h5 --tta 1 | cmp - evaluate.txt || fail "--tta 1"
"$program" evaluate "$best" --data digits.h5 --tta 9 >views.txt
mpirun -np 3 "$program" evaluate "$best" --data digits.h5 --tta 9 | cmp - views.txt ||
    fail "ranks change --tta"
! cmp -s views.txt evaluate.txt || fail "--tta 9 changes nothing"
awk '/^validation/ { sub(/.*loss /, ""); losses[++n] = $0 }
    END { exit n == 2 && losses[2] - losses[1] < 0.3 ? 0 : 1 }' evaluate.txt views.txt ||
    fail "--tta 9: not a mean of probabilities"
"$program" predict "$best" --data digits.h5 --tta 5 -o views.csv >/dev/null
[ "$(wc -l <views.csv)" -eq 51 ] || fail "--tta: predict writes not 51 lines"
expect_error 2 'tta 10: expected a number from 1 to 9' \
    "$program" evaluate "$best" --data digits.h5 --tta 10

train 1 "${quick[@]}" --out seed-1 training.seed=1 >/dev/null
expect_error 3 'seed-1.* was trained on 60 of the 60 rows .*--allow-overlap' \
    "$program" evaluate "$best" seed-1/checkpoints/best.h5 --data digits.h5
mpirun -np 2 "$program" evaluate "$best" seed-1/checkpoints/best.h5 --data digits.h5 \
    --allow-overlap >overlap.txt 2>&1
grep -q 'seed-1.* was trained on 60 of the 60' overlap.txt || fail "an overlap is not told"
grep -q '^validation: accuracy' overlap.txt || fail "--allow-overlap does not evaluate"

# Rows are known again in other files, where all labelled ones are judged; others are not.
head -n 301 train.csv >part.csv
"$program" import part.csv -o part.h5 >/dev/null
awk -F, -v OFS=, 'NR > 1 { $2 = 255 - $2 } 1' part.csv >changed.csv
"$program" import changed.csv -o changed.h5 >/dev/null
expect_error 3 'was trained on 2[0-9][0-9] of the 300 rows of part\.h5' \
    "$program" evaluate "$best" --data part.h5
"$program" evaluate "$best" --data changed.h5 >changed.txt
grep -q '^labelled rows: accuracy.* of 300' changed.txt || fail "other rows are not judged"
"$program" import changed.csv part.csv -o both.h5 >/dev/null
expect_error 3 'was trained on 2[0-9][0-9] of the 300 rows of both\.h5' \
    "$program" evaluate "$best" --data both.h5

# A train without any option, from a folder with data/digits.h5, in which it finds everything.
mkdir data && cp digits.h5 data/
mpirun -np 8 "$program" training.epochs=1 data.limit=100 >plain.txt 2>&1 || fail "plain training"
[ -f runs/baseline/submission.csv ] || fail "plain training: no runs/baseline/submission.csv"

# Mistakes: one line each, with the place and the remedy, and the exit code of its kind.
one=(mpirun -np 1 -quiet "$program")
expect_error 2 'training\.epocs.*did you mean training\.epochs' "${one[@]}" training.epocs=3
expect_error 2 'training\.epochs.*integer' "${one[@]}" training.epochs=many
printf 'training:\n  epochs: 2\n  batchsize: 7\n' >bad.yaml
expect_error 2 'bad\.yaml:3: .*training\.batch_size' "${one[@]}" --config bad.yaml
expect_error 2 'missing\.yaml' "${one[@]}" --config missing.yaml
expect_error 2 'trian.*train' "${one[@]}" trian
expect_error 2 'model\.layers.*maxpool' "${one[@]}" --data digits.h5 --out x \
    'model.layers=conv 3x3 8 relu, maxpol 2x2, flatten, dense 10 softmax'
expect_error 2 'shards' mpirun -np 3 -quiet "$program" "${quick[@]}" --out x training.shards=2
expect_error 3 'missing\.h5.*data/get\.sh' "${one[@]}" --data missing.h5 --out x
expect_error 3 'train\.csv' "${one[@]}" --data train.csv --out x
expect_error 4 'missing-checkpoint\.h5' "${one[@]}" --data digits.h5 --out y \
    --resume missing-checkpoint.h5
expect_error 4 'digits\.h5' "$program" predict digits.h5 --data digits.h5 -o z.csv
expect_error 3 'nothing\.csv' "$program" import nothing.csv -o w.h5
printf 'label,pixel0\n1,2\n' >short.csv
expect_error 3 'short\.csv:1' "$program" import short.csv -o w.h5
[ ! -e w.h5 ] || fail "a bad import left a file"

# Other data under an unfinished run are refused.
make_digits 500 10
expect_error 3 'fingerprint' "${one[@]}" "${quick[@]}" --out runs/smoke training.epochs=6
