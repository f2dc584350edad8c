#!/usr/bin/env bash
# A node daemon and its steps are killed: the job goes on elsewhere. When the daemon alone dies, the
# old ranks may still run when Slurm starts the job again (here they are stopped until then): they
# are fenced off, and do no harm.
# shellcheck source=tests/slurm/common.sh
. "$(dirname "$0")/common.sh"
# shellcheck disable=SC1091 # cluster.sh writes it
. "$CLUSTER/functions"
same=$(reference training.epochs=300)

# node_of JOB: where its batch script runs.
node_of() {
    scontrol show job "$1" -o | sed -n 's/.* BatchHost=\([^ ]*\).*/\1/p'
}

# in_node NODE PATTERN: the processes there whose command line has it.
in_node() {
    local pid
    for pid in $(ip netns pids "$1"); do
        tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -Eq "$2" && echo "$pid"
    done
    return 0
}

job=$(submit --ntasks=2 jobs/train.sbatch "${toy[@]}" training.epochs=300)
wait_for 40 has_line "runs/slurm-$job/log.txt" 'epoch  5'
first=$(node_of "$job")
# shellcheck disable=SC2046 # a list of numbers
kill -KILL $(ip netns pids "$first")
echo "everything on $first is killed"
wait_for 60 has_line "$(log_of "$job")" "== train, job $job, restart 1 of"
[ "$(node_of "$job")" != "$first" ] || fail "not on another node"
wait_for 300 is_state "$job" COMPLETED
expect_same "$job" "$same"
echo "a killed node: the job went on elsewhere, same"

start_node "${first#n}"
nodes_up() {
    [ "$(sinfo -h -t idle -o %D)" = 2 ]
}
wait_for 60 nodes_up

job=$(submit --ntasks=2 jobs/train.sbatch "${toy[@]}" training.epochs=300)
wait_for 40 has_line "runs/slurm-$job/log.txt" 'epoch  5'
first=$(node_of "$job")
old=$(in_node "$first" 'mnist_dist train ')
# shellcheck disable=SC2046,SC2086 # lists of numbers
kill -STOP $old && kill -KILL $(in_node "$first" '^slurmd ')
echo "the daemon of $first alone is killed"
wait_for 60 has_line "$(log_of "$job")" "== train, job $job, restart 1 of"
wait_for 40 has_line "runs/slurm-$job/log.txt" 'resuming from'
# shellcheck disable=SC2086
kill -CONT $old
wait_for 300 is_state "$job" COMPLETED
expect_same "$job" "$same"
wait_for 30 no_ranks_left
grep -q 'may write no more' "$(log_of "$job")" || fail "the old run did not notice"
echo "two writers: the old one stopped, same"
