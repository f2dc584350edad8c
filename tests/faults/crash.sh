#!/usr/bin/env bash
# A process that dies before any one of its calls on the run's folder, or in the middle of any write,
# loses no checkpoint that it had published: the next start goes on from the newest, leaves nothing
# temporary behind, and ends with the bits of a run that never died.
# shellcheck source=tests/faults/common.sh
. "$(dirname "$0")/common.sh"
make_reference

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

# dies KIND NUMBER [RANKS MORE]: one case: the first rank of RANKS dies, MORE ranks go on. Without
# them, one process without mpirun.
dies() {
    local place=$work/$1-$2 rc=0 first=("${alone[@]}") then=("${alone[@]}") faults
    if [ $# -gt 2 ]; then
        first=(timeout -k 1 60 mpirun -quiet -np "$3")
        then=(timeout -k 1 60 mpirun -quiet -np "$4")
    fi
    mkdir "$place"
    set_faults "$place" "$1" "$2" ${3:+FAULTS_RANK=0}
    "${first[@]}" "${faults[@]}" "$program" train "${toy[@]}" --out "$place/run" >"$place.out" 2>&1 ||
        rc=$?
    [ $rc -eq 137 ] || ! grep -q ^hit "$place.report" || { cat "$place".*; fail "$place: exit code $rc"; }
    resumes "$place" "${then[@]}" "$program" train "${toy[@]}" --out "$place/run"
}

# all_die KIND: at every call.
all_die() {
    local calls k
    calls=$(count_calls "$1" "${toy[@]}")
    for k in $(numbers "$calls"); do echo "$1" "$k"; done | each dies
    echo "$1: $(share "$calls") calls: resumed, same"
}

# ranks_die RANKS MORE COUNT: at COUNT calls, evenly spread; 0: at all.
ranks_die() {
    local calls k
    calls=$(count_calls kill "${toy[@]}")
    for k in $(spread $(($3 > 0 ? $3 : calls)) "$calls"); do dies kill "$k" "$1" "$2"; done
    echo "kill on $1 ranks, $2 go on: $(($3 > 0 ? $3 : calls)) of $calls calls: resumed, same"
}

all_die kill
all_die tear
if [ -z "$long" ]; then
    ranks_die 2 3 6
    ranks_die 3 1 6
else
    for ranks in "2 3" "3 1" "4 8" "5 2" "8 5"; do
        # shellcheck disable=SC2086
        ranks_die $ranks 0
    done
fi
