# shellcheck shell=bash disable=SC2034 # sourced by the tests beside it: what they share
# Runs of several ranks whose processes are killed, stopped or signalled at random moments. Each case
# has a seed of its own, so that a failure can be repeated: FAULTS_SEED=S FAULTS_CASES="N ..." TEST.sh
# BUILD_DIR SOURCE_DIR.
# shellcheck source=tests/faults/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
export OMPI_MCA_btl_vader_backing_directory=$work # what a killed process leaves goes with the test
export OMPI_MCA_orte_abort_print_stack=0
seed=${FAULTS_SEED:-$RANDOM}
rank_counts=(1 2 3 4 5 8)

# A run of 30 steps with a checkpoint every three, best.h5 and predictions, of a second or so.
many_steps=(--config "$source/configs/smoke.yaml" --data "$work/digits.h5" data.limit=0
    training.batch_size=48 training.epochs=3 checkpoint.every_steps=3 output.report=never)

# random N: sets `drawn` to a number below N. (RANDOM is no good in a subshell.)
random() {
    drawn=$(((RANDOM * 32768 + RANDOM) % $1))
}

random_ranks() {
    random ${#rank_counts[@]}
    ranks=${rank_counts[drawn]}
}

now_ms() {
    local time=${EPOCHREALTIME/[.,]/}
    now=$((time / 1000))
}

# sleep_ms N: bash's own, so that no process has to be started for it.
sleep_ms() {
    local seconds
    printf -v seconds '%d.%03d' $(($1 / 1000)) $(($1 % 1000))
    read -rt "$seconds" <>"$work/silence" || true
}
mkfifo "$work/silence"

# launch RANKS PLACE ARGUMENTS...: starts a training in PLACE; `job` is mpirun's process.
launch() {
    local count=$1
    place=$2
    shift 2
    mpirun -np "$count" "$program" train "${many_steps[@]}" "$@" --out "$place" >"$place.txt" 2>&1 &
    job=$!
}

# find_processes PLACE: sets `processes` to the ranks' and `all` to those and mpirun's, as they are now.
find_processes() {
    processes=() all=()
    local process command
    while read -r process command; do
        all+=("$process")
        [[ $command == *mpirun* ]] || processes+=("$process")
    done < <(pgrep -a -f -- "train .*--out $1\$")
}

# find_rank PLACE RANK: sets `process` to it; false if it is not there.
find_rank() {
    local variable
    find_processes "$1"
    for process in "${processes[@]}"; do
        while IFS= read -r -d '' variable; do
            [ "$variable" != "OMPI_COMM_WORLD_RANK=$2" ] || return 0
        done 2>/dev/null <"/proc/$process/environ" || true
    done
    return 1
}

# wait_for_end PLACE MILLISECONDS: waits until no process of the run is left, no longer than that;
# sets `took` and `rc`, mpirun's exit code. Open MPI 4.1's mpirun may itself wait for ever when a rank
# dies while it makes itself known ("PMIX ERROR: UNREACHABLE"): then it is killed, and `stuck` is 1.
wait_for_end() {
    local begin limit=$2
    stuck=0
    now_ms
    begin=$now
    find_processes "$1"
    while [ ${#all[@]} -gt 0 ]; do
        now_ms
        if [ $((now - begin)) -gt "$limit" ] && [ ${#processes[@]} -eq 0 ] && grep -q 'PMIX ERROR' "$1.txt"; then
            stuck=1
            kill -KILL "${all[@]}" || true
        fi
        [ $((now - begin)) -le $((limit + 1000 * stuck)) ] ||
            { ps -o pid,ppid,stat,wchan:20,args -p "${all[*]}"; tail -n 20 "$1.txt"; fail "$1: still there after $limit ms"; }
        sleep_ms 10
        find_processes "$1"
    done
    now_ms
    took=$((now - begin))
    rc=0
    wait "$job" 2>/dev/null || rc=$?
}

# newest PLACE: the name of its newest step file, or nothing.
newest() {
    local files=("$1"/checkpoints/step-*.h5)
    [ ! -e "${files[-1]}" ] || echo "${files[-1]##*/}"
}

# went_on PLACE NEWEST: the start that wrote PLACE.txt went on from that checkpoint, if it came so far
# as to say.
went_on() {
    if grep -q 'passed over\|none of its' "$1.txt"; then tail -n 20 "$1.txt"; fail "$1: a bad checkpoint"; fi
    ! grep -q '^epoch' "$1.txt" || [ -z "$2" ] || grep -q "^resuming from .*/$2:\|nothing is left" "$1.txt" ||
        { tail -n 20 "$1.txt"; fail "$1: did not go on from $2"; }
}

# finishes PLACE RANKS ARGUMENTS...: the run goes on to its end and is the whole run's Same; nothing
# temporary is left, no checkpoint is lost.
finishes() {
    local ranks=$2 last
    place=$1
    shift 2
    last=$(newest "$place")
    mpirun -np "$ranks" "$program" train "${many_steps[@]}" "$@" --out "$place" >"$place.txt" 2>&1 ||
        { rc=$?; tail -n 20 "$place.txt"; fail "$place: could not go on, exit code $rc"; }
    went_on "$place" "$last"
    [ "$(digest_of "$place.txt")" = "$reference" ] || { tail -n 20 "$place.txt"; fail "$place: other bits"; }
    cmp -s "$place/submission.csv" whole/submission.csv || fail "$place: other predictions"
    has_no_parts "$place"
    [ ! -e "$place/lock" ] || fail "$place: its lock was left"
    rm -rf "$place" "$place.txt"
}

# whole_run ARGUMENTS...: the uninterrupted run on one rank: `reference`, and `span`, milliseconds that it takes.
whole_run() {
    local begin
    make_digits 512 16
    now_ms
    begin=$now
    train 1 "${many_steps[@]}" "$@" --out whole >whole.txt
    now_ms
    span=$((now - begin))
    reference=$(digest_of whole.txt)
}

# within KIND MILLISECONDS FILE: of the times in column 2 of the lines of that kind nineteen in twenty
# are no longer than that. Not judged on a machine that does much else: this test is 6 of its load.
within() {
    local late load
    read -r load _ </proc/loadavg
    late=$(awk -v kind="$1" -v limit="$2" '$1 == kind { n++; late += $2 > limit }
        END { if (late > n / 20) print late " of " n }' "$3")
    [ -n "$late" ] || return 0
    [ "${load%.*}" -lt $((6 * $(nproc))) ] || { echo "$late $1 took more than $2 ms, but the load is $load"; return 0; }
    fail "$1: $late were later than $2 ms"
}

# cases SHORT LONG FUNCTION WHAT: calls the function with 1, 2 ... in so many cases.
cases() {
    local count=$1 list
    [ -z "$long" ] || count=$2
    list=${FAULTS_CASES:-$(seq "$count")}
    echo "$4: $(wc -w <<<"$list") of $2 cases, seed $seed"
    # shellcheck disable=SC2086
    printf '%s\n' $list | each "$3"
}
