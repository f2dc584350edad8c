#!/usr/bin/env bash
# Signals at random moments. USR1 to mpirun, or TERM, INT or USR1 to one rank: exit code 75. TERM or
# INT to mpirun, which gives its ranks a second: a checkpoint that is marked as a stop within it. The
# next start, on another number of ranks, goes on, Same.
# shellcheck source=tests/faults/processes.sh
. "$(dirname "$0")/processes.sh"
longer=(training.epochs=9)
whole_run "${longer[@]}"
workers=3

# is_ready PROCESS: it has its handlers for USR1, USR2 and TERM.
is_ready() {
    local name caught=0
    while read -r name caught; do [ "$name" != SigCgt: ] || break; done 2>/dev/null <"/proc/$1/status"
    (((0x${caught:-0} & 0x4a00) == 0x4a00))
}

# begin PLACE: starts the run, and waits until its ranks can hear of signals, and for some time more.
begin() {
    local process
    random_ranks
    launch "$ranks" "$1" "${longer[@]}"
    processes=()
    while [ ${#processes[@]} -lt "$ranks" ] && kill -0 "$job" 2>/dev/null; do
        sleep_ms 10
        find_processes "$1"
    done
    for process in "${processes[@]}"; do
        while kill -0 "$process" 2>/dev/null && ! is_ready "$process"; do sleep_ms 10; done
    done
    random "$span"
    sleep_ms "$drawn"
}

# goes_on PLACE: resumes it, on another number of ranks.
goes_on() {
    random_ranks
    finishes "$1" "$ranks" "${longer[@]}"
}

# is_stopped NUMBER: a signal that all ranks hear of.
is_stopped() {
    local choices=('TERM rank' 'INT rank' 'USR1 rank' 'USR1 mpirun') signal target
    place=$work/stop-$1
    RANDOM=$((seed + $1))
    read -r signal target <<<"${choices[$1 % 4]}"
    begin "$place"
    random "$ranks"
    [ "$target" = mpirun ] && process=$job || process=${processes[drawn]}
    kill "-$signal" "$process" 2>/dev/null || true
    wait_for_end "$place" 20000
    if [ "$rc" -eq 75 ]; then
        grep -q 'run the same command to go on' "$place.txt" || { tail -n 20 "$place.txt"; fail "$place: no word of a resume"; }
    else
        [ "$rc" -eq 0 ] || { tail -n 20 "$place.txt"; fail "$place: exit code $rc after $signal to $target"; }
        [ "$(digest_of "$place.txt")" = "$reference" ] || fail "$place: not finished, though 0"
    fi
    echo "code$rc $took" >>"$work/stops"
    goes_on "$place"
}

# mark_of PLACE: /training@status of its newest checkpoint: 0 under way, 1 stopped, 2 finished.
mark_of() {
    h5dump -a /training/status "$1/checkpoints/$(newest "$1")" 2>/dev/null | sed -n 's/^ *(0): //p' || true
}

# is_ended NUMBER: a signal upon which mpirun kills the ranks, after a second.
is_ended() {
    local signals=(TERM INT) mark
    place=$work/end-$1
    RANDOM=$((seed + 1000 + $1))
    begin "$place"
    kill "-${signals[$1 % 2]}" "$job" 2>/dev/null || true
    wait_for_end "$place" 20000
    mark=$(mark_of "$place")
    echo "checkpoint $((${mark:-0} == 0)) mark${mark:-0}" >>"$work/ends"
    goes_on "$place"
}

cases 20 200 is_stopped "USR1 to mpirun; TERM, INT, USR1 to a rank"
awk '{ n[$1]++; if ($2 > most) most = $2 }
    END { printf "%d stopped with 75, %d had finished; gone within %d ms; all resumed, same\n", n["code75"], n["code0"], most }' stops
workers=2 # who is killed after a second needs its share of the cores
cases 20 200 is_ended "TERM, INT to mpirun"
awk '{ n[$3]++ }
    END { printf "%d marked as stopped, %d finished, %d without a mark; all resumed, same\n", n["mark1"], n["mark2"], n["mark0"] }' ends
within checkpoint 0 ends # a mark is there in time or it is not: column 2 says 0 or 1
