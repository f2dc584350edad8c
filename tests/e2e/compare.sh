#!/usr/bin/env bash
# compare trains configurations and seeds in turn, takes up where it was stopped, and makes one page.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"
make_digits 600 50

# says PAGE EXPRESSION EXPECTED: what a Python expression of the page's data says.
says() {
    local said
    said=$(python3 - "$1" "$2" <<'EOF'
import json, re, sys
page = open(sys.argv[1], encoding="utf-8").read()
d = json.loads(re.search(r'<script id="data" type="application/json">(.*?)</script>', page, re.S).group(1))
c = d["comparison"]
print(eval(sys.argv[2]))
EOF
    )
    [ "$said" = "$3" ] || fail "$1: $2 is $said, not $3"
}

cp "$source/configs/smoke.yaml" small.yaml
sed 's/conv 3x3 8/conv 5x5 4/' small.yaml >other.yaml
keys=(--data "$work/digits.h5" data.limit=0 training.epochs=2)
compare() {
    local ranks=$1
    shift
    mpirun -np "$ranks" "$program" compare "$@" 2>&1
}

# Two configurations, two seeds, on several ranks.
compare 3 small.yaml other.yaml --seeds 2 -o all "${keys[@]}" >all.txt
for run in small-0 other-0 small-1 other-1; do
    [ -s all/$run/report.html ] || fail "no run $run"
    grep -q "^state digest" all/$run/log.txt || fail "$run did not end"
done
if grep -q 'other-0' all/small-0/log.txt; then fail "a run's log holds another's lines"; fi
says all/report.html '[r["name"] for r in d["runs"]]' "['small-0', 'other-0', 'small-1', 'other-1']"
says all/report.html '[(g["name"], g["runs"]) for g in c["groups"]]' "[('small', [0, 2]), ('other', [1, 3])]"
says all/report.html 'sorted(k["key"] for k in c["differing"])' "['model.layers', 'training.seed']"
says all/report.html '[(p["a"], p["b"], p["images"]) for p in c["pairs"]]' '[(0, 1, 60), (2, 3, 60)]'
says all/report.html '[p["images"] for p in c["group_pairs"]]' '[120]'
says all/report.html 'abs(c["groups"][0]["val_accuracy"]["mean"] - sum(d["runs"][i]["headline"]["val_accuracy"] for i in (0, 2)) / 2) < 1e-5' True
says all/report.html 'c["pairs"][0]["both"] + c["pairs"][0]["only_a"] == d["runs"][0]["headline"]["val_correct"]' True
[ "$(wc -l <all/table.md)" -eq 4 ] || fail "table.md has not two lines and a heading"
grep -qF "$(tail -n 1 all/table.md)" all.txt || fail "the table is not printed"

# The runs are those of train, at another number of ranks.
train 2 --config small.yaml "${keys[@]}" training.seed=1 --out single >single.txt
[ "$(digest_of single.txt)" = "$(digest_of all/small-1/log.txt)" ] || fail "compare gives other bits than train"

# Again, with one seed more: what is finished is not trained again.
compare 2 small.yaml other.yaml --seeds 3 -o all "${keys[@]}" >again.txt
[ "$(grep -c 'nothing is left to be done' again.txt)" -eq 4 ] || fail "finished runs were trained again"
[ "$(grep -c '^epoch ' again.txt)" -eq 4 ] || fail "not two epochs each of two new runs"
says all/report.html 'len(d["runs"])' 6

# Stopped in its second run, it exits with 75 and goes on from there.
long=(--data "$work/digits.h5" data.limit=0 training.epochs=12)
compare 2 small.yaml other.yaml --seeds 1 -o halted "${long[@]}" >whole.txt
mv halted whole
for _ in 1 2 3 4 5; do
    rm -rf halted
    compare 2 small.yaml other.yaml -o halted "${long[@]}" >halted.txt &
    job=$!
    for _ in {1..3000}; do
        ! grep -q '^epoch  2' halted/other-0/log.txt 2>/dev/null || break
        sleep 0.01
    done
    pkill -TERM -f -- "^$program compare .*--data $work/" || true
    rc=0
    wait $job || rc=$?
    [ "$rc" -eq 0 ] || break # else it had ended before the signal came
done
[ "$rc" -eq 75 ] || fail "exit code $rc, not 75, of a comparison that was stopped: $(tail halted.txt)"
[ ! -e halted/report.html ] || fail "a stopped comparison made its page"
compare 3 small.yaml other.yaml -o halted "${long[@]}" >on.txt
grep -q 'nothing is left to be done' on.txt || fail "the finished run was trained again"
grep -q 'resuming from halted/other-0' on.txt || fail "the stopped run was not gone on with"
for run in small-0 other-0; do
    [ "$(digest_of halted/$run/log.txt | tail -n 1)" = "$(digest_of whole/$run/log.txt)" ] ||
        fail "$run: other bits"
done
says halted/report.html 'len(d["runs"][1]["restarts"]), d["runs"][1]["restarts"][0]["ranks"]' '(1, 3)'

# A run that diverges is left behind; the others and the page are made, and the exit code tells.
cat >wild.yaml <<'EOF'
model:
  layers:
    - flatten
    - dense 32
    - dense 32
    - dense 10 softmax
optimizer:
  kind: sgd
  learning_rate: 1000
EOF
rc=0
compare 1 wild.yaml small.yaml -o wild "${long[@]}" >wild.txt || rc=$?
[ "$rc" -eq 5 ] || fail "exit code $rc, not 5, with a run that diverged"
grep -q 'warning: wild/wild-0: .*not finite' wild.txt || fail "no word of the divergence"
[ -s wild/report.html ] || fail "no page beside a run that diverged"

# Runs of older versions, without predictions, still have curves and final figures.
rm all/*/predictions.h5
"$program" report all/small-0 all/other-0 all/small-1 -o old.html >/dev/null 2>err.txt
[ "$(wc -l <err.txt)" -eq 3 ] || fail "not a line for each run without predictions"
says old.html 'len(c["pairs"]), len(c["groups"]), len(d["runs"][2]["epochs"]["val_loss"]), [len(r["missing"]) for r in d["runs"]]' \
    '(0, 2, 2, [1, 1, 1])'

# Runs of one name are called by their paths.
cp -r all/small-0 small-0
"$program" report small-0 all/small-0 -o names.html >/dev/null 2>&1
says names.html 'sorted(r["name"] for r in d["runs"])' "['all/small-0', 'small-0']"
mkdir copies && cp -r all/small-0 copies
"$program" report all/small-0 copies/small-0 -o names.html >/dev/null 2>&1
says names.html '[r["name"] for r in d["runs"]]' "['all/small-0', 'copies/small-0']"

# A run that is named twice, as `runs/*` does with runs/latest, counts once.
ln -s small-0 all/latest
"$program" report all/latest all/small-0 all/other-0 all/small-0/ -o once.html >/dev/null 2>&1
says once.html '[r["name"] for r in d["runs"]]' "['small-0', 'other-0']"

# Mistakes.
one=(mpirun -np 1 -quiet "$program" compare)
expect_error 2 'no file is named' "${one[@]}" -o x
expect_error 2 'o FILE is missing' "${one[@]}" small.yaml
expect_error 2 'missing\.yaml' "${one[@]}" small.yaml missing.yaml -o x
expect_error 2 'have one name' "${one[@]}" small.yaml "$work/small.yaml" -o x
expect_error 2 'seeds many: expected a number' "${one[@]}" small.yaml --seeds many -o x
expect_error 2 'training\.seed=3: .*--seeds' "${one[@]}" small.yaml -o x training.seed=3
expect_error 2 'training\.epocs.*did you mean' "${one[@]}" small.yaml -o x training.epocs=3
expect_error 2 'all/small-0.*optimizer\.kind is adam there and sgd now.* anew with another -o' \
    "${one[@]}" small.yaml -o all "${keys[@]}" optimizer.kind=sgd
expect_error 3 'nowhere\.h5' "${one[@]}" small.yaml -o x --data nowhere.h5
for file in "$source"/configs/optimizers/*.yaml; do
    "$program" train --config "$file" --print-config >/dev/null || fail "$file"
done
[ "$(find "$source/configs/optimizers" -name '*.yaml' | wc -l)" -eq 6 ] || fail "not six optimizers"
