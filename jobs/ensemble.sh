#!/usr/bin/env bash
# An ensemble on this machine, without Slurm (there: jobs/ensemble.sbatch): trains every configuration
# with seeds 0, 1 and so on, one run after another, and predicts the test images by the mean of their
# probabilities.
#
#   [nice -n 19] jobs/ensemble.sh FOLDER SEEDS CONFIG... [key=value ...]
#
# e.g. jobs/ensemble.sh runs/deotte 5 configs/deotte.yaml, RANKS=1 before it. The runs live in
# FOLDER/NAME-SEED, their comparison is FOLDER/report.html, the predictions FOLDER/submission.csv. A
# run that is killed or hangs goes on by itself; Ctrl-C, TERM or USR1 stops with a checkpoint, and the
# same command goes on.
#
# Environment: RANKS (8; no more than training.shards), MNIST_DIST (build/mnist_dist).
# Costs: a training each.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=jobs/restart.sh
. "$root/jobs/restart.sh"
if [ $# -lt 3 ]; then
    echo "usage: jobs/ensemble.sh FOLDER SEEDS CONFIG... [key=value ...]" >&2
    exit 2
fi
folder=$1 seeds=$2
shift 2
program=${MNIST_DIST:-$root/build/mnist_dist}
[ -x "$program" ] || { echo "error: no $program: build it (jobs/local.sh does), or set MNIST_DIST" >&2; exit 2; }

# As in jobs/local.sh.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_rmaps_base_oversubscribe=1
if [ "${RANKS:-8}" -gt "$(nproc)" ]; then export OMPI_MCA_hwloc_base_binding_policy=none; fi

predict() {
    "$program" predict "$folder"/*/checkpoints/best.h5 -o "$folder/submission.csv"
}
trap '[ $? -ne 0 ] || predict' EXIT # the loop ends this shell
restart_until_done mpirun -quiet -np "${RANKS:-8}" "$program" compare "$@" --seeds "$seeds" -o "$folder"
