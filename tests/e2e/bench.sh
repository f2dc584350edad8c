#!/usr/bin/env bash
# The benches run and their figures can be read; no time is judged. And a rank of the baseline
# configuration stays small.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"
smoke=(--config "$source/configs/smoke.yaml")
most=80 # MB a rank, with its part of what the ranks of a node share

# bench RANKS WORDS...: both forms of the figures; what both must have is read from standard input as
# "name|units", and each figure's median must lie within its spread.
bench() {
    local ranks=$1 quantities
    shift
    quantities=$(cat)
    mpirun -np "$ranks" "$program" bench "$@" "${smoke[@]}" >bench.txt || fail "bench $*: exit $?"
    mpirun -np "$ranks" "$program" bench "$@" "${smoke[@]}" --json >bench.json ||
        fail "bench $* --json: exit $?"
    python3 - bench.json "$quantities" <<'PYTHON' || { cat bench.json; fail "bench $* --json"; }
import json, sys
figures = [json.loads(line) for line in open(sys.argv[1])]
units = {f"{f['name']}|{f['units']}": f for f in figures}
assert len(units) == len(figures), "a name stands twice"
for quantity in sys.argv[2].split("\n"):
    assert units[quantity]["median"] > 0, quantity
for f in figures:
    assert "min" not in f or f["min"] <= f["median"] <= f["max"], f
    assert "min" not in f or f["min"] > 0 or f["name"].startswith("hidden"), f
    assert "share" not in f or (f["share"] > 0 and f["of"]), f
shares = [f["median"] for f in figures if f["name"].startswith("share of ")]
assert not shares or len(shares) == 5 and abs(sum(shares) - 100) < 0.01, shares
PYTHON
}

# row PATTERN: the table that `bench` left has such a line.
row() {
    grep -Eq -- "$1" bench.txt || { cat bench.txt; fail "no line like '$1'"; }
}

bench 1 <<<"peak, float32|GFLOP/s
gemm 2048-cube|GFLOP/s
conv2d, im2col, forward|GFLOP/s
conv2d, im2col, weight gradient|GFLOP/s
conv2d, im2col, all|GFLOP/s
training step|images/s
training step|GFLOP/s
sum and gather|ms
sum and gather|GB/s"
row '^gemm 2048-cube +GFLOP/s +median +[0-9.]+ .* % of the peak$'
row '^conv2d: 3x3, 1 to 8 channels, 28x28 pixels, 3 images'
row '^[* ] im2col +[0-9.]+ +[0-9]+ % +- +[0-9.]+ +[0-9]+ % '
[ "$(grep -c '^\* ' bench.txt)" -eq 1 ] || fail "not one kernel is the one that is used"
row '^training step +images/s +median +[0-9.]+ '

bench 3 step training.batch_size=600 <<<"training step|images/s"
if grep '% of the peak' bench.txt; then fail "a share of one core's peak at three ranks"; fi
bench 2 allreduce <<<"sum and gather|GB/s"
MNIST_DIST_NODE_RANKS=1 bench 3 allreduce <<<"the same in buckets of 512 kB|ms"
MNIST_DIST_NODE_RANKS=1 bench 2 overlap <<<"step, overlapped|ms
step, blocking|ms
messages alone|ms
messages of a node|per step"

MNIST_DIST_NODE_RANKS=1 bench 2 scaling --model -o scaling.png <<<"a shard's images|images/s
a small message|us
network, foreseen|ms
step, foreseen|ms
step, measured|ms
foreseen by measured|ratio
strong scaling, 16 ranks|images/s
weak scaling, 4096 ranks|images/s"
row '^weak +4096 +90112 '
[ "$(head -c 4 scaling.png | tail -c 3)" = PNG ] || fail "no picture of scaling"
expect_error 2 'go with bench scaling only' "$program" bench step --model
expect_error 2 '^mnist_dist: error: none/scaling.png: cannot be written' \
    "$program" bench scaling --model -o none/scaling.png "${smoke[@]}"

awk -v rows=300 -v labelled=1 -f "$source/tests/e2e/digits.awk" >train.csv
mkdir temporary
export TMPDIR=$work/temporary
bench 1 import train.csv <<<"import|rows/s
import|MB/s"
"$program" bench import >made_up.txt || fail "bench import of a made-up file: exit $?"
grep -q '^Import of a made-up CSV packed with gzip: 42000 rows' made_up.txt || fail "no made-up file"
expect_error 3 'none.csv: cannot be opened: No such file' "$program" bench import none.csv
expect_error 3 'temporary: is a folder; name a file in it' "$program" bench import temporary
expect_error 2 'unexpected word train.csv; only bench import takes a file' \
    "$program" bench step train.csv
if compgen -G "temporary/mnist_dist-*"; then fail "bench import left something behind"; fi
"$program" bench import >stopped.txt &
job=$!
for _ in $(seq 600); do
    compgen -G "temporary/mnist_dist-*/*" >/dev/null && break
    sleep 0.02
done
compgen -G "temporary/mnist_dist-*/*" >/dev/null || fail "bench import makes no file"
kill -TERM $job
wait $job && fail "bench import went on after TERM"
if compgen -G "temporary/mnist_dist-*"; then fail "bench import that was ended left its folder"; fi
unset TMPDIR

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
    # gradients, parameters and the optimizer's state are shared; of images there are few
    own=$(awk '/^Pss_(Anon|Shmem):/ { kb += $2 } END { print int(kb / 1024) }' \
        "/proc/$process/smaps_rollup")
    [ "${own:-$most}" -lt $most ] || fail "rank of process $process has $own MB"
    [ "$own" -ge 10 ] || fail "$own MB cannot be all of a rank with its network"
    sizes+=" $own"
done
echo "MB of each rank:$sizes"
kill -TERM "${processes[0]}"
rc=0
wait $job || rc=$?
[ $rc -eq 75 ] || { cat memory.txt; fail "exit code $rc after TERM"; }
