#!/usr/bin/env bash
# A run's folder belongs to one run: a second is refused, a dead one's lock is taken over, of many
# starters one wins, and who loses its lock writes no more. Nothing is written through a link that was
# put into the folder, and all files have the mode that the user's umask gives them.
# shellcheck source=tests/faults/processes.sh
. "$(dirname "$0")/processes.sh"
whole_run training.epochs=3
endless=("${many_steps[@]}" training.epochs=9999)

# until_saved PLACE: waits for the first checkpoint.
until_saved() {
    until [ -n "$(newest "$1")" ]; do sleep_ms 10; done
}

# A second run is refused while the first goes on, and the first is not disturbed.
launch 2 busy training.epochs=9999
until_saved busy
cp busy/log.txt busy.log
expect_error 2 "busy/lock: process [0-9]+ on host $(hostname) has been writing into this folder since 20[0-9TZ:-]+; .*--out" \
    timeout 60 "$program" train "${endless[@]}" --out busy
head -c "$(stat -c %s busy.log)" busy/log.txt | cmp - busy.log || fail "the second run wrote into the first one's log"
if grep -q 'resuming' busy/log.txt; then fail "the second run wrote into the first one's log"; fi
find_rank busy 0
grep -qx "pid $process" busy/lock || fail "the lock does not name rank 0's process"
echo "second run: refused"

# The lock of a run that was killed is taken over.
kill -KILL "$job"
wait_for_end busy 10000
[ -e busy/lock ] || fail "a killed run left no lock"
launch 3 busy training.epochs=9999
sleep_ms 300
until find_rank busy 0 && grep -qx "pid $process" busy/lock; do
    kill -0 "$job" || { tail -n 20 busy.txt; fail "the lock of a dead run was not taken over"; }
    sleep_ms 10
done
echo "lock of a dead run: taken over"

# Who has lost its lock stops at its next checkpoint with 4, and does not write it.
until grep -q '^epoch' busy.txt; do sleep_ms 10; done
sed 's/^host .*/host elsewhere/; s/^boot .*/boot another/; s/^pid .*/pid 7/' busy/lock >theirs
mv theirs busy/lock
wait_for_end busy 20000
[ "$rc" -eq 4 ] || { tail -n 20 busy.txt; fail "a lost lock: exit code $rc, not 4"; }
grep -q 'error: busy/lock: process 7 on host elsewhere has taken this folder over' busy.txt ||
    { tail -n 20 busy.txt; fail "a lost lock: no line that says so"; }
last=$(newest busy)
grep -q '^host elsewhere' busy/lock || fail "a lost lock was removed"
grep -q '^state training' busy/progress || fail "who lost the lock says that the other's run has ended"
echo "lost lock: 4"

# One of another host cannot be judged, until its file is removed.
expect_error 2 "busy/lock: process 7 on host elsewhere, which cannot be looked at.* remove this file" \
    timeout 60 "$program" train "${endless[@]}" --out busy
[ "$(newest busy)" = "$last" ] || fail "refused, but wrote"
rm busy/lock
launch 2 busy training.epochs=9999
until grep -q "^resuming from busy/checkpoints/$last" busy.txt; do
    kill -0 "$job" || { tail -n 20 busy.txt; fail "no resume after the lock was removed"; }
    sleep_ms 10
done
until grep -q '^epoch' busy.txt; do sleep_ms 10; done
rm busy/lock
wait_for_end busy 20000
[ "$rc" -eq 4 ] || { tail -n 20 busy.txt; fail "a removed lock: exit code $rc"; }
grep -q 'error: busy/lock: has been removed' busy.txt || { tail -n 20 busy.txt; fail "a removed lock: not said"; }
echo "lock of another host: refused, gone on from when removed; removed under a run: 4"

# Of several that start at once one trains; the others are refused, or come when it has ended. Some
# find nothing, some the lock of a dead run.
starters() {
    local place=$work/many-$1 i job jobs=() won=0 rc
    mkdir -p "$place/checkpoints"
    if [ $(($1 % 2)) -eq 0 ]; then
        sed "s/^pid .*/pid 999999999/; s/^host .*/host $(hostname)/; s/^boot .*/boot $(cat /proc/sys/kernel/random/boot_id)/" \
            whole.lock >"$place/lock"
    fi
    for i in 1 2 3 4; do
        "${alone[@]}" "$program" train "${many_steps[@]}" --out "$place" >"$place.$i.txt" 2>&1 &
        jobs+=($!)
    done
    for i in 1 2 3 4; do
        rc=0
        wait "${jobs[i - 1]}" || rc=$?
        case $rc in
        0) [ "$(digest_of "$place.$i.txt")" = "$reference" ] || fail "$place: other bits" ;;
        2) grep -q 'has been writing into this folder' "$place.$i.txt" || { cat "$place.$i.txt"; fail "$place: refused otherwise"; } ;;
        *) tail -n 20 "$place.$i.txt"; fail "$place: exit code $rc" ;;
        esac
        ! grep -q '^run: ' "$place.$i.txt" || won=$((won + 1))
    done
    [ $won -eq 1 ] || fail "$place: $won runs trained, not one"
    has_no_parts "$place"
    [ ! -e "$place/lock" ] || fail "$place: its lock was left"
}
"$program" train "${many_steps[@]}" --out locked >/dev/null & job=$!
until cp locked/lock whole.lock 2>/dev/null && [ -s whole.lock ]; do sleep_ms 5; done
wait "$job"
cases 12 200 starters "four starters at once"

# Links that were put into the folder before the run are refused or replaced, never followed.
mkdir victims
for name in config.yaml progress log.txt metrics.h5 metrics.csv predictions.h5 submission.csv report.html curves.png \
    confusion.png errors.png augmented.png lock checkpoints checkpoints/best.h5 checkpoints/step-00000003.h5; do
    for kind in file nothing; do
        mkdir planted
        [ "$name" = checkpoints ] || mkdir planted/checkpoints
        rm -f victims/*
        [ $kind = nothing ] || echo keep >victims/file
        if [ "$name" = checkpoints ] && [ $kind = file ]; then ln -s "$work/victims" planted/checkpoints
        else ln -s "$work/victims/file" "planted/$name"; fi
        rc=0
        "${alone[@]}" "$program" train "${many_steps[@]}" output.report=end --out planted >planted.txt 2>&1 || rc=$?
        grep -q "planted/$name.* symbolic link\|planted/$name: cannot be read as a lock\|planted/$name.* passed over\|planted/$name: the folder cannot be made" planted.txt ||
            [ ! -L "planted/$name" ] || [ "$name" = progress ] || { cat planted.txt; fail "$name is a link: followed or ignored, code $rc"; }
        [ "$(find victims -type f | wc -l)" -eq "$([ $kind = file ] && echo 1 || echo 0)" ] ||
            { ls -l victims; fail "$name: written through a link"; }
        [ $kind = nothing ] || [ "$(cat victims/file)" = keep ] || fail "$name: a file was written through a link"
        echo "$name, a link to a $kind: code $rc" >>links
        rm -rf planted
    done
done
echo "links: $(wc -l <links) cases, none followed"

# Modes.
(umask 077 && "${alone[@]}" "$program" train "${many_steps[@]}" output.report=end --out private >/dev/null)
open=$(find private -perm /077)
[ -z "$open" ] || fail "umask 077, but: $open"
(umask 027 && "${alone[@]}" "$program" train "${many_steps[@]}" output.report=end --out group >/dev/null)
odd=$(find group -type f -not -perm 640 -o -type d -not -perm 750)
[ -z "$odd" ] || fail "umask 027, but: $odd"
echo "umask 077, 027: as they say"
