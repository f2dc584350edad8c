# shellcheck shell=bash disable=SC2034 # sourced by the tests beside it: what they share
# A test is called as `TEST.sh BUILD_DIR SOURCE_DIR`; it starts itself again inside a private Slurm
# (cluster.sh), in a folder that looks like the project's.
set -euo pipefail

if [ -z "${CLUSTER:-}" ]; then
    exec "$2/tests/slurm/cluster.sh" -n "${nodes:-2}" -- bash "$0" "$@"
fi
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/../e2e/common.sh"

make_digits 600 50
mkdir data
mv digits.h5 data/
ln -s "$source/jobs" jobs
ln -s "$build" build
# Short epochs of a small network, many of them.
toy=(--config "$source/configs/smoke.yaml" data.limit=0 training.batch_size=22 schedule.kind=plateau
    schedule.patience=1 schedule.min_delta=1 schedule.min_rate=0.0001 output.report=never)

# reference ARGUMENTS...: prints the digest of a run of one rank that nothing interrupts.
reference() {
    "$program" train "${toy[@]}" "$@" --out whole >whole.txt 2>&1
    digest_of whole.txt
}

# submit SCRIPT-AND-ARGUMENTS...: prints the job's number.
submit() {
    sbatch --parsable --output='slurm-%A%a.out' "$@" | sed 's/;.*//'
}

# state JOB: what Slurm says of a job, such as RUNNING.
state() {
    scontrol show job "$1" -o | sed -n 's/.* JobState=\([A-Z_]*\).*/\1/p' | head -n 1
}

# wait_for SECONDS COMMAND...: waits until the command succeeds, or fails with the logs.
wait_for() {
    local end=$((SECONDS + $1)) wanted=$1
    shift
    until "$@" 2>/dev/null; do
        [ $SECONDS -lt $end ] || {
            squeue >&2
            tail -n 40 ./*.out runs/*/log.txt >&2
            fail "not within $wanted s: $*"
        }
        sleep 0.1
    done
}

is_state() {
    [ "$(state "$1")" = "$2" ]
}

# has_line FILE PATTERN: whether a line of the file begins so.
has_line() {
    grep -q "^$2" "$1"
}

# log_of JOB: its log.
log_of() {
    find . -maxdepth 1 -name "slurm-$1*.out"
}

# expect_same JOB DIGEST: that the job's run ended with these bits.
expect_same() {
    local log
    log=$(log_of "$1")
    [ "$(digest_of "$log")" = "$2" ] || { cat "$log" >&2; fail "job $1: other bits"; }
}

# restarts JOB: how often it was started again.
restarts() {
    scontrol show job "$1" -o | sed -n 's/.* Restarts=\([0-9]*\).*/\1/p'
}

# no_ranks_left: none of the program's processes is left.
no_ranks_left() {
    ! pgrep -x mnist_dist >/dev/null
}
