#!/usr/bin/env bash
# Power loss: from the trace of a run every state that the disk may be in, with what was not fsynced
# missing, torn or zero, and names old or new (tests/faults/power/disk.h). A good checkpoint always
# loads, no older than the last that was relied on; no file is a mixture. A program without its
# fsyncs of files, or of folders, is seen through.
# shellcheck source=tests/faults/common.sh
. "$(dirname "$0")/common.sh"
make_digits 128 8
states=2000
run=("${toy[@]}")
if [ -n "$long" ]; then
    states=100000
    run+=(training.epochs=4 training.batch_size=24)
fi

mkdir place
# Killed on its way and gone on with: the second start meets what the first has left.
set_faults "$work/place" kill 250 FAULTS_TRACE="$work/trace"
"${alone[@]}" "${faults[@]}" "$program" train "${run[@]}" --out place/run >killed.txt 2>&1 || true
set_faults "$work/place" kill 0 FAULTS_TRACE="$work/trace"
"${alone[@]}" "${faults[@]}" "$program" train "${run[@]}" --out place/run >ended.txt 2>&1 ||
    { cat ended.txt; fail "the run did not end"; }
grep -q '^resuming' ended.txt || { cat ended.txt; fail "not gone on with"; }

"$build/tests/faults_power" trace "$work/place/run" $states || fail "power loss"
for kind in files folders; do
    if "$build/tests/faults_power" trace "$work/place/run" $states $kind >none.txt 2>&1; then
        fail "without fsyncs of $kind nothing is noticed"
    fi
    echo "without fsyncs of $kind: $(head -n 1 none.txt | sed "s,$work/,,g")"
done
