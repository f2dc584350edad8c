#!/usr/bin/env bash
# At its time limit a job stops with a checkpoint, before Slurm ends it, and goes on after a requeue:
# once because the program stops by itself, once by Slurm's signal.
# shellcheck source=tests/slurm/common.sh
. "$(dirname "$0")/common.sh"
# The baseline's network, which is slow enough for a limit of a minute, the least that there is.
slow=(data.limit=0 training.batch_size=86 output.report=never output.predict=false)
epochs=110
"$program" train "${slow[@]}" training.epochs=$epochs --out whole >whole.txt 2>&1 &
whole=$!
signalled=$(submit --ntasks=1 --time=1 --signal=B:USR1@30 jobs/train.sbatch "${slow[@]}" \
    training.epochs=$epochs)
timed=$(submit --ntasks=1 jobs/train.sbatch "${toy[@]}" training.epochs=1500 --max-time 0:08)
wait_for 30 has_line "runs/slurm-$timed/log.txt" 'epoch  2'

wait_for 90 has_line "$(log_of "$timed")" "runs/slurm-$timed: stopped to end within its time"
scancel "$timed"
echo "--max-time: stopped in time"

wait_for 90 has_line "$(log_of "$signalled")" "runs/slurm-$signalled: stopped by a signal"
wait_for 60 has_line "$(log_of "$signalled")" "== train, job $signalled, restart 1 of"
wait "$whole"
wait_for 240 is_state "$signalled" COMPLETED
expect_same "$signalled" "$(digest_of whole.txt)"
! grep -q 'DUE TO TIME LIMIT' "$(log_of "$signalled")" || fail "Slurm had to end it"
echo "a signal at the time limit: requeued, same"
