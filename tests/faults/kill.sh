#!/usr/bin/env bash
# kill -9 of a random rank or of mpirun at a random moment, some runs several times: the job is gone
# within 3 seconds with no process left; the next start, on another number of ranks, goes on from the
# newest checkpoint that there was, and ends with the bits of a run that was never killed.
# shellcheck source=tests/faults/processes.sh
. "$(dirname "$0")/processes.sh"
whole_run training.epochs=3
workers=3

# choose_victim PLACE: sets `victim` to a process of the run and `who` to what it is; false if there
# is none.
choose_victim() {
    find_processes "$1"
    random 4
    if [ "$drawn" -eq 0 ] || [ ${#processes[@]} -eq 0 ]; then
        victim=$job who=mpirun
    else
        random ${#processes[@]}
        victim=${processes[drawn]} who=rank
    fi
    kill -0 "$victim" 2>/dev/null
}

# is_killed PLACE: one start of the run and its end.
is_killed() {
    local last wait
    last=$(newest "$1")
    random_ranks
    random $((span * 5 / 4))
    wait=$drawn
    launch "$ranks" "$1"
    sleep_ms "$wait"
    if choose_victim "$1" && kill -KILL "$victim" 2>/dev/null; then
        wait_for_end "$1" 10000
        [ $stuck -eq 0 ] || who=stuck
    else
        who=nobody
        wait_for_end "$1" 60000
    fi
    went_on "$1" "$last"
    [[ ! "$(newest "$1")" < "$last" ]] || fail "$1: $last was lost"
    echo "$who $took $ranks $wait" >>"$work/kills"
}

# dies NUMBER: one case.
dies() {
    local starts=1 place=$work/kill-$1
    RANDOM=$((seed + $1))
    trap 'echo "repeat with FAULTS_SEED=$seed FAULTS_CASES='"$1"'" >&2; touch "$work/failed"' EXIT
    random 5
    [ "$drawn" -ne 0 ] || starts=3
    for ((; starts > 0; starts--)); do is_killed "$place"; done
    random_ranks
    finishes "$place" "$ranks"
}

# has_begun PLACE: its first steps are done.
has_begun() {
    [ -n "$(newest "$1")" ]
}

# A rank that is stopped, and so could not notice by itself, goes with mpirun too.
launch 3 stopped training.epochs=999
until has_begun stopped; do sleep_ms 10; done
find_rank stopped 2 || fail "rank 2 was not found"
kill -STOP "$process"
kill -KILL "$job"
wait_for_end stopped 3000
echo "mpirun killed, a rank stopped: all gone within $took ms"

# What a shell started goes on without it.
bash -c '"$0" train "$@" --out alone >alone.txt 2>&1 & echo $!' "$program" "${many_steps[@]}" >alone.pid
while kill -0 "$(cat alone.pid)" 2>/dev/null; do sleep_ms 20; done
[ "$(digest_of alone.txt)" = "$reference" ] || fail "without its shell: other bits"
echo "a run without mpirun: outlives its shell, same"

cases 50 2000 dies "kill -9 of a rank or of mpirun"
awk '{ n[$1]++; if ($2 > most[$1]) most[$1] = $2 }
    END { printf "%d ranks killed, gone within %d ms; %d times mpirun, %d ms; %d times too late; all resumed, same\n",
        n["rank"], most["rank"], n["mpirun"], most["mpirun"], n["nobody"]
        if (n["stuck"]) printf "%d times Open MPI%s mpirun hung after a rank was killed while it started\n", n["stuck"], "\047s" }' "$work/kills"
within rank 3000 "$work/kills"
within mpirun 1000 "$work/kills" # Open MPI's ranks alone would take up to 2.5 s to notice
