#!/usr/bin/env bash
# Resuming on another number of ranks, within an epoch and at its end, gives the bits of a run that
# was never stopped.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"
make_digits 600 50

train 2 "${quick[@]}" --out whole checkpoint.every_steps=10 checkpoint.keep=99 >whole.txt
reference=$(digest_of whole.txt)
steps=(whole/checkpoints/step-*.h5)
[ ${#steps[@]} -ge 9 ] || fail "only ${#steps[@]} checkpoints: ${steps[*]}"

ranks=(1 3 5 8 2 7 4)
for i in "${!steps[@]}"; do
    r=${ranks[i % ${#ranks[@]}]}
    train "$r" "${quick[@]}" --out "again-$i" --resume "${steps[i]}" >out.txt
    [ "$(digest_of out.txt)" = "$reference" ] || fail "${steps[i]} on $r ranks gives other bits"
    cmp -s whole/submission.csv "again-$i/submission.csv" ||
        fail "${steps[i]} on $r ranks predicts otherwise"
    echo "${steps[i]} on $r ranks: same"
done

# metrics.csv has every epoch once, one header, and the same figures as the run that was not stopped
# (times aside).
cut -d, -f1-6 whole/metrics.csv >expected.csv
cut -d, -f1-6 again-1/metrics.csv | cmp - expected.csv || fail "metrics.csv differs after a resume"
[ "$(wc -l <expected.csv)" -eq 4 ] || fail "metrics.csv has not a header and three rows"

# Only the last three and the best are kept.
train 4 "${quick[@]}" --out kept checkpoint.every_steps=5 >/dev/null
[ "$(find kept/checkpoints -type f | wc -l)" -eq 4 ] || fail "not three checkpoints and the best"
[ -f kept/checkpoints/best.h5 ] || fail "no best.h5"

# A damaged newest checkpoint is passed over, and the run goes on from the one before.
newest=$(printf '%s\n' kept/checkpoints/step-*.h5 | tail -n 1)
dd if=/dev/zero of="$newest" bs=1 seek=20000 count=64 conv=notrunc 2>/dev/null
train 3 "${quick[@]}" --out kept checkpoint.every_steps=5 >out.txt
grep -q "$(basename "$newest")" out.txt || fail "the damaged file is not named"
[ "$(digest_of out.txt)" = "$reference" ] || fail "other bits after a damaged checkpoint"

# A named checkpoint of a directory that holds later ones is gone on from beside it.
before=$(sha256sum whole/checkpoints/*)
train 2 "${quick[@]}" --out whole --resume "${steps[0]}" >out.txt
[ "$(digest_of out.txt)" = "$reference" ] || fail "other bits beside the directory"
[ -f whole-2/checkpoints/best.h5 ] || fail "the new run is not beside the old one"
[ "$before" = "$(sha256sum whole/checkpoints/*)" ] || fail "the old run's checkpoints were touched"

# Keys that change the answer may not differ; the others may.
expect_error 2 'training\.batch_size' \
    mpirun -np 1 -quiet "$program" train "${quick[@]}" --out again-0 training.batch_size=30

# What somebody has edited into what no run comes to is refused, and touches no memory.
edit() {
    tail -c +513 "${steps[0]}" >edited.h5 # without its seal
    /usr/bin/python3 -c "import h5py; file = h5py.File('edited.h5', 'r+'); $1"
}
for change in 'file["training"].attrs["epoch_step"] += 5' 'file["training"].attrs["epoch_step"] = 1 << 40' \
    'file["training"].attrs["step"] -= 1' 'file["training"].attrs["epoch"] += 1'; do
    edit "$change"
    rc=0
    train 2 "${quick[@]}" --out edited --resume edited.h5 >out.txt 2>&1 || rc=$?
    [ "$rc" -eq 4 ] || fail "$change: exit code $rc"
    grep -Eq 'edited\.h5: step [0-9]+, epoch [0-9]+ and its step [0-9]+ do not belong together' out.txt ||
        { cat out.txt; fail "$change: another line"; }
done
