#!/usr/bin/env bash
# Any one call on the run's folder that fails, once or from then on (EIO, ENOSPC, EDQUOT, EROFS,
# EMFILE, EINTR, a short write, a failed fsync that lost what it should have kept): no bad checkpoint
# is published, the run ends as if nothing had been or with one clear line and a documented exit
# code, and when the cause is gone it goes on to the bits of a run that met no fault.
# shellcheck source=tests/faults/common.sh
. "$(dirname "$0")/common.sh"
make_digits 128 8

"${alone[@]}" "$program" train "${toy[@]}" --out whole >whole.txt
reference=$(digest_of whole.txt)
"$build/tests/faults_checkpoints" whole/checkpoints | sort >good.txt
[ "$(wc -l <good.txt)" -eq 3 ] || { cat good.txt; fail "not three checkpoints"; }

# speaks_clearly PLACE CODE: one line of error if and only if it failed; nothing else but warnings.
speaks_clearly() {
    local errors
    errors=$(grep -c '^mnist_dist: error: ' "$1.err" || true)
    [ "$errors" -eq $(($2 != 0)) ] || { cat "$1".*; fail "$1: $errors lines of error, code $2"; }
    if grep -Ev '^mnist_dist: (error|warning): .*[a-z]' "$1.err"; then fail "$1: other lines"; fi
    [ "$(wc -l <"$1.err")" -le 12 ] || { cat "$1.err"; fail "$1: too many lines"; }
}

# is_sound PLACE: its checkpoints are whole, and are those of a run without faults.
is_sound() {
    [ -d "$1/run/checkpoints" ] || return 0
    "$build/tests/faults_checkpoints" "$1/run/checkpoints" >"$1.list" ||
        { cat "$1".*; fail "$1: a bad checkpoint was published"; }
    if grep -vxFf good.txt "$1.list"; then fail "$1: no checkpoint of this run"; fi
}

# ends_alike PLACE OUTPUT
ends_alike() {
    [ "$(digest_of "$2")" = "$reference" ] || { cat "$1".*; fail "$1: other bits"; }
    cmp -s "$1/run/submission.csv" whole/submission.csv || { cat "$1".*; fail "$1: other predictions"; }
}

# meets KIND NUMBER once|on: one case.
meets() {
    local place=$work/$1-$2-$3 rc=0 faults
    mkdir "$place"
    set_faults "$place" "$1" "$2"
    [ "$3" = once ] || faults+=(FAULTS_ON=1)
    "${alone[@]}" "${faults[@]}" "$program" train "${toy[@]}" --out "$place/run" >"$place.out" 2>"$place.err" || rc=$?
    case $rc in 0 | 1 | 4) ;; *) cat "$place".*; fail "$place: exit code $rc" ;; esac
    speaks_clearly "$place" $rc
    is_sound "$place"
    [ $rc -ne 0 ] || ends_alike "$place" "$place.out"
    [ "$3" = on ] || grep -q '^hit [0-9]* 256 ' "$place.report" || [ ! -d "$place/run" ] ||
        has_no_parts "$place/run"
    if [ $rc -ne 0 ]; then
        "${alone[@]}" "$program" train "${toy[@]}" --out "$place/run" >"$place.again" 2>&1 ||
            { cat "$place".*; fail "$place: does not go on"; }
        ends_alike "$place" "$place.again"
        has_no_parts "$place/run"
    fi
    rm -rf "$place" "$place".*
}

# all KIND once|on: every call of the kind.
all() {
    local calls k
    calls=$(count_calls "$1" "${toy[@]}")
    for ((k = 1; k <= calls; k++)); do echo "$1" "$k" "$2"; done | each meets
    echo "$1 $2: all $calls calls"
}

if [ -z "$long" ]; then
    cases=("eio once" "enospc on" "short once" "sync once")
else
    cases=(eio\ {once,on} enospc\ {once,on} edquot\ {once,on} erofs\ {once,on} emfile\ {once,on}
        eintr\ once short\ {once,on} sync\ {once,on})
fi
for case in "${cases[@]}"; do
    # shellcheck disable=SC2086
    all $case
done
