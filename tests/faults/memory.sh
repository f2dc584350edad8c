#!/usr/bin/env bash
# Any one allocation of the program's own that fails, once or from then on: one clear line and a
# documented exit code, no crash, no part of a file, nothing left unfreed that is not left otherwise;
# what the run had written is gone on from to the same bits. Open MPI's and HDF5's allocations are
# left alone.
# shellcheck source=tests/faults/common.sh
. "$(dirname "$0")/common.sh"
make_reference

# left REPORT: how many allocations were not freed at the end.
left() {
    sed -n 's/^left \([0-9]*\).*/\1/p' "$1"
}

# frees PLACE MOST: no more than that many were not.
frees() {
    [ "$(left "$1.report")" -le "$2" ] || { cat "$1".*; fail "$1: memory is not freed"; }
}

# trains NUMBER once|on: one case.
trains() {
    local place=$work/train-$1-$2 rc=0 faults
    mkdir "$place"
    set_faults "$place" memory "$1"
    [ "$2" = once ] || faults+=(FAULTS_ON=1)
    "${alone[@]}" "${faults[@]}" "$program" train "${toy[@]}" --out "$place/run" >"$place.out" \
        2>"$place.err" || rc=$?
    speaks_clearly "$place" "$rc"
    frees "$place" "$(left whole.report)"
    has_no_parts "$place"
    if [ $rc -eq 0 ]; then ends_alike "$place" "$place.out"; else goes_on "$place"; fi
    rm -rf "$place" "$place".*
}

# runs NAME NUMBER once|on: one case of a command; number 0: its outcome is the one to compare with.
runs() {
    local place=$work/$1-$2-$3 rc=0 faults
    mkdir "$place"
    set_faults "$place" memory "$2"
    [ "$3" = once ] || faults+=(FAULTS_ON=1)
    command "$1" "$work" "$place" >"$place.out" 2>"$place.err" || rc=$?
    [ "$2" != 0 ] || return 0
    speaks_clearly "$place" "$rc"
    frees "$place" "$(left "$1-0-once.report")"
    has_no_parts "$place"
    if [ "$rc" -ne 0 ]; then
        [ ! -e "$place/output" ] || fail "$place: failed, and left an output"
    elif [ "$1" = resume ]; then
        [ "$(digest_of "$place.out")" = "$reference" ] || fail "$place: other bits"
    elif [ "$1" = evaluate ]; then
        cmp "$place.out" "$work/evaluate-0-once.out" || fail "$place: another outcome"
    elif [ "$1" != report ]; then
        cmp "$place/output" "$work/$1-0-once/output" || fail "$place: another output"
    fi
    rm -rf "$place" "$place".*
}

set_faults "$work/whole" memory 0
"${alone[@]}" "${faults[@]}" "$program" train "${toy[@]}" --out whole/run >/dev/null
calls=$(sed -n 's/^counted //p' whole.report)
for on in once on; do
    for k in $(numbers "$calls"); do echo "$k" $on; done | each trains
    echo "train, $on: $(share "$calls") allocations"
done

for name in import evaluate predict report resume; do
    runs $name 0 once
    calls=$(sed -n 's/^counted //p' $name-0-once.report)
    [ "${calls:-0}" -gt 0 ] || { cat $name-0-once.*; fail "$name: nothing is allocated"; }
    for on in once on; do
        for k in $(numbers "$calls"); do echo $name "$k" $on; done | each runs
    done
    echo "$name: $(share "$calls") allocations, once and from then on"
done

# Both of two ranks leave with one line when one of them has no memory.
most=$(($(count_calls memory "${toy[@]}") - 40)) # rank 1 allocates less
for rank in 0 1; do
    for on in once on; do
        count=$([ -n "$long" ] && echo $most || echo 6)
        for k in $(spread "$count" $most); do
            place=$work/ranks-$rank-$k-$on rc=0
            mkdir "$place"
            set_faults "$place" memory "$k" FAULTS_RANK=$rank
            [ $on = once ] || faults+=(FAULTS_ON=1)
            timeout -k 1 60 mpirun -quiet -np 2 "${faults[@]}" "$program" train "${toy[@]}" \
                --out "$place/run" >"$place.out" 2>"$place.err" || rc=$?
            speaks_clearly "$place" $rc
            has_no_parts "$place"
            rm -rf "$place" "$place".*
        done
        echo "rank $rank of 2, $on: $count of $most allocations"
    done
done
