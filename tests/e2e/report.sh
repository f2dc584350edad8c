#!/usr/bin/env bash
# A run's page: made by train and by report, from whatever of the run is there.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"
make_digits 600 50

# json PAGE EXPRESSION: what a Python expression of the page's data `d` and its first run `r` says.
json() {
    python3 - "$@" <<'EOF'
import json, re, sys
page = open(sys.argv[1], encoding="utf-8").read()
found = re.findall(r'<script id="data" type="application/json">(.*?)</script>', page, re.S)
assert len(found) == 1, "not one block of data"
d = json.loads(found[0], parse_constant=lambda name: sys.exit(f"{name} is no JSON"))
r = d["runs"][0]
print(eval(sys.argv[2]))
EOF
}

# says PAGE EXPRESSION EXPECTED
says() {
    local said
    said=$(json "$1" "$2")
    [ "$said" = "$3" ] || fail "$1: $2 is $said, not $3"
}

# Train leaves the page of its run, with the figures that it printed.
train 2 "${quick[@]}" --out run >out.txt
page=run/report.html
[ -s run/predictions.h5 ] || fail "no predictions.h5"
grep -q '^run/report.html: ' out.txt || fail "train does not name the page"
hits=$(sed -n 's/^validation of epoch .* (\([0-9]*\) of 60).*/\1/p' out.txt)
says $page 'r["headline"]["val_correct"], r["headline"]["val_count"]' "($hits, 60)"
says $page 'sum(r["confusion"][i][i] for i in range(10))' "$hits"
says $page 'len(r["errors"]) + r["headline"]["val_correct"]' 60
says $page 'sorted(e["p_prediction"] for e in [r["images"][i] for i in r["errors"]]) == [r["images"][i]["p_prediction"] for i in r["errors"]][::-1]' True
says $page 'all(r["images"][i]["label"] == a and r["images"][i]["prediction"] == b for a in range(10) for b in range(10) for i in r["cells"][a][b])' True
says $page 'r["headline"]["digest"]' "$(digest_of out.txt)"
says $page 'r["headline"]["ranks"], r["status"], r["missing"], len(r["steps"]["loss"]), r["steps_per_epoch"]' \
    "(2, 'finished', [], 75, 25)"
says $page '[k["key"] for k in r["config"] if k["differs"] and k["key"].startswith("training.")]' \
    "['training.epochs', 'training.batch_size']"
says $page 'len(r["augmented"]["labels"]), r["restarts"]' '(64, [])'
says $page 'all(v > 0 for v in r["epochs"]["phases"]["forward"])' True
says $page 'len(d["network"]["weights"]) == (4 * d["network"]["parameters"] + 2) // 3 * 4' True
says $page 'r["filters"]["rows"], len(r["filters"]["values"]), len(r["filters"]["values"][0])' '(3, 8, 9)'

# The page needs neither the data nor the place; report makes it again, under another name too.
mkdir elsewhere && cp -r run elsewhere/moved && mv digits.h5 hidden.h5
rm elsewhere/moved/report.html
"$program" report elsewhere/moved >report.txt
says elsewhere/moved/report.html 'r["name"], r["headline"]["val_correct"]' "('moved', $hits)"
rm run/curves.png
"$program" report run/ -o 'a b.html' >report.txt
[ ! -e run/curves.png ] || fail "a page that goes elsewhere writes to the run"
says 'a b.html' 'r["name"]' run
mv hidden.h5 digits.h5

# A resumed run says where; more epochs keep the earlier ones' phases.
train 3 "${quick[@]}" --out run training.epochs=5 >/dev/null
says $page '[(x["step"], x["epoch"], x["ranks"]) for x in r["restarts"]]' '[(75, 3, 3)]'
says $page 'all(v is not None for v in r["epochs"]["phases"]["sync"]), r["headline"]["epochs"]' '(True, 5)'

# Names are text, whatever is in them; the page's only tags are its own.
evil="x</script><!--<script>\"'&"
cp -r run "$(printf '%s' "$evil" | tr -d /)" # a slash cannot be in a name
evil=$(printf '%s' "$evil" | tr -d /)
cp -r run 'plain'
"$program" report "$evil" -o evil.html >/dev/null
"$program" report plain -o plain.html >/dev/null
says evil.html 'r["name"]' "$evil"
[ "$(grep -o '<script' evil.html | wc -l)" -eq "$(grep -o '<script' plain.html | wc -l)" ] ||
    fail "a name made a tag"
printf 'training:\n  epochs: 1\n' >'a<b>.yaml'
train 1 --config 'a<b>.yaml' --data "$work/digits.h5" --out tags data.limit=200 \
    "model.layers=conv 3x3 4 same relu, flatten, dense 10 softmax" >/dev/null
says tags/report.html 'r["config_name"]' 'a<b>'

# With nothing held out there is no accuracy, and no NaN in the JSON.
train 1 "${quick[@]}" --out all data.folds=0 schedule.kind=constant >/dev/null
says all/report.html 'r["headline"]["val_accuracy"], r["epochs"]["val_loss"][0], "confusion" in r, len(r["augmented"]["labels"])' \
    '(None, None, False, 64)'

# What is missing or damaged costs its part of the page, and one line each.
rm run/predictions.h5
"$program" report run >/dev/null 2>err.txt || fail "no page without predictions.h5"
[ "$(wc -l <err.txt)" -eq 1 ] || fail "not one line for a missing predictions.h5"
grep -q 'run/predictions.h5 is not there.*--resume' err.txt || fail "missing predictions.h5: $(cat err.txt)"
says $page '"confusion" in r, len(r["epochs"]["loss"]), len(r["missing"]), "weights" in d["network"]' '(False, 5, 1, True)'
cp plain/predictions.h5 run/ && truncate -s 20000 run/predictions.h5
"$program" report run >/dev/null 2>err.txt || fail "no page with a damaged predictions.h5"
[ "$(wc -l <err.txt)" -eq 1 ] || fail "damaged predictions.h5: $(cat err.txt)"
grep -q 'run/predictions.h5: ' err.txt || fail "damaged predictions.h5: $(cat err.txt)"
# The remedy that the line names is one.
checkpoint=$(echo run/checkpoints/step-*125.h5)
train 2 "${quick[@]}" --out run training.epochs=5 --resume "$checkpoint" >/dev/null
says $page 'r["missing"], "confusion" in r, len(r["restarts"])' '([], True, 1)'

rm run/predictions.h5
rm run/checkpoints/best.h5 run/metrics.h5
"$program" report run >/dev/null 2>err.txt || fail "no page without metrics.h5"
[ "$(wc -l <err.txt)" -eq 2 ] || fail "not a line for each missing file: $(cat err.txt)"
says $page '"weights" in d["network"], len(r["epochs"]["loss"]), len(r["missing"])' '(True, 5, 2)'
mkdir -p best/checkpoints && cp plain/checkpoints/best.h5 best/checkpoints/
cp plain/metrics.h5 plain/predictions.h5 best/
"$program" report best >/dev/null || fail "no page of best.h5 alone"
says best/report.html 'len(r["epochs"]["loss"]), r["missing"], d["network"]["parameters"] > 0' '(5, [], True)'

# When: at checkpoints, or never.
train 1 "${quick[@]}" --out never output.report=never >/dev/null
[ ! -e never/report.html ] || fail "output.report=never makes a page"
[ -s never/predictions.h5 ] || fail "output.report=never leaves no predictions.h5"
train 2 "${quick[@]}" --out often output.report=checkpoints checkpoint.every_steps=10 >often.txt
[ "$(digest_of often.txt)" = "$(digest_of out.txt)" ] || fail "pages at checkpoints change the answer"
h5diff often/predictions.h5 never/predictions.h5 || fail "predictions at checkpoints differ"
train 2 "${quick[@]}" --out slow output.report=checkpoints training.epochs=100000 >slow.txt &
job=$!
for _ in {1..3000}; do
    [ ! -e slow/report.html ] || break
    sleep 0.02
done
says slow/report.html 'r["status"], "confusion" in r' "('under way', True)"
pkill -TERM -f -- "^$program train .*--data $work/.*--out slow " || fail "no training to stop"
rc=0
wait $job || rc=$?
[ $rc -eq 75 ] || fail "exit code $rc, not 75, of a run that was stopped"
says slow/report.html 'r["status"], "confusion" in r' "('stopped', True)"
rm slow/predictions.h5 # as of a run whose page is made at its end
"$program" report slow >/dev/null 2>err.txt || fail "no page of a stopped run"
grep -q 'slow/predictions.h5 is not there yet: .* come with the run.s end' err.txt || fail "awaited predictions: $(cat err.txt)"

# Killed between its last checkpoint and its page: the same command makes the page, and says that it has finished.
cp -r run killed
for harm in "sed -i s/finished/training/ killed/progress" "truncate -s 0 killed/progress"; do
    rm -f killed/report.html
    $harm
    train 2 "${quick[@]}" --out killed training.epochs=5 >out.txt
    grep -q 'nothing is left to be done' out.txt || fail "a finished run goes on: $(cat out.txt)"
    grep -q '^state finished' killed/progress || fail "a finished run is said to be $(head -n 1 killed/progress)"
    [ -s killed/report.html ] || fail "a run killed before its page has none"
done

# A page that cannot be made is a warning, never a failed training.
mkdir -p blocked/report.html
train 1 "${quick[@]}" --out blocked >blocked.txt || fail "a page that cannot be made fails the run"
grep -q 'warning: blocked/report.html' blocked.txt || fail "no warning of a page that cannot be made"

# The baseline's network and hundreds of errors: under 8 MB, in less than 2 seconds.
train 1 --data "$work/digits.h5" --out large training.epochs=1 data.folds=2 >/dev/null
says large/report.html 'd["network"]["parameters"], len(r["errors"]) > 200' '(919146, True)'
[ "$(stat -c %s large/report.html)" -lt 8000000 ] || fail "the page has more than 8 MB"
TIMEFORMAT='%U %S' # of the processor, since the machine may be busy
{ time "$program" report large >/dev/null; } 2>time.txt
awk '{ exit !($1 + $2 < 2) }' time.txt || fail "the page takes $(cat time.txt) seconds"

# Of runs with one name each is called by its path, the last one too.
mkdir -p a b c && cp -r plain a/same && cp -r plain b/same && cp -r plain c/same
"$program" report a/same b/same plain c/same -o several.html >/dev/null
says several.html '[x["name"] for x in d["runs"]]' "['a/same', 'b/same', 'plain', 'c/same']"

# Mistakes.
expect_error 2 'nowhere: no run is there' "$program" report nowhere
mkdir empty
expect_error 2 'empty: holds no run' "$program" report empty
expect_error 2 'no file is named' "$program" report
expect_error 2 'plain/metrics\.h5: is no folder' "$program" report plain/metrics.h5
printf 'x' >empty/checkpoints
expect_error 4 'empty/checkpoints' "$program" report empty
