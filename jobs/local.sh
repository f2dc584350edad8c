#!/usr/bin/env bash
# Trains on this machine, from nothing to submission.csv.
#
#   jobs/local.sh [--restart] [ARGUMENTS of mnist_dist ...]      e.g. jobs/local.sh training.epochs=5
#
# With --restart a training that was stopped, killed or hung goes on by itself, at most MAX_RESTARTS
# (20) times; Ctrl-C stops it with a checkpoint, for good.
#
# Installs the Debian packages that are missing (as root, or with sudo), builds into build/, makes
# data/digits.h5 if it is not there (see data/get.sh), and runs `mpirun -np 8 mnist_dist` to its
# end. Run again, it goes on where it was stopped. Paths are relative to the project's folder.
#
# Environment: RANKS (8), DATA_FOLDER (handed to data/get.sh), BUILD (build).
# Costs: up to 240 MB of packages to fetch (1.1 GB unpacked), a minute or two to build, and for the 42,000 rows some 8 minutes on
# two cores.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
build=${BUILD:-build}
# shellcheck source=jobs/packages.sh
. jobs/packages.sh
# shellcheck source=jobs/restart.sh
. jobs/restart.sh

restart=
if [ "${1:-}" = --restart ]; then
    restart=1
    shift
fi
install_packages "${BUILD_PACKAGES[@]}"
build_target "$build" mnist_dist
MNIST_DIST="$build/mnist_dist" data/get.sh ${DATA_FOLDER:+"$DATA_FOLDER"}

# Open MPI refuses to run as root and to start more ranks than cores unless told otherwise; and
# ranks that share cores must not be bound to one each.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_rmaps_base_oversubscribe=1
if [ "${RANKS:-8}" -gt "$(nproc)" ]; then export OMPI_MCA_hwloc_base_binding_policy=none; fi
run=(mpirun -quiet -np "${RANKS:-8}" "$build/mnist_dist" "$@")
[ -n "$restart" ] || exec "${run[@]}"

restart_until_done "${run[@]}"
