#!/usr/bin/env bash
# A rank that hangs, in whichever phase, ends the job within the time-out and two seconds, with exit
# code 6 and a line that names rank, phase and step; the next start goes on, Same. What only looks
# like that (a whole job stopped and continued, a slow rank, output that nobody reads) ends nothing.
# shellcheck source=tests/faults/processes.sh
. "$(dirname "$0")/processes.sh"
timeout=3 workers=3
longer=(training.epochs=20 checkpoint.every_steps=10 "training.hang_timeout=$timeout")
whole_run "${longer[@]}"
rank_counts=(2 3 4 8)

# Where a phase has just begun: functions that the program keeps, as it is built, under their names.
phases=(fill forward backward sync optimizer evaluate checkpoint)
declare -A where=([fill]=batch_fill_training [forward]='model_forward if pass->training'
    [backward]=model_backward [sync]=gradsync_reduce [optimizer]=trainer_update
    [evaluate]=batch_fill_rows [checkpoint]=trainer_collect)

# Without gdb, or where it may not look at other processes, ranks are stopped at random moments.
sleep 60 &
sleeper=$!
gdb -p $sleeper -batch -nx -ex detach 2>&1 </dev/null | grep -q '^\[Inferior 1' || phases=('[a-z]+')
kill $sleeper

# halt PHASE: stops `process` where that phase begins; false if it ended before.
halt() {
    if [ "$1" = '[a-z]+' ]; then
        random "$span"
        sleep_ms "$drawn"
        kill -STOP "$process" 2>/dev/null
        return
    fi
    gdb -p "$process" -batch -nx -iex 'set debuginfod enabled off' -iex 'set auto-solib-add off' -ex "tbreak ${where[$1]}" \
        -ex continue -ex "shell kill -STOP $process" -ex detach >"$place.gdb" 2>&1 </dev/null || true
    grep -q '^State:.*stopped' "/proc/$process/status" 2>/dev/null
}

# names PLACE PATTERN: the job ended in time with code 6 and one line that matches, in its log too.
names() {
    local file
    wait_for_end "$1" 30000
    [ "$rc" -eq 6 ] || { tail -n 20 "$1.txt"; fail "$1: exit code $rc, not 6"; }
    for file in "$1.txt" "$1/log.txt"; do
        [ "$(grep -Ec "error: rank .* in phase" "$file")" -eq 1 ] || { tail -n 20 "$file"; fail "$1: not one line in $file"; }
        grep -Eq "error: $2" "$file" || { tail -n 20 "$file"; fail "$1: no match for '$2' in $file"; }
    done
}

# is_stopped NUMBER: SIGSTOP of a random rank in a phase.
is_stopped() {
    local phase=${phases[($1 - 1) % ${#phases[@]}]} rank
    place=$work/stop-$1
    RANDOM=$((seed + $1))
    for _ in 1 2 3 4 5; do
        random_ranks
        random "$ranks"
        rank=$drawn
        rm -rf "$place"
        launch "$ranks" "$place" "${longer[@]}"
        until find_rank "$place" "$rank"; do sleep_ms 10; done
        if halt "$phase"; then
            names "$place" "rank $rank \(process $process on host .*, which does not run\) made no progress for [0-9]+ s in phase $phase of step [0-9]+, so the job ends"
            echo "stopped $took" >>"$work/times"
            echo "rank $rank of $ranks stopped in phase $phase: named, gone within $took ms"
            random_ranks
            finishes "$place" "$ranks" "${longer[@]}"
            return
        fi
        wait_for_end "$place" 60000
    done
    cat "$place.gdb"
    fail "could not be stopped in phase $phase"
}

# ---- Others ways to hang -----------------------------------------------------------------------

# The file system does not answer any more, and rank 0 with it; alone, and with others.
stalls() {
    local ranks=$1 number=$2 phase=$3
    place=$work/stall-$1-$2
    mkdir "$place"
    FAULTS_RANK=0 FAULTS_FOLDER=$place FAULTS_KIND=stall FAULTS_AT=$number LD_PRELOAD=$build/tests/libfaults.so \
        mpirun -np "$ranks" "$program" train "${many_steps[@]}" "${longer[@]}" --out "$place/run" >"$place/run.txt" 2>&1 &
    job=$!
    touch "$place/run.fresh"
    wait_for_end "$place/run" 30000
    [ "$rc" -eq 6 ] || { tail -n 20 "$place/run.txt"; fail "stall: exit code $rc, not 6"; }
    grep -Eq "error: rank 0 \(process [0-9]+ on host [^,]*\) made no progress for [0-9]+ s in phase $phase " \
        "$place/run.txt" || { tail -n 20 "$place/run.txt"; fail "stall: not named, or in another phase than $phase"; }
    finishes "$place/run" 2 "${longer[@]}"
    echo "$ranks ranks, fsync number $number never returns: rank 0 named in phase $phase"
}

# Each rank is a node of its own, and the one that is stopped has nobody on its node to say so.
elsewhere() {
    place=$work/elsewhere
    MNIST_DIST_NODE_RANKS=1 launch 3 "$place" "${longer[@]}"
    until find_rank "$place" 1; do sleep_ms 10; done
    until [ -n "$(newest "$place")" ]; do sleep_ms 10; done
    kill -STOP "$process"
    wait_for_end "$place" 30000
    [ "$rc" -eq 6 ] || { tail -n 20 "$place.txt"; fail "$place: exit code $rc, not 6"; }
    grep -Eq "error: rank [02] on host .* has waited for other ranks for [0-9]+ s in phase [a-z]+ of step" "$place.txt" ||
        { tail -n 20 "$place.txt"; fail "$place: no word of who waits"; }
    finishes "$place" 4 "${longer[@]}"
    echo "a rank of another node stopped: those who wait say so, gone within $took ms"
}

# ---- What is no hang ---------------------------------------------------------------------------

# goes_on PLACE: the job ends as if nothing had been.
goes_on() {
    wait_for_end "$1" 120000
    [ "$rc" -eq 0 ] || { tail -n 20 "$1.txt"; fail "$1: exit code $rc"; }
    [ "$(digest_of "$1.txt")" = "$reference" ] || fail "$1: other bits"
}

whole_job() {
    place=$work/whole-job
    launch 3 "$place" "${longer[@]}"
    until [ -n "$(newest "$place")" ]; do sleep_ms 10; done
    find_processes "$place"
    kill -STOP "${all[@]}"
    sleep_ms $((timeout * 1000 + 3000))
    kill -CONT "${all[@]}"
    goes_on "$place"
    echo "a whole job stopped and continued: goes on, same"
}

slow_rank() {
    place=$work/slow
    launch 3 "$place" "${longer[@]}"
    until [ -n "$(newest "$place")" ]; do sleep_ms 10; done
    find_rank "$place" 1
    for _ in {1..12}; do
        kill -STOP "$process" 2>/dev/null || break
        sleep_ms 600
        kill -CONT "$process" 2>/dev/null || break
        sleep_ms 20
    done
    goes_on "$place"
    echo "a slow rank: goes on, same"
}

no_limit() {
    place=$work/no-limit
    launch 2 "$place" "${longer[@]}" training.hang_timeout=0
    until [ -n "$(newest "$place")" ]; do sleep_ms 10; done
    find_rank "$place" 1
    kill -STOP "$process"
    sleep_ms $((timeout * 1000 + 3000))
    kill -CONT "$process"
    goes_on "$place"
    echo "training.hang_timeout=0: no limit"
}

# A pipe that is full, and whose reader reads after a while only.
unread() {
    place=$work/unread
    mkfifo "$place.pipe"
    exec 8<>"$place.pipe"
    head -c 65536 /dev/zero >&8
    "$program" train "${many_steps[@]}" "${longer[@]}" --out "$place" >"$place.pipe" 2>"$place.err" &
    job=$!
    sleep_ms $((timeout * 1000 + 3000))
    kill -0 "$job" 2>/dev/null || { cat "$place.err"; fail "output that nobody read ended the run"; }
    tr -d '\0' <&8 >"$place.txt" &
    rc=0
    wait "$job" || rc=$?
    [ "$rc" -eq 0 ] || fail "unread: exit code $rc"
    kill "$!" 2>/dev/null || true
    echo "output that nobody reads: goes on"
}

cases 7 50 is_stopped "SIGSTOP of a rank in each phase"
each eval <<'END'
stalls 1 14 checkpoint
stalls 3 14 checkpoint
stalls 2 2 start
elsewhere
whole_job
slow_rank
no_limit
unread
END
within stopped $((timeout * 1000 + 2000)) "$work/times"
