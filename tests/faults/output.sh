#!/usr/bin/env bash
# Odd places and odd times: outputs that are links, pipes, devices, or oddly named; a folder that
# cannot be written, or vanishes under the run; data that are replaced or cut short under it; a
# standard output that is full; a clock that jumps. A clear line and a documented exit code, or the
# same bits; nothing else is touched.
# shellcheck source=tests/faults/common.sh
. "$(dirname "$0")/common.sh"
readonly_disk=$work/readonly
unmount_and_clean_up() {
    ! mountpoint -q "$readonly_disk" || umount "$readonly_disk"
    clean_up
}
trap unmount_and_clean_up EXIT
make_reference
one=("${alone[@]}" timeout 60 "$program")
predict=("${one[@]}" predict whole/checkpoints/best.h5 --data digits.h5 -o)
report=("${one[@]}" report whole -o)

# Targets that are no regular file stay what they are.
mkdir odd
mkfifo odd/fifo
mkdir odd/folder
echo kept >odd/file
ln -s nowhere odd/dangling
ln -s file odd/link
find odd -printf '%p %y %l\n' | sort >before.txt
for target in odd/fifo odd/folder odd/dangling odd/link /dev/full /dev/null; do
    expect_error 1 "$target: is .* name another file" "${predict[@]}" $target
    expect_error 1 "$target: is .* name another file" "${report[@]}" $target
    expect_error 1 "$target: is .* name another file" "$program" import train.csv test.csv -o $target
done
for target in odd/fifo odd/file odd/dangling /dev/null; do
    expect_error 1 "$target.*folder" "${one[@]}" train "${toy[@]}" --out $target
done
find odd -printf '%p %y %l\n' | sort | cmp before.txt - || fail "a target was touched"
[ "$(cat odd/file)" = kept ] || fail "a file was written through a link"
for device in /dev/full /dev/null; do [ -c $device ] || fail "$device was replaced"; done

# Names: of 255 bytes, with blanks, dots, line ends, and bytes that are no UTF-8.
longest=$(printf 'n%.0s' $(seq 255))
"${predict[@]}" reference.csv >/dev/null
for name in "$longest" 'with blanks' ./odd/../dots $'line\nend' $'no\xffutf8' -o; do
    "${predict[@]}" "./$name" >/dev/null || fail "predict -o $name"
    cmp "./$name" reference.csv || fail "predict -o $name: other predictions"
    rm "./$name"
    "${one[@]}" train "${toy[@]}" output.report=end --out "./$name" >out.txt 2>err.txt ||
        { cat err.txt; fail "train --out $name"; }
    [ ! -s err.txt ] || { cat err.txt; fail "train --out $name warns"; }
    [ "$(digest_of out.txt)" = "$reference" ] || fail "train --out $name: other bits"
    [ -s "./$name/report.html" ] || fail "train --out $name: no page"
    rm -r "./$name"
done
expect_error 1 'File name too long' "${predict[@]}" "${longest}n"
expect_error 1 'File name too long' "${one[@]}" train "${toy[@]}" --out "${longest}n"
echo "targets and names: as promised"

# A file system that is read-only.
mkdir "$readonly_disk"
if mount -t tmpfs -o ro none "$readonly_disk" 2>/dev/null; then
    expect_error 1 'readonly/run.*Read-only' "${one[@]}" train "${toy[@]}" --out readonly/run
    expect_error 1 'readonly/x.*Read-only' "${predict[@]}" readonly/x
    echo "read-only: one line"
else
    echo "read-only: skipped, mount is not permitted"
fi

# starts DIRECTORY ARGUMENTS...: a training in the background, two checkpoints on its way.
starts() {
    "${one[@]}" train "${toy[@]}" checkpoint.every_steps=5 checkpoint.keep=999 --out "$@" >under.out 2>under.err &
    job=$!
    local end=$((SECONDS + 30))
    until [ -e "$1/checkpoints/step-00000010.h5" ]; do
        [ $SECONDS -lt $end ] || { cat under.*; fail "no second checkpoint"; }
        sleep 0.02
    done
}

# The run's folder is removed, or moved away: three failed writes in a row, and the end.
many=(training.epochs=100000)
for how in removed moved; do
    starts vanishing "${many[@]}"
    if [ $how = removed ]; then rm -rf vanishing; else mv vanishing moved; fi
    rc=0
    wait "$job" || rc=$?
    [ $rc -eq 4 ] || { cat under.*; fail "a folder that is $how: exit code $rc"; }
    [ "$(grep -c 'the training goes on' under.err)" -eq 2 ] || { cat under.err; fail "$how: not two warnings"; }
    [ "$(grep -c 'error: .*No such file.*mend that' under.err)" -eq 1 ] || fail "$how: not one error"
    [ ! -e vanishing ] || fail "$how: the folder was made anew"
done
"$build/tests/faults_checkpoints" moved/checkpoints >/dev/null || fail "moved: a bad checkpoint"
echo "a folder that vanishes: 4, with one line"

# The data are replaced by others, or cut short in place, while the run goes on.
some=(training.epochs=100 checkpoint.every_epochs=0)
"${one[@]}" train "${toy[@]}" checkpoint.every_steps=5 checkpoint.keep=999 --out long "${some[@]}" >long.txt
cp digits.h5 kept.h5
awk -v rows=128 -v labelled=1 -f "$source/tests/e2e/digits.awk" | sed '2,$s/^./7/' >others.csv
"$program" import others.csv test.csv -o others.h5 >/dev/null
for how in replaced cut; do
    starts data-$how "${some[@]}"
    if [ $how = replaced ]; then cp others.h5 new.h5 && mv new.h5 digits.h5; else truncate -s 4000 digits.h5; fi
    wait "$job" || { cat under.*; fail "data that are $how end the run"; }
    [ "$(digest_of under.out)" = "$(digest_of long.txt)" ] || fail "data that are $how: other bits"
    rm -r "data-$how"
    # A resume with them is refused.
    mkdir -p "data-$how/checkpoints"
    cp long/checkpoints/step-00000295.h5 "data-$how/checkpoints/"
    expect_error 3 'digits\.h5' "${one[@]}" train "${toy[@]}" checkpoint.every_steps=5 "${some[@]}" \
        --out data-$how
    cp kept.h5 digits.h5
done
echo "data replaced or cut short under a run: same; a resume is refused"

# Standard output is a full device.
"${one[@]}" train "${toy[@]}" --out full >/dev/full 2>err.txt || { cat err.txt; fail "a full output ends the run"; }
[ "$(digest_of full/log.txt)" = "$reference" ] || fail "a full output: other bits"
"${one[@]}" train "${toy[@]}" --out full2 >/dev/full 2>/dev/full || fail "a full error output ends the run"
[ "$(digest_of full2/log.txt)" = "$reference" ] || fail "a full error output: other bits"

# The clock jumps by two hours, and into the year 2040, at every reading.
for seconds in 7200 450000000; do
    set_faults "$work/clock" none 0 FAULTS_CLOCK=$seconds
    "${alone[@]}" "${faults[@]}" timeout 60 "$program" train "${toy[@]}" output.report=end \
        --out clock/run >out.txt 2>err.txt || { cat err.txt; fail "a clock that jumps"; }
    [ ! -s err.txt ] || { cat err.txt; fail "a clock that jumps: warnings"; }
    [ "$(digest_of out.txt)" = "$reference" ] || fail "a clock that jumps: other bits"
    cut -d, -f6- clock/run/metrics.csv | tail -n +2 | grep -q -- '-' && fail "a time below 0"
    rm -r clock
    timeout 60 mpirun -quiet -np 2 "${faults[@]}" "$program" train "${toy[@]}" --out clock/run >out.txt ||
        fail "a clock that jumps, two ranks"
    [ "$(digest_of out.txt)" = "$reference" ] || fail "a clock that jumps, two ranks: other bits"
    rm -r clock
done
echo "a clock that jumps: same"
