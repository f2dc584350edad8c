# shellcheck shell=bash # sourced by jobs/local.sh and jobs/slurm.sh
# What is worth starting again, and the loop that does so where there is no Slurm.

# worth_restarting CODE: whether a run that ended with this exit code of mpirun or srun goes on when
# it is started again. 75 is a stop with a checkpoint, 6 a rank that hung, 143 and the like a
# process that was killed, 205 a node that mpirun lost. What the program refuses (2 usage, 3 data, 4
# checkpoints, 5 divergence, 1 all else) would be refused again.
worth_restarting() {
    [ "$1" -eq 75 ] || [ "$1" -eq 6 ] || [ "$1" -ge 128 ]
}

# wait_for_end PROCESS: waits until it has ended, whatever signals come meanwhile; sets `rc`.
wait_for_end() {
    while :; do
        rc=0
        wait "$1" || rc=$?
        kill -0 "$1" 2>/dev/null || break
    done
}

# restart_until_done COMMAND...: runs the command until there is nothing left to restart, or
# MAX_RESTARTS (20) restarts are used up, and exits with its last code. A signal to this script, and
# Ctrl-C in its terminal, ask the ranks for a stop with a checkpoint, and that is the end; the
# command stands in a session of its own, since a Ctrl-C of the terminal would have mpirun kill the
# ranks a second later.
restart_until_done() {
    local restarts asked='' launched='' rc
    trap 'asked=1; [ -z "$launched" ] || kill -USR1 "$launched" 2>/dev/null || true' INT TERM USR1
    for ((restarts = 0; ; restarts++)); do
        setsid "$@" </dev/null &
        launched=$!
        wait_for_end "$launched"
        launched=
        if [ -n "$asked" ] || ! worth_restarting "$rc"; then exit "$rc"; fi
        if [ "$restarts" -ge "${MAX_RESTARTS:-20}" ]; then
            echo "restarted $restarts times, which is all that MAX_RESTARTS allows" >&2
            exit "$rc"
        fi
        printf '\n== ended with code %s; restart %s of at most %s; %s ==\n' "$rc" "$((restarts + 1))" \
            "${MAX_RESTARTS:-20}" "$(date -u +%FT%TZ)"
        sleep 3 # within which the last rank is gone, and its lock on the run's folder stale
        [ -z "$asked" ] || exit "$rc"
    done
}
