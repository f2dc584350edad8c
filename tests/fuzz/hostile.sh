#!/usr/bin/env bash
# Checkpoints that a stranger wrote: what is whole is read, what is not is refused in one line and in
# time, and no other file is touched. Called as the end-to-end tests are.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/../e2e/common.sh"
python=/usr/bin/python3
"$python" -c 'import h5py' 2>/dev/null || skip "$python has no h5py"
make_digits 540 10
train 1 "${quick[@]}" >whole.txt || fail "$(cat whole.txt)"
first=$(find runs/smoke/checkpoints -name 'step-*' | sort | head -n 1)
mkdir files
"$python" "$source/tests/fuzz/hostile_files.py" "$first" "$work/files"

# A checkpoint without the digest goes on with the same bits, and is said to have none.
train 2 "${quick[@]}" --out resumed --resume files/stripped.h5 >resumed.txt
[ "$(digest_of resumed.txt)" = "$(digest_of whole.txt)" ] || fail "a stripped checkpoint resumes to other bits"
grep -q 'stripped.h5: has no digest in front' resumed.txt || fail "no word about the missing digest"

# Copied by h5py, object by object, it is another file and the same checkpoint.
"$python" - "$work/files" <<'END'
import sys, h5py
with h5py.File(sys.argv[1] + "/stripped.h5") as a, h5py.File(sys.argv[1] + "/copied.h5", "w") as b:
    for name in a:
        a.copy(name, b)
    b.attrs.update(a.attrs)
END
train 1 "${quick[@]}" --out copied --resume files/copied.h5 >copied.txt
[ "$(digest_of copied.txt)" = "$(digest_of whole.txt)" ] || fail "a copied checkpoint resumes to other bits"

# With the magic in front it is ours, and damaged.
cp "$first" files/edited.h5
"$python" -c 'import h5py, sys; h5py.File(sys.argv[1], "r+")["training"].attrs["step"] = 3' files/edited.h5
tail -c +513 files/edited.h5 >files/mine.h5
"$program" evaluate files/mine.h5 --data digits.h5 --allow-overlap >mine.txt 2>&1 || fail "$(cat mine.txt)"
grep -q 'mine.h5: has no digest in front' mine.txt || fail "no word about the missing digest"

# refused NAME SECONDS PATTERN
refused() {
    local name=$1 seconds=$2 pattern=$3 start=$SECONDS
    expect_error 4 "^mnist_dist: error: files/$name.h5: .*$pattern" \
        timeout 60 "$program" evaluate "files/$name.h5" --data digits.h5
    [ $((SECONDS - start)) -le "$seconds" ] || fail "$name: $((SECONDS - start)) s"
    tried=$((tried + 1))
}
tried=0
refused edited 5 'digest does not match'
refused external-link 5 'soft or external link, which is not followed'
refused external-group 5 'soft or external link, which is not followed'
refused soft-link 5 'soft or external link, which is not followed'
refused soft-loop 5 'soft or external link, which is not followed'
refused external-storage 5 'stored in another file, which is not followed'
refused virtual 5 'stored in another file, which is not followed'
refused plugin 5 'stored with filter 32015, which is not taken'
refused four-tebibytes 5 'declares more numbers than the file holds'
refused four-tebibytes-of-weights 5 'declares more numbers than the file holds'
refused bomb 10 'out of memory'
refused huge-text 5 'no text of a sensible length'
refused deep-groups 5 'is missing'
refused a-configuration-that-is-none 5 'its configuration'
refused a-huge-model 5 'are more than a model may have'
refused other-type 5 'holds another type of number'
refused not-finite 5 'is not finite'
refused keras 5 'a Keras model, without the state of a training by this program'
refused hang 25 'not read within 1[0-9] s'
expect_error 3 'files/virtual.h5: an HDF5 file, but no checkpoint' "$program" info files/virtual.h5
rc=0
train 2 "${quick[@]}" --out other --resume files/virtual.h5 >other.txt || rc=$?
[ "$rc" -eq 4 ] || fail "two ranks: exit code $rc"
[ "$(grep -c '^mnist_dist: error: files/virtual.h5: .*not followed' other.txt)" -eq 1 ] || fail "$(cat other.txt)"
[ ! -e other/checkpoints ] || [ -z "$(ls other/checkpoints)" ] || fail "a refused checkpoint left some"

# digits.h5, metrics.h5 and predictions.h5 of older versions have no seal: a hang there ends as well.
"$python" - "$work" runs/smoke <<'END'
import struct, sys
for path in (sys.argv[1] + "/digits.h5", sys.argv[2] + "/metrics.h5", sys.argv[2] + "/predictions.h5"):
    data = open(path, "rb").read()
    old = bytearray(data[512:struct.unpack("<Q", data[24:32])[0]])
    open(path, "wb").write(old)
END
"$program" evaluate "$first" --data digits.h5 --allow-overlap >old.txt || fail "an old digits.h5 is not read"
"$program" report runs/smoke >report.txt 2>&1 || fail "an old run's folder is not read"
if grep -q missing report.txt; then fail "an old run's folder lacks something"; fi
printf 'x' | dd of=runs/smoke/metrics.h5 bs=1 seek=60 conv=notrunc 2>/dev/null
"$program" report runs/smoke >report.txt 2>&1 || fail "a damaged metrics.h5 ends the report"
grep -q 'metrics.h5' report.txt || fail "a damaged metrics.h5 is not named"
echo "$tried hostile files refused"
