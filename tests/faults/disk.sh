#!/usr/bin/env bash
# Real full disks: a file system of each of 32 sizes around what a run needs (64 KiB to 2 MiB; the
# long form: 256 sizes, 8 KiB apart). No bad checkpoint is published; the run ends, or says once what
# is wrong; with more room it goes on to the same bits.
# shellcheck source=tests/faults/common.sh
. "$(dirname "$0")/common.sh"
unmount_and_clean_up() {
    local disk
    for disk in "$work"/disk-*/; do ! mountpoint -q "$disk" || umount "$disk"; done
    clean_up
}
trap unmount_and_clean_up EXIT
make_reference

mkdir disk-0
mount -t tmpfs -o size=64k none disk-0 2>/dev/null || skip "mount is not permitted"
umount disk-0

# fills KIBIBYTES: one case.
fills() {
    local place=$work/disk-$1 rc=0
    mkdir "$place"
    mount -t tmpfs -o "size=$1k" none "$place"
    "${alone[@]}" "$program" train "${toy[@]}" --out "$place/run" >"$place.out" 2>"$place.err" ||
        rc=$?
    echo $rc >>codes
    speaks_clearly "$place" $rc
    is_sound "$place"
    has_no_parts "$place"
    if [ $rc -eq 0 ]; then
        ends_alike "$place" "$place.out"
    else
        mount -o remount,size=16m "$place"
        goes_on "$place"
    fi
    umount "$place"
    rm -rf "$place" "$place".*
}

apart=64
[ -z "$long" ] || apart=8
for ((size = apart; size <= 2048; size += apart)); do echo $size; done | each fills
echo "$((2048 / apart)) sizes; exit codes: $(sort codes | uniq -c | awk '{print $1 " times " $2}' | paste -sd, )"
[ "$(sort -u codes | wc -l)" -gt 1 ] || fail "all ended alike: the sizes are not around what is needed"
