#!/usr/bin/env bash
# Job arrays with a job that waits for them: a comparison with its page, an ensemble with its
# predictions, each what the program alone makes of the same runs.
# shellcheck source=tests/slurm/common.sh
. "$(dirname "$0")/common.sh"
short=("${toy[@]:2}" training.epochs=3)

# ended NAME: whether the job that waits for an array has completed.
ended() {
    scontrol show job -o | grep "JobName=$1-end " | grep -q 'JobState=COMPLETED'
}

cp "$source/configs/smoke.yaml" one.yaml
cp "$source/configs/smoke.yaml" other.yaml
compare=$(submit --array=0-3 --ntasks=1 jobs/compare.sbatch one.yaml other.yaml "${short[@]}")
wait_for 120 ended compare
for run in one-0 other-0 one-1 other-1; do
    "$program" train --config "${run%-*}.yaml" "${short[@]}" "training.seed=${run#*-}" \
        --out "alone/$run" >alone.txt 2>&1
    grep -qF "$(digest_of alone.txt)" "runs/compare-$compare/$run/log.txt" || fail "$run: other bits"
done
grep -q 'other-1' "runs/compare-$compare/report.html" || fail "the page lacks a run"
echo "an array of four and its page: same"

mkdir "my tools" # a path with a blank reaches the job that follows, too
ln -s "$(realpath "$program")" "my tools/mnist_dist"
export MNIST_DIST="$PWD/my tools/mnist_dist"
ensemble=$(submit --array=0-2 --ntasks=2 jobs/ensemble.sbatch --config one.yaml "${short[@]}")
wait_for 120 ended ensemble
for seed in 0 1 2; do
    "$program" train --config one.yaml "${short[@]}" "training.seed=$seed" --out "members/$seed" \
        >alone.txt 2>&1
    cmp "members/$seed/submission.csv" "runs/ensemble-$ensemble/seed-$seed/submission.csv" ||
        fail "seed $seed predicts otherwise"
done
"$program" predict members/*/checkpoints/best.h5 --data data/digits.h5 -o expected.csv >/dev/null
cmp expected.csv "runs/ensemble-$ensemble/submission.csv" || fail "the ensemble predicts otherwise"
echo "an ensemble of three: same"
