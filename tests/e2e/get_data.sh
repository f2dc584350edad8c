#!/usr/bin/env bash
# data/get.sh: from a folder, from data/ itself, from opencv-doc; what it keeps and what it refuses.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"
mkdir project project/data given
cp "$source/data/get.sh" project/data/
export MNIST_DIST=$program MNIST_MIRRORS=
get=project/data/get.sh
made=project/data/digits.h5

# rows PART: how many rows digits.h5 has in a part.
rows() {
    h5dump -H -d "/$1/images" "$made" | sed -n 's/.*SIMPLE { ( \([0-9]*\), 28, 28 ).*/\1/p'
}
expect_rows() {
    [ "$(rows train)" = "$1" ] || fail "$(rows train) training rows, not $1"
    [ "${2:-none}" = none ] || [ "$(rows test)" = "$2" ] || fail "$(rows test) test rows, not $2"
}
command -v h5dump >/dev/null || skip "no h5dump (Debian package hdf5-tools)"

$get --help | grep 'data/get.sh \[FOLDER\]' >/dev/null || fail "no help"
expect_error 2 'no such option' $get --wrong
expect_error 2 'missing: is no folder' $get missing
expect_error 3 'given: holds neither' $get given
[ ! -e $made ] || fail "made from nothing"

awk -v rows=30 -v labelled=1 -f "$source/tests/e2e/digits.awk" >given/train.csv
awk -v rows=20 -v labelled=0 -f "$source/tests/e2e/digits.awk" | gzip >given/test.csv.gz
$get given >out.txt
grep -q 'from given/train.csv and given/test.csv.gz' out.txt || fail "not said what was taken"
expect_rows 30 20

before=$(sha256sum $made)
$get given | grep 'already there; remove it to make it anew' >/dev/null || fail "not said that it is kept"
[ "$(sha256sum $made)" = "$before" ] || fail "digits.h5 was not kept"

rm $made given/test.csv.gz
mv given/train.csv project/data/
(cd / && "$work/$get") | grep 'data/train.csv$' >/dev/null || fail "data/ itself was not taken"
expect_rows 30

rm $made
echo nonsense >project/data/train.csv
expect_error 3 'train.csv:1: ' $get
[ ! -e $made ] || fail "made from nonsense"
rm project/data/train.csv

# The mirrors are passed over, each with its reason; then comes opencv-doc, by apt, even where the
# package is installed.
mkdir mirror
echo no digits >mirror/train-images-idx3-ubyte.gz
sed '/^ *if \[ -f .*sheet/s/\[.*\]/false/' "$source/data/get.sh" >$get
rc=0
TMPDIR=$work/mirror MNIST_MIRRORS="file://$work/none file://$work/mirror" $get >out.txt 2>&1 || rc=$?
cat out.txt
grep -q "passed over file://$work/none: " out.txt || fail "not said why the first was passed over"
grep -q 'another SHA-256 digest' out.txt || fail "a wrong digest was not noticed"
[ "$(find mirror | wc -l)" -eq 2 ] || fail "temporary files were left: $(find mirror)"
if [ $rc -ne 0 ]; then
    grep -q "passed over Debian's package" out.txt || fail "opencv-doc was not tried"
    skip "the package opencv-doc is not to be had; all but that passed"
fi
grep -q "made .* from digits.png of Debian's package opencv-doc_.*deb" out.txt ||
    fail "not said what was taken"
expect_rows 5000
[ "$(find project | wc -l)" -eq 4 ] || fail "something was left: $(find project)"
