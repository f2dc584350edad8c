#!/usr/bin/env bash
# Pictures of digits as people have them: what is printed, the CSV file, and the mistakes. How many
# are read right is seen on the 42,000 rows: full_data.sh.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"
make_digits 600 10
train 1 "${quick[@]}" --out run training.epochs=1 >/dev/null
best=run/checkpoints/best.h5
rm -rf run/checkpoints/step-*

/usr/bin/python3 "$source/tests/e2e/draw_pictures.py" digits.h5 . 0 1
mv noisy-0-*.png 'a, b.png'
mv original-0-*.png seven.png

# One picture after the other: its name, the digit in blocks, three guesses that fall.
"$program" predict "$best" --images 'a, b.png' seven.png -o out.csv >out.txt
[ "$(grep -c 'png$' out.txt)" -eq 2 ] || fail "not the names of two pictures"
[ "$(grep -c '%' out.txt)" -eq 6 ] || fail "not three guesses each"
grep -q '█' out.txt || fail "no digit in blocks"
awk '/png$/ { last = 101 } /%/ { sub(/ %.*/, ""); if ($NF > last) exit 1; last = $NF }' out.txt ||
    fail "the guesses are not in order"

# The file: quoted where need be; probabilities add up to 1; the label has the largest.
[ "$(head -n 1 out.csv)" = file,label,p0,p1,p2,p3,p4,p5,p6,p7,p8,p9 ] || fail "out.csv: header"
/usr/bin/python3 - <<'END' || fail "out.csv"
import csv
rows = list(csv.DictReader(open("out.csv")))
assert [row["file"] for row in rows] == ["a, b.png", "seven.png"], rows
for row in rows:
    p = [float(row[f"p{i}"]) for i in range(10)]
    assert abs(sum(p) - 1) < 1e-4 and p.index(max(p)) == int(row["label"]), row
END

# The data are not needed, nor does it matter how many ranks or networks there are.
mv digits.h5 away.h5
mpirun -np 3 "$program" predict "$best" --images 'a, b.png' seven.png -o ranks.csv >/dev/null
cmp out.csv ranks.csv || fail "ranks change the predictions"
"$program" predict "$best" "$best" --images seven.png >two.txt || fail "the mean of two networks"
mv away.h5 digits.h5

# Mistakes: one line each; the other pictures are read all the same.
head -c 200 seven.png >cut.png
one=("$program" predict "$best")
expect_error 3 'cut\.png: damaged PNG' "${one[@]}" --images cut.png
expect_error 3 'none\.png: cannot be opened' "${one[@]}" --images none.png
expect_error 3 'digits\.h5: is neither PNG nor JPEG' "${one[@]}" --images digits.h5
expect_error 2 'no file is named' "$program" predict --images seven.png
expect_error 2 '[-]o FILE is missing' "${one[@]}"
expect_error 2 'evaluate takes no option images' "$program" evaluate "$best" --images seven.png
expect_error 2 'a value must follow --images' "${one[@]}" --images
rc=0
"${one[@]}" --images cut.png seven.png none.png -o some.csv >some.txt 2>some.err || rc=$?
[ "$rc" -eq 3 ] || fail "exit code $rc for pictures of which two are bad"
[ "$(grep -c '^mnist_dist: error: ' some.err)" -eq 3 ] || { cat some.err; fail "not three lines"; }
grep -q '2 of 3 pictures could not be read' some.err || fail "no count of the bad ones"
[ "$(wc -l <some.csv)" -eq 2 ] || fail "the good one is not in the file"
