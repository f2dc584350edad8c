#!/usr/bin/env bash
# Runs the tests: installs what they need, builds with warnings as errors, checks the formatting and
# the scripts, and runs CTest.
#
#   tests/run.sh [--long] [CTEST OPTIONS ...]        e.g. tests/run.sh -L unit
#
# --long runs the tests with the label `long` as well, which need minutes to hours: the long forms of
# the faults, sanitizers and analysers, Keras itself, other compilers. Some have a second label, by
# which they are run alone: tests/run.sh --long -L sanitize, or analysis, interop, builds.
# Environment: DATA_FOLDER, a folder with Kaggle's train.csv and test.csv (or .gz); without it, and
# without data/digits.h5, the tests that need the 42,000 rows say that they were skipped.
# BUILD names the build folder (build-tests).
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
build=${BUILD:-build-tests}
# shellcheck source=jobs/packages.sh
. jobs/packages.sh

some=(-LE long)
if [ "${1:-}" = --long ]; then
    some=()
    shift
fi

install_packages "${BUILD_PACKAGES[@]}" "${TEST_PACKAGES[@]}"

echo "formatting and scripts"
find src include tests -name '*.[ch]' -print0 | xargs -0 clang-format-14 --dry-run --Werror
shellcheck -x jobs/*.sh jobs/*.sbatch data/get.sh tests/*.sh tests/slurm/*.sh tests/net/*.sh tests/interop/*.sh tests/e2e/*.sh tests/browser/*.sh tests/long/*.sh tests/fuzz/*.sh tests/faults/*.sh .ci/run

echo "building into $build"
build_target "$build" all -DMNIST_DIST_WERROR=ON
# How fast this machine and the program on it are, for whoever reads the log; no time is judged.
[ $# -gt 0 ] || "$build/mnist_dist" bench
export DATA_FOLDER=${DATA_FOLDER:-}
exec ctest --test-dir "$build" --output-on-failure -j "$((2 * $(nproc)))" "${some[@]}" "$@"
