# shellcheck shell=bash disable=SC2034 # sourced by the tests beside it: what they share
# A test is called as `TEST.sh BUILD_DIR SOURCE_DIR [long]`; `long` asks for its long form.
# Runs are made on a RAM disk where there is one: what counts here is the order of calls.
[ -n "${TMPDIR:-}" ] || [ ! -w /dev/shm ] || export TMPDIR=/dev/shm
# shellcheck source=tests/e2e/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/common.sh"
export TMPDIR=$work # a killed process leaves Open MPI's folder there
long=${3:-}

# A process without mpirun that starts in a twentieth of a second.
alone=(env OMPI_MCA_ess_singleton_isolated=1 OMPI_MCA_btl=self OMPI_MCA_pml=ob1
    OPENBLAS_NUM_THREADS=1)

# A run of 3 steps: a checkpoint within the epoch, one at its end with best.h5, and the last one.
toy=(--config "$source/configs/smoke.yaml" --data "$work/digits.h5" data.limit=0
    "model.layers=flatten, dense 10 softmax" training.batch_size=48 training.epochs=1
    checkpoint.every_steps=2 checkpoint.keep=1 output.report=never)

# set_faults PLACE KIND NUMBER [VARIABLE=VALUE ...]: `faults` is what stands in front of a program whose
# NUMBER-th call on files under PLACE is to go wrong (tests/faults/preload/faults.h); 0: none, but
# they are counted. Its report is PLACE.report.
set_faults() {
    faults=(env LD_PRELOAD="$build/tests/libfaults.so" FAULTS_FOLDER="$1" FAULTS_KIND="$2"
        FAULTS_AT="$3" FAULTS_REPORT="$1.report" "${@:4}")
}

# count_calls KIND ARGUMENTS...: how many calls of the kind a training with these arguments makes.
count_calls() {
    local faults
    mkdir -p "$work/count"
    set_faults "$work/count" "$1" 0
    "${alone[@]}" "${faults[@]}" "$program" train "${@:2}" --out count/run >count.txt 2>&1 ||
        { cat count.txt; fail "a training without faults"; }
    sed -n 's/^counted //p' count.report
    rm -rf count count.report
}

# spread COUNT MOST: that many numbers from 1 to MOST, evenly.
spread() {
    local i
    for ((i = 0; i < $1; i++)); do echo $((1 + i * ($2 - 1) / ($1 - 1))); done
}

# numbers MOST: from 1 to MOST; in the short form every fourth one, since CI has no time for all.
numbers() {
    seq 1 "$([ -n "$long" ] && echo 1 || echo 4)" "$1"
}

# share MOST: how many that are, in words.
share() {
    if [ -n "$long" ]; then echo "all $1"; else echo "$((($1 + 3) / 4)) of $1"; fi
}

# each FUNCTION: calls it with the words of each line of standard input, in `workers` processes, or as
# many as there are cores; the first failure ends the test.
each() {
    local function=$1 jobs i w lines=() processes=()
    jobs=${workers:-$(nproc)}
    mapfile -t lines
    for ((w = 0; w < jobs; w++)); do
        (
            # Processes that start and end in one folder at a time may take Open MPI's away.
            export TMPDIR=$work/tmp-$w
            mkdir -p "$TMPDIR"
            for ((i = w; i < ${#lines[@]}; i += jobs)); do
                [ ! -e failed ] || exit 1
                trap 'touch "$work/failed"' EXIT
                # shellcheck disable=SC2086
                "$function" ${lines[i]}
                trap - EXIT
            done
        ) &
        processes+=($!)
    done
    for w in "${processes[@]}"; do wait "$w" || touch failed; done
    [ ! -e failed ] || exit 1
}

# has_no_parts FOLDER: no temporary file is in it.
has_no_parts() {
    local parts
    parts=$(find "$1" -name '.*' -type f)
    [ -z "$parts" ] || fail "parts were left: $parts"
}

# make_reference: digits.h5; a run without faults in `whole`, its digest in `reference`; and good.txt,
# the checkpoints that it writes.
make_reference() {
    make_digits 128 8
    "${alone[@]}" "$program" train "${toy[@]}" checkpoint.keep=9 --out whole >whole.txt
    reference=$(digest_of whole.txt)
    "$build/tests/faults_checkpoints" whole/checkpoints | sort >good.txt
    [ "$(wc -l <good.txt)" -eq 3 ] || { cat good.txt; fail "not three checkpoints"; }
}

# speaks_clearly PLACE CODE: the exit code is documented; PLACE.err has one line of error if it is
# not 0, and nothing else but a few warnings.
speaks_clearly() {
    local errors
    case $2 in
    0 | 1 | 3 | 4) ;;
    2) grep -q '/lock: ' "$1.err" || { cat "$1".*; fail "$1: exit code 2"; } ;;
    *) cat "$1".*; fail "$1: exit code $2" ;;
    esac
    errors=$(grep -c '^mnist_dist: error: ' "$1.err" || true)
    [ "$errors" -eq $(($2 != 0)) ] || { cat "$1".*; fail "$1: $errors lines of error, code $2"; }
    if grep -Ev '^mnist_dist: (error|warning): .*[a-z]' "$1.err"; then fail "$1: other lines"; fi
    [ "$(wc -l <"$1.err")" -le 12 ] || { cat "$1.err"; fail "$1: too many lines"; }
}

# is_sound PLACE: its checkpoints are whole, and are those of a run without faults.
is_sound() {
    [ -d "$1/run/checkpoints" ] || return 0
    "$build/tests/faults_checkpoints" "$1/run/checkpoints" >"$1.list" ||
        { cat "$1".*; fail "$1: a bad checkpoint was published"; }
    if grep -vxFf "$work/good.txt" "$1.list"; then fail "$1: no checkpoint of this run"; fi
}

# ends_alike PLACE OUTPUT: this output's run is as the one without faults, best.h5 included.
ends_alike() {
    [ "$(digest_of "$2")" = "$reference" ] || { cat "$1".*; fail "$1: other bits"; }
    cmp -s "$1/run/submission.csv" "$work/whole/submission.csv" ||
        { cat "$1".*; fail "$1: other predictions"; }
    "$build/tests/faults_checkpoints" "$1/run/checkpoints" | grep -q '^best.h5 ' ||
        grep -q 'warning: .*best' "$1.err" || { cat "$1".*; fail "$1: best.h5 is missing"; }
}

# goes_on PLACE: what is left of the run ends as if nothing had been.
goes_on() {
    "${alone[@]}" "$program" train "${toy[@]}" --out "$1/run" >"$1.again" 2>&1 ||
        { cat "$1".*; fail "$1: does not go on"; }
    if grep -q 'passed over' "$1.again"; then cat "$1.again"; fail "$1: a bad file"; fi
    ends_alike "$1" "$1.again"
    has_no_parts "$1/run"
}

# command NAME INPUTS PLACE: runs a command on the data and the run `whole` in the folder INPUTS, with
# `faults`; it writes to PLACE/output or PLACE/run, or to standard output.
command() {
    case $1 in
    import) "${faults[@]}" "$program" import "$2/train.csv" "$2/test.csv" -o "$3/output" ;;
    evaluate)
        "${alone[@]}" "${faults[@]}" "$program" evaluate "$2/whole/checkpoints/best.h5" \
            --data "$2/digits.h5"
        ;;
    predict)
        "${alone[@]}" "${faults[@]}" "$program" predict "$2/whole/checkpoints/best.h5" \
            --data "$2/digits.h5" -o "$3/output"
        ;;
    report) "${faults[@]}" "$program" report "$2/whole" -o "$3/output" ;;
    resume)
        "${alone[@]}" "${faults[@]}" "$program" train "${toy[@]}" --data "$2/digits.h5" \
            --out "$3/run" --resume "$2/whole/checkpoints/step-00000002.h5"
        ;;
    esac
}
