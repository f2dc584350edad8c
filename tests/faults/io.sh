#!/usr/bin/env bash
# Any one call on the run's folder that fails, once or from then on (EIO, ENOSPC, EDQUOT, EROFS,
# EMFILE, EINTR, a short write, a failed fsync that lost what it should have kept, a write that did
# nothing): no bad checkpoint
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
    # Of writes that were lost without a word only checkpoints know: they are read back.
    [ $rc -ne 0 ] || [ "$1" = lost ] || ends_alike "$place" "$place.out"
    [ "$3" = on ] || grep -q '^hit [0-9]* 256 ' "$place.report" || [ ! -d "$place/run" ] ||
        has_no_parts "$place/run"
    [ $rc -eq 0 ] || [ "$1" = lost ] || goes_on "$place"
    rm -rf "$place" "$place".*
}

# all KIND once|on: every call of the kind.
all() {
    local calls k
    calls=$(count_calls "$1" "${toy[@]}")
    for k in $(numbers "$calls"); do echo "$1" "$k" "$2"; done | each meets
    echo "$1 $2: $(share "$calls") calls"
}

# runs NAME KIND NUMBER once|on: one case of a command, whose inputs are under the folder too; number
# 0: its outcome is the one to compare with.
runs() {
    local place=$work/$1-$2-$3-$4 rc=0 faults
    mkdir "$place"
    cp -r whole digits.h5 train.csv test.csv "$place"
    set_faults "$place" "$2" "$3"
    [ "$4" = once ] || faults+=(FAULTS_ON=1)
    command "$1" "$place" "$place" >"$place.out" 2>"$place.err" || rc=$?
    [ "$3" != 0 ] || return 0
    speaks_clearly "$place" $rc
    grep -q '^hit [0-9]* 256 ' "$place.report" || [ "$4" = on ] || has_no_parts "$place"
    if [ $rc -ne 0 ]; then
        [ ! -e "$place/output" ] || grep -q '^hit [0-9]* 32 .*/$' "$place.report" ||
            { cat "$place".*; fail "$place: failed, and left an output"; }
    elif [ "$1" = resume ]; then
        [ "$(digest_of "$place.out")" = "$reference" ] || fail "$place: other bits"
    elif [ "$1" = report ] || [ -s "$place.err" ]; then
        : # a page has its date in it, and may say what it lacks
    elif [ -e "$place/output" ]; then
        cmp "$place/output" "$work/$1-$2-0-once/output" || fail "$place: another output"
    else
        cmp "$place.out" "$work/$1-$2-0-once.out" || fail "$place: another outcome"
    fi
    rm -rf "$place" "$place".*
}

# commands KIND once|on NAME...: every call of the kind of these commands.
commands() {
    local kind=$1 on=$2 name calls k
    shift 2
    for name in "$@"; do
        runs "$name" "$kind" 0 once
        calls=$(sed -n 's/^counted //p' "$name-$kind-0-once.report")
        [ "${calls:-0}" -gt 0 ] || fail "$name: no calls"
        for k in $(numbers "$calls"); do echo "$name" "$kind" "$k" "$on"; done | each runs
        echo "$name, $kind $on: $(share "$calls") calls"
        rm -rf "$name-$kind-0-once"*
    done
}

if [ -z "$long" ]; then
    cases=("eio once" "enospc on" "short once" "sync once" "lost once")
else
    cases=(eio\ {once,on} enospc\ {once,on} edquot\ {once,on} erofs\ {once,on} emfile\ {once,on}
        eintr\ once short\ {once,on} sync\ {once,on} lost\ once)
fi
for case in "${cases[@]}"; do
    # shellcheck disable=SC2086
    all $case
done
commands eio once import evaluate predict report
commands enospc on import predict report
[ -z "$long" ] || commands eio on import evaluate predict report resume
