#!/usr/bin/env bash
# A job on one node by mpirun, on two by mpirun and by srun; mistakes; a job that is cancelled; the
# scripts that predict and that measure scaling.
# shellcheck source=tests/slurm/common.sh
. "$(dirname "$0")/common.sh"
same=$(reference training.epochs=20)

one=$(submit --ntasks=3 jobs/train.sbatch "${toy[@]}" training.epochs=20)
wait_for 60 is_state "$one" COMPLETED
expect_same "$one" "$same"
log=$(log_of "$one")
[ "$(grep -c '^epoch ' "$log")" -eq 20 ] || fail "not a line an epoch"
grep -q "^== train, job $one: 3 tasks on n1;" "$log" || fail "no heading"
[ -z "$(tr -dc '\r' <"$log")" ] || fail "a progress bar in the log"
"$program" watch "$one" | grep -q finished || fail "watch does not find the run of job $one"
echo "one node: same"

two=$(submit --ntasks=4 --nodes=2 --ntasks-per-node=2 jobs/train.sbatch "${toy[@]}" training.epochs=20)
wait_for 60 is_state "$two" COMPLETED
expect_same "$two" "$same"
echo "two nodes by mpirun: same"

three=$(LAUNCHER=srun submit --ntasks=4 --nodes=2 --ntasks-per-node=2 jobs/train.sbatch "${toy[@]}" \
    training.epochs=20)
wait_for 60 is_state "$three" COMPLETED
expect_same "$three" "$same"
echo "two nodes by srun: same"

for launcher in mpirun srun; do
    four=$(LAUNCHER=$launcher submit --ntasks=1 --cpus-per-task=2 jobs/train.sbatch "${toy[@]}" \
        training.epochs=20)
    wait_for 60 is_state "$four" COMPLETED
    expect_same "$four" "$same"
    grep -q ' 1 rank with 2 threads' "$(log_of "$four")" || fail "not two threads by $launcher"
done
echo "two threads a task: same"

# A mistake ends the job at once, with its line.
wrong=$(submit --ntasks=1 jobs/train.sbatch training.epoch=3)
wait_for 30 is_state "$wrong" FAILED
grep -q 'did you mean training.epochs' "$(log_of "$wrong")" || fail "the mistake is not named"
wrong=$(LAUNCHER=rsh submit --ntasks=1 jobs/train.sbatch)
wait_for 30 is_state "$wrong" FAILED
grep -q 'expected mpirun or srun' "$(log_of "$wrong")" || fail "the launcher is not named"
wrong=$(submit --ntasks=1 jobs/compare.sbatch "$source"/configs/optimizers/*.yaml)
wait_for 30 is_state "$wrong" FAILED
grep -q 'sbatch --array=0-17' "$(log_of "$wrong")" || fail "the array is not named"

# scancel: gone soon, with a checkpoint, and the same command line goes on with the run.
gone=$(submit --ntasks=2 jobs/train.sbatch "${toy[@]}" training.epochs=4000)
wait_for 30 has_line "runs/slurm-$gone/log.txt" 'epoch  2'
scancel "$gone"
wait_for 20 is_state "$gone" CANCELLED
wait_for 20 no_ranks_left
"$program" watch "$gone" | grep -q stopped || fail "no checkpoint of a stop after scancel"
echo "scancel: stopped with a checkpoint"

labels=$(submit --ntasks=2 jobs/predict.sbatch "runs/slurm-$one/checkpoints/best.h5" \
    --data data/digits.h5 -o labels.csv)
wait_for 30 is_state "$labels" COMPLETED
cmp labels.csv "runs/slurm-$one/submission.csv" || fail "predict.sbatch predicts otherwise"

scaling=$(submit --ntasks=2 jobs/scaling.sbatch --config "$source/configs/smoke.yaml")
wait_for 120 is_state "$scaling" COMPLETED
cat "runs/scaling-$scaling/scaling.txt"
[ "$(grep -Ec '^(strong|weak) +[12] ' "runs/scaling-$scaling/scaling.txt")" -eq 4 ] ||
    fail "not strong and weak at 1 and 2 ranks"
if command -v gnuplot >/dev/null; then
    file "runs/scaling-$scaling/scaling.png" | grep -q 'PNG image data, 1400 x 700' || fail "no plot"
fi
