#!/usr/bin/env bash
# The 42,000 real rows: imported, trained on for an epoch, predicted.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"
full_data
train 2 --config "$source/configs/baseline.yaml" --data digits.h5 --out run training.epochs=1 \
    model.layers="conv 5x5 16 relu, maxpool 2x2, conv 3x3 32 relu, maxpool 2x2, flatten, dense 64 relu, dropout 0.25, dense 10 softmax" |
    tee out.txt
grep -q '37800 rows to train on, 4200 held out, 28000 to predict' out.txt ||
    skip "data/digits.h5 is not made from the 42,000 rows"
accuracy=$(sed -n 's/^epoch .*val_accuracy \([0-9.]*\) %.*/\1/p' out.txt)
awk -v a="$accuracy" 'BEGIN { exit !(a > 96) }' || fail "accuracy $accuracy % after an epoch"
[ "$(wc -l <run/submission.csv)" -eq 28001 ] || fail "not 28,000 predictions"

# Pictures of twenty rows in twelve styles each are read nearly as well as the rows themselves.
mkdir drawn
/usr/bin/python3 "$source/tests/e2e/draw_pictures.py" digits.h5 drawn 100 20
"$program" predict run/checkpoints/best.h5 --images drawn/*.png -o pictures.csv >/dev/null
/usr/bin/python3 - <<'END' || fail "pictures are read badly"
import collections
import csv
right, count = collections.Counter(), collections.Counter()
for row in csv.DictReader(open("pictures.csv")):
    style, _, label = row["file"].rsplit("/", 1)[-1][:-4].rsplit("-", 2)
    right[style] += row["label"] == label
    count[style] += 1
print("pictures read right:", ", ".join(f"{s} {right[s]} of {count[s]}" for s in count))
assert sum(right.values()) >= 225 and min(right.values()) >= 15, "fewer than 225 of 240"
END
