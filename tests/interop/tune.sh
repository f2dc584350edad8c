#!/usr/bin/env bash
# Fine-tuning an imported network: a run starts with its weights and layers, and the same command goes on with it.
# shellcheck source=tests/interop/common.sh
. "$(dirname "$0")/common.sh"
make_digits 600 10
layers="conv 3x3 4 same, batchnorm relu, maxpool 4x4, flatten, dense 20 relu, dropout 0.2, dense 10 softmax"
train 1 "${quick[@]}" training.epochs=1 output.report=never --out first model.layers="$layers" >first.txt ||
    { cat first.txt; fail "training"; }
"$program" export first/checkpoints/best.h5 --to keras -o first.keras >/dev/null
"$program" import-model first.keras -o imported.h5 >import.txt || { cat import.txt; fail "import"; }
tune=("${quick[@]}" training.epochs=2 checkpoint.every_steps=3 output.report=never --resume imported.h5)

# With a rate of next to nothing it stays where it began.
train 2 "${tune[@]}" optimizer.kind=sgd optimizer.learning_rate=1e-12 schedule.kind=constant --out still >still.txt ||
    { cat still.txt; fail "a start"; }
grep -q '^initial weights: those of imported.h5' still/log.txt || fail "no word of the start"
/usr/bin/python3 - <<'PYTHON' || { [ $? -ne 77 ] || exit 77; fail "it began elsewhere"; }
import sys
try:
    import h5py
    import numpy as np
except ImportError as error:
    print(f"skipped: {error} (Debian package python3-h5py)")
    sys.exit(77)
with h5py.File("imported.h5") as imported, h5py.File("still/checkpoints/best.h5") as still:
    compared = []
    def compare(name, item):
        if isinstance(item, h5py.Dataset) and "moving_" not in name:
            compared.append(name)
            if not np.abs(item[()] - still["model_weights"][name][()]).max() < 1e-6:
                sys.exit(f"{name}: other weights")
    imported["model_weights"].visititems(compare)
    print(f"{len(compared)} arrays are where the run began")
PYTHON

# Killed, it goes on to the same bits, on any number of ranks.
train 2 "${tune[@]}" --out whole >whole.txt || { cat whole.txt; fail "fine-tuning"; }
mpirun -np 1 "$program" train "${tune[@]}" --out killed >killed.txt 2>&1 &
pid=$!
for _ in $(seq 600); do
    [ -z "$(ls killed/checkpoints/step-*.h5 2>/dev/null)" ] || break
    sleep 0.1
done
kill -KILL $pid || fail "it was done before it was killed"
wait $pid 2>/dev/null || true
train 4 "${tune[@]}" --out killed >killed.txt || { cat killed.txt; fail "going on"; }
grep -q '^resuming from killed/checkpoints/step-' killed.txt || fail "it did not go on"
[ "$(digest_of killed.txt)" = "$(digest_of whole.txt)" ] || fail "killed and gone on, it is another network"

expect_error 3 'does not tell whether it was trained on rows' "$program" evaluate imported.h5 --data digits.h5
"$program" evaluate imported.h5 --data digits.h5 --allow-overlap >evaluate.txt 2>&1 || { cat evaluate.txt; fail "evaluate"; }
grep -q '^labelled rows: accuracy' evaluate.txt || fail "nothing evaluated"
"$program" predict imported.h5 --data digits.h5 -o predicted.csv >/dev/null || fail "predict"
[ "$(wc -l <predicted.csv)" -eq 11 ] || fail "not ten predictions"
