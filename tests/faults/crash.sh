#!/usr/bin/env bash
# A process that dies before any one of its calls on the run's folder, or in the middle of any write,
# loses no checkpoint that it had published: the next start goes on from the newest, leaves nothing
# temporary behind, and ends with the bits of a run that never died.
# shellcheck source=tests/faults/common.sh
. "$(dirname "$0")/common.sh"
make_digits 128 8

"${alone[@]}" "$program" train "${toy[@]}" --out whole >whole.txt
reference=$(digest_of whole.txt)

# resumes PLACE COMMAND...: the command ends the run in PLACE as if nothing had been.
resumes() {
    local place=$1 newest
    shift
    newest=$(sed -n 's/^renamed .*\(step-[0-9]*\.h5\)$/\1/p' "$place.report" | tail -n 1)
    "$@" >"$place.again" 2>&1 || { cat "$place".*; fail "$place: exit code $?"; }
    [ "$(digest_of "$place.again")" = "$reference" ] || { cat "$place".*; fail "$place: other bits"; }
    [ -z "$newest" ] || grep -q "^resuming from .*/$newest:" "$place.again" ||
        { cat "$place".*; fail "$place: not gone on from $newest"; }
    if grep -q 'passed over' "$place.again"; then cat "$place.again"; fail "$place: a bad file"; fi
    cmp -s "$place/run/submission.csv" whole/submission.csv || fail "$place: other predictions"
    has_no_parts "$place/run"
    rm -rf "$place" "$place".*
}

# dies KIND NUMBER: one case.
dies() {
    local place=$work/$1-$2 rc=0
    mkdir "$place"
    faulty "$place" "$1" "$2" "${alone[@]}" "$program" train "${toy[@]}" --out "$place/run" \
        >"$place.out" 2>&1 || rc=$?
    [ $rc -eq 137 ] || ! grep -q ^hit "$place.report" || { cat "$place".*; fail "$place: exit code $rc"; }
    resumes "$place" "${alone[@]}" "$program" train "${toy[@]}" --out "$place/run"
}

for kind in kill tear; do
    calls=$(count_calls $kind "${toy[@]}")
    for ((k = 1; k <= calls; k++)); do echo $kind $k; done | each dies
    echo "$kind: all $calls calls: resumed, same"
done
