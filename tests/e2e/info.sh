#!/usr/bin/env bash
# `mnist_dist info`: the facts of a bug report, and what is told of files, whole and damaged.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"
make_digits 600 50
train 2 "${quick[@]}" --out run >/dev/null

# fact NAME FILE: the value that the text shows for it.
fact() {
    sed -n "s/^  $(printf %-18s "$1") //p" "$2" | head -n 1
}
# expect_fact NAME VALUE FILE
expect_fact() {
    [ "$(fact "$1" "$3")" = "$2" ] || { cat "$3"; fail "$3: $1 is '$(fact "$1" "$3")', not '$2'"; }
}

# The surroundings, as text and as JSON, which have the same facts.
mpirun -np 3 "$program" info --data digits.h5 --out run >info.txt
"$program" info --data digits.h5 --json >info.json
/usr/bin/python3 - <<'PYTHON' || fail "info --json"
import json, os, re
info = json.load(open("info.json"))
text = open("info.txt").read()
groups = [line.replace(" ", "_") for line in text.splitlines() if not line.startswith(" ")]
assert groups == list(info), (groups, list(info))
assert info["ranks"]["ranks"] == 1
assert info["libraries"]["hdf5"].count(".") == 2
assert info["machine"]["kernel"].split()[1] == os.uname().release
free = os.statvfs(".").f_bavail * os.statvfs(".").f_frsize
assert abs(info["current_folder"]["free_bytes"] / free - 1) < 0.2
assert info["data"]["train_rows"] == 600
assert "portable" in info["kernels"]["available"]
PYTHON
expect_fact ranks 3 info.txt
expect_fact 'mpi threads' multiple info.txt
[ "$(fact processor info.txt | grep -o '([0-9]* core' | tr -dc 0-9)" = "$(getconf _NPROCESSORS_ONLN)" ] ||
    fail "another number of cores"
if [ "$(nproc)" -lt 3 ]; then expect_fact oversubscribed yes info.txt; fi
mpirun -np 2 taskset -c 0 "$program" info >one.txt
grep -q '2 ranks on 1 processor,' one.txt || { cat one.txt; fail "bound ranks are not told"; }
expect_fact path "$PWD/run" <(sed -n '/^run folder/,$p' info.txt)
expect_fact 'file system' "$(stat -f -c %T /dev/shm)" <(sed -n '/^shared memory/,$p' info.txt)
expect_fact locks 'flock yes, fcntl yes, hard links yes' info.txt
[ -z "$(find . -name '.info*')" ] || fail "a file of the locks' trial is left over"
if OMPI_MCA_btl=self,vader "$program" info | grep -q 'OMPI_MCA_btl=self,vader'; then :; else
    fail "the environment is not told"
fi

# Files: what is told is what is in them.
checkpoint=run/checkpoints/best.h5
for file in digits.h5 "$checkpoint" run/metrics.h5 run/predictions.h5; do
    "$program" info "$file" >told.txt || fail "info $file"
    grep -q '^  verified ' told.txt || fail "info $file: not verified"
    "$program" info --json "$file" | /usr/bin/python3 -m json.tool >/dev/null || fail "info --json $file"
done
"$program" info digits.h5 >told.txt
expect_fact 'train rows' 600 told.txt
expect_fact 'test rows' 50 told.txt
last=$(find run/checkpoints -name 'step-*' | sort | tail -n 1)
"$program" info "$last" >told.txt
expect_fact state finished told.txt
expect_fact epoch '3 of 3' told.txt
expect_fact 'state digest' "$(sed -n 's/^state digest //p' run/log.txt)" told.txt
"$program" info run/metrics.h5 >told.txt
expect_fact epochs 3 told.txt
"$program" info run/predictions.h5 >told.txt
expect_fact 'held out rows' 60 told.txt

# A flipped bit in the middle, a missing end, other files: one line each.
for file in digits.h5 "$checkpoint" run/metrics.h5 run/predictions.h5; do
    code=3
    [ "$file" != "$checkpoint" ] || code=4
    for part in 1 2 3 4 5; do
        cp "$file" bad.h5
        printf '\x5a' | dd of=bad.h5 bs=1 seek=$(($(stat -c %s "$file") * part / 6)) conv=notrunc 2>/dev/null
        if cmp -s "$file" bad.h5; then continue; fi # it was that byte already
        expect_error $code 'bad\.h5: .*(damaged|does not match)' "$program" info bad.h5
    done
    head -c -7 "$file" >bad.h5
    expect_error $code 'bad\.h5: .*(damaged|cut short)' "$program" info bad.h5
done
/usr/bin/python3 -c 'import h5py; h5py.File("other.h5", "w").create_dataset("x", data=[1])'
expect_error 3 'other\.h5: an HDF5 file, but no checkpoint' "$program" info other.h5
expect_error 3 'run/config\.yaml: is not an HDF5 file' "$program" info run/config.yaml
expect_error 3 'none\.h5: No such file' "$program" info none.h5
expect_error 2 'run: is a folder' "$program" info run
