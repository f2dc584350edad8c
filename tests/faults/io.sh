#!/usr/bin/env bash
# Any one call on the run's folder that fails, once or from then on (EIO, ENOSPC, EDQUOT, EROFS,
# EMFILE, EINTR, a short write, a failed fsync that lost what it should have kept): no bad checkpoint
# is published, the run ends as if nothing had been or with one clear line and a documented exit
# code, and when the cause is gone it goes on to the bits of a run that met no fault.
# shellcheck source=tests/faults/common.sh
. "$(dirname "$0")/common.sh"
make_reference

# meets KIND NUMBER once|on: one case.
meets() {
    local place=$work/$1-$2-$3 rc=0 faults
    mkdir "$place"
    set_faults "$place" "$1" "$2"
    [ "$3" = once ] || faults+=(FAULTS_ON=1)
    "${alone[@]}" "${faults[@]}" "$program" train "${toy[@]}" --out "$place/run" >"$place.out" 2>"$place.err" || rc=$?
    speaks_clearly "$place" $rc
    is_sound "$place"
    [ $rc -ne 0 ] || ends_alike "$place" "$place.out"
    [ "$3" = on ] || grep -q '^hit [0-9]* 256 ' "$place.report" || [ ! -d "$place/run" ] ||
        has_no_parts "$place/run"
    [ $rc -eq 0 ] || goes_on "$place"
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
