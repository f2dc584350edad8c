# shellcheck shell=bash disable=SC2034 # sourced by the tests beside it: what they share
# A test is called as `TEST.sh BUILD_DIR SOURCE_DIR`; it works in a folder of its own.
set -euo pipefail

build=$(cd "$1" && pwd)
source=$(cd "$2" && pwd)
program=$build/mnist_dist
work=$(mktemp -d)
clean_up() {
    pkill -KILL -f -- "--data $work/" || true # what a failed test left running
    rm -rf "$work"
}
trap clean_up EXIT
cd "$work"

# What makes a run short and still has all that can go wrong: dropout, augmentation, a ragged last
# batch (540 rows by 22), and a rate that is halved after every epoch.
quick=(--config "$source/configs/smoke.yaml" --data "$work/digits.h5" data.limit=0
    training.batch_size=22 training.epochs=3 schedule.kind=plateau schedule.patience=1
    schedule.min_delta=1)

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

skip() {
    echo "skipped: $*"
    exit 77
}

# need_python NAME PACKAGES...: sets `python` to one that has these packages of PyPI, in an
# environment in the build folder; skips the test where PyPI cannot be reached.
need_python() {
    local folder=$build/python-$1 made
    shift
    python=$folder/bin/python
    made="$folder/made: $*"
    [ ! -f "$folder/made" ] || [ "$(cat "$folder/made")" != "$made" ] || return 0
    rm -rf "$folder"
    if ! { /usr/bin/python3 -m venv "$folder" &&
        "$python" -m pip install -q --no-compile --disable-pip-version-check "$@"; } >pip.txt 2>&1; then
        skip "no $* from PyPI: $(tail -n 1 pip.txt)"
    fi
    echo "$made" >"$folder/made"
}

# make_digits TRAINING_ROWS TEST_ROWS: digits.h5 in the work folder.
make_digits() {
    awk -v rows="$1" -v labelled=1 -f "$source/tests/e2e/digits.awk" >train.csv
    awk -v rows="$2" -v labelled=0 -f "$source/tests/e2e/digits.awk" >test.csv
    "$program" import train.csv test.csv -o digits.h5 >/dev/null
}

# part NAME: Kaggle's file of that name, plain or gzip.
part() {
    if [ -f "$DATA_FOLDER/$1.csv" ]; then echo "$DATA_FOLDER/$1.csv"; else echo "$DATA_FOLDER/$1.csv.gz"; fi
}

# full_data: digits.h5 of the 42,000 rows in the work folder, or the test is skipped.
full_data() {
    if [ -n "${DATA_FOLDER:-}" ]; then
        "$program" import "$(part train)" "$(part test)" -o digits.h5
    elif [ -f "$source/data/digits.h5" ]; then
        cp "$source/data/digits.h5" .
    else
        skip "no 42,000 rows: give their folder as DATA_FOLDER, or make data/digits.h5"
    fi
}

# train RANKS ARGUMENTS...: a training, its output on standard output.
train() {
    local ranks=$1
    shift
    mpirun -np "$ranks" "$program" train "$@" 2>&1
}

# The digest in a training's output.
digest_of() {
    sed -n 's/^state digest //p' "$1" | grep . || { cat "$1" >&2; fail "no digest in $1"; }
}

# until_true SECONDS COMMAND...: waits until the command succeeds, or fails after that time.
until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.01
    done
}

# expect_error CODE PATTERN COMMAND...: the exit code, and exactly one line, which matches.
expect_error() {
    local code=$1 pattern=$2 rc=0
    shift 2
    "$@" >expect.out 2>expect.err || rc=$?
    [ "$rc" -eq "$code" ] || { cat expect.err; fail "exit code $rc, not $code: $*"; }
    [ "$(wc -l <expect.err)" -eq 1 ] || { cat expect.err; fail "not one line: $*"; }
    grep -Eq "$pattern" expect.err || { cat expect.err; fail "no match for '$pattern': $*"; }
}
