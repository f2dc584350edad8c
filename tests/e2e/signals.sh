#!/usr/bin/env bash
# TERM, INT and USR1 stop with a checkpoint and exit 75, whichever rank gets them; USR2 writes one and
# goes on; the resumed run has the bits of one that was never stopped.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"
make_digits 600 50
long=("${quick[@]}" training.epochs=25 schedule.min_rate=0.0001)

train 2 "${long[@]}" --out whole >whole.txt
reference=$(digest_of whole.txt)

# start RANKS DIRECTORY: a training in the background, once it has trained an epoch.
start() {
    train "$1" "${long[@]}" --out "$2" >"$2.txt" &
    job=$!
    for _ in $(seq 200); do
        grep -q '^epoch  2' "$2.txt" 2>/dev/null && return 0
        sleep 0.05
    done
    cat "$2.txt"
    fail "no second epoch in 10 seconds"
}

# rank_process DIRECTORY NUMBER: the process of one of the run's ranks.
rank_process() {
    pgrep -f -- "mnist_dist train .*--out $1\$" | while read -r process; do
        if tr '\0' '\n' <"/proc/$process/environ" 2>/dev/null |
            grep -qx "OMPI_COMM_WORLD_RANK=$2"; then
            echo "$process"
        fi
    done | head -n 1
}

for case in TERM:0 INT:1 USR1:2 USR1:0; do
    signal=${case%:*} rank=${case#*:} directory=stop-$signal-${case#*:}
    start 3 "$directory"
    process=$(rank_process "$directory" "$rank")
    [ -n "$process" ] || fail "rank $rank of $directory was not found"
    kill "-$signal" "$process"
    rc=0
    wait "$job" || rc=$?
    [ "$rc" -eq 75 ] || { cat "$directory.txt"; fail "$signal to rank $rank: exit code $rc, not 75"; }
    grep -q 'run the same command to go on' "$directory.txt" || fail "$signal: no word of a resume"
    train 5 "${long[@]}" --out "$directory" >out.txt
    [ "$(digest_of out.txt)" = "$reference" ] || fail "$signal to rank $rank: other bits"
    echo "$signal to rank $rank: 75, resumed, same"
done

# USR1 to mpirun is forwarded to all ranks.
start 2 forwarded
kill -USR1 "$(pgrep -f -- '^mpirun .*--out forwarded$' | head -n 1)"
rc=0
wait "$job" || rc=$?
[ "$rc" -eq 75 ] || { cat forwarded.txt; fail "USR1 to mpirun: exit code $rc, not 75"; }

# USR2: a checkpoint now, and on.
start 2 onward
before=$(find onward/checkpoints -name 'step-*.h5' | sort | tail -n 1)
kill -USR2 "$(rank_process onward 1)"
wait "$job" || fail "USR2 ended the training"
[ "$(digest_of onward.txt)" = "$reference" ] || fail "USR2 changed the bits"
echo "USR2 after $before: went on, same"
