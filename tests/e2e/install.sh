#!/usr/bin/env bash
# After `cmake --install`, plain `mpirun -np 8 mnist_dist` in any folder that has data.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"
cmake --install "$build" --prefix "$work/prefix" >/dev/null
export PATH=$work/prefix/bin:$PATH
[ -f "$work/prefix/share/mnist_dist/configs/baseline.yaml" ] || fail "no configs are installed"
make_digits 150 10
mkdir -p elsewhere/data && mv digits.h5 elsewhere/data/
cd elsewhere
mpirun -np 8 mnist_dist training.epochs=1 >out.txt 2>&1 || { cat out.txt; fail "installed program"; }
[ "$(wc -l <runs/baseline/submission.csv)" -eq 11 ] || fail "no submission of 10 rows"
