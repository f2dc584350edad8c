#!/usr/bin/env bash
# A job that is requeued, by scontrol, by a signal, by a job that takes its place, by a killed rank
# and by a killed mpirun, goes on by itself to the bits of a run that nothing interrupts; and it gives
# up after MAX_RESTARTS.
# shellcheck source=tests/slurm/common.sh
. "$(dirname "$0")/common.sh"
same=$(reference training.epochs=300)

# begun JOB: whether it has trained two epochs since its last start.
begun() {
    local log="runs/slurm-$1/log.txt"
    [ "$(grep -c '^run: ' "$log")" -gt "$(restarts "$1")" ] && tail -n 2 "$log" | grep -q '^epoch '
}

# interrupt JOB COMMAND...: once the job trains, interrupts it so, and waits for its restart.
interrupt() {
    local job=$1 before
    shift
    before=$(restarts "$job")
    wait_for 40 begun "$job"
    "$@"
    wait_for 60 restarted_since "$job" "$before"
    echo "$*: restarted"
}
restarted_since() {
    [ "$(restarts "$1")" -gt "$2" ]
}
kill_rank() {
    kill -KILL "$(pgrep -x mnist_dist | shuf -n 1)"
}
kill_mpirun() {
    kill -KILL "$(pgrep -x mpirun | head -n 1)"
}

job=$(submit --ntasks=3 jobs/train.sbatch "${toy[@]}" training.epochs=300)
interrupt "$job" scontrol requeue "$job"
interrupt "$job" kill_rank
interrupt "$job" kill_mpirun
interrupt "$job" scancel -b -s USR1 "$job"
interrupt "$job" sbatch --partition=urgent --nodes=2 --exclusive --output=urgent.out --wrap 'sleep 2'
[ "$(grep -c 'stopped by a signal' "$(log_of "$job")")" -ge 2 ] || fail "no stop when another job took its place"
wait_for 240 is_state "$job" COMPLETED
expect_same "$job" "$same"
[ "$(restarts "$job")" -eq 5 ] || fail "not five restarts"
grep -q 'restart 5 of at most 20' "$(log_of "$job")" || fail "no heading at the fifth restart"
[ "$(cut -d, -f1 "runs/slurm-$job/metrics.csv" | tail -n +2 | sort -n | uniq | wc -l)" -eq 300 ] ||
    fail "an epoch is missing in metrics.csv"
echo "five restarts: same"

bounded=$(MAX_RESTARTS=0 submit --ntasks=2 jobs/train.sbatch "${toy[@]}" training.epochs=4000)
wait_for 40 begun "$bounded"
kill_rank
wait_for 30 is_state "$bounded" FAILED
grep -q 'all that MAX_RESTARTS allows' "$(log_of "$bounded")" || fail "the bound is not named"
wait_for 10 no_ranks_left
