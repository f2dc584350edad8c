#!/usr/bin/env bash
# The benchmark of a step runs and its figures can be read; no time is judged. And a rank of the
# baseline configuration stays small.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"
smoke=(--config "$source/configs/smoke.yaml")
most=120 # MB of its own a rank

# bench RANKS KEYS...: both forms of the figures.
bench() {
    local ranks=$1
    shift
    mpirun -np "$ranks" "$program" bench step "${smoke[@]}" "$@" >bench.txt || fail "bench: exit $?"
    grep -Eq '^training step +images/s +median +[0-9.]+ ' bench.txt || fail "bench: no images/s"
    mpirun -np "$ranks" "$program" bench step "${smoke[@]}" "$@" --json >bench.json ||
        fail "bench --json: exit $?"
    python3 - bench.json <<'PYTHON' || { cat bench.json; fail "bench --json at $ranks ranks: $*"; }
import json, sys
figures = [json.loads(line) for line in open(sys.argv[1])]
units = {(f["name"], f["units"]): f["median"] for f in figures}
for quantity in ("gemm 2048-cube", "GFLOP/s"), ("training step", "images/s"), ("training step", "GFLOP/s"):
    assert units[quantity] > 0, quantity
for f in figures:
    if "min" in f:
        assert 0 < f["min"] <= f["median"] <= f["max"], f
shares = [f["median"] for f in figures if f["name"].startswith("share of ")]
assert len(shares) == 5 and abs(sum(shares) - 100) < 0.01, shares
PYTHON
}

bench 1
bench 3 training.batch_size=600

# rank_processes: those of the baseline run, which is known by its --out.
rank_processes() {
    pgrep -f -- 'mnist_dist train .*--out memory$' | while read -r process; do
        if [ "$(cat "/proc/$process/comm" 2>/dev/null)" = mnist_dist ]; then echo "$process"; fi
    done
}

[ -r /proc/self/smaps_rollup ] || skip "no /proc/PID/smaps_rollup here; the benchmark passed"
make_digits 400 10
train 8 --data "$work/digits.h5" training.epochs=20 --out memory >memory.txt &
job=$!
for _ in $(seq 1200); do
    grep -q '^epoch  1' memory.txt && break
    kill -0 $job 2>/dev/null || { cat memory.txt; fail "the baseline ended too early"; }
    sleep 0.05
done
mapfile -t processes < <(rank_processes)
[ ${#processes[@]} -eq 8 ] || fail "${#processes[@]} ranks were found, not 8"
for process in "${processes[@]}"; do
    own=$(awk '/^Pss_Anon:/ { print int($2 / 1024) }' "/proc/$process/smaps_rollup")
    [ "${own:-$most}" -lt $most ] || fail "rank of process $process has $own MB of its own"
    [ "$own" -ge 10 ] || fail "$own MB cannot be all of a rank with its network"
    sizes+=" $own"
done
echo "MB of each rank's own:$sizes"
kill -TERM "${processes[0]}"
rc=0
wait $job || rc=$?
[ $rc -eq 75 ] || { cat memory.txt; fail "exit code $rc after TERM"; }
