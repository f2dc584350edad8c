# shellcheck shell=bash # sourced by the *.sbatch scripts beside it: what they share
# A job's surroundings, its launcher, and what becomes of it when it is stopped.
#
# Environment of the jobs: LAUNCHER=mpirun (the default) or srun; MAX_RESTARTS, how often a job may
# requeue itself (20); MNIST_DIST, the program (build/mnist_dist, else the one on the PATH).
# mpirun passes USR1 on to all ranks, but at a TERM it kills them a second later; so the jobs turn
# both into USR1, which the ranks answer with a checkpoint between two steps and exit code 75.

root=${SLURM_SUBMIT_DIR:?this is a Slurm job: submit it by sbatch}
# shellcheck source=jobs/restart.sh
. "$root/jobs/restart.sh"
restarts=${SLURM_RESTART_COUNT:-0}
launched=
# Whether this is an array's first element, in its first start.
is_first_of_array() {
    [ "${SLURM_ARRAY_TASK_ID:-}" = "${SLURM_ARRAY_TASK_MIN:-none}" ] && [ "$restarts" -eq 0 ]
}

die() {
    echo "$SLURM_JOB_NAME: error: $*" >&2
    exit 2
}

# job_open: the project's folder, the program, and a heading in the log.
job_open() {
    cd "$root" || exit
    program=${MNIST_DIST:-}
    [ -n "$program" ] || program=$([ -x build/mnist_dist ] && echo build/mnist_dist ||
        command -v mnist_dist) ||
        die "no mnist_dist in $root/build or on the PATH: build it there, or name it in MNIST_DIST"
    local again=
    [ "$restarts" -eq 0 ] || again=", restart $restarts of at most ${MAX_RESTARTS:-20}"
    printf '\n== %s, job %s%s: %s tasks on %s; %s ==\n' "$SLURM_JOB_NAME" "$SLURM_JOB_ID" "$again" \
        "${SLURM_NTASKS:-1}" "$SLURM_JOB_NODELIST" "$(date -u +%FT%TZ)"
    check_launcher
}

check_launcher() {
    case ${LAUNCHER:-mpirun} in
    mpirun) command -v mpirun >/dev/null || die "no mpirun on $(hostname): load Open MPI's module" ;;
    srun) srun --mpi=list 2>&1 | grep -qw pmix ||
        die "this Slurm has no PMIx (srun --mpi=list), which Open MPI needs: use LAUNCHER=mpirun" ;;
    *) die "LAUNCHER=$LAUNCHER: expected mpirun or srun" ;;
    esac
}

# job_data ARGUMENTS...: makes data/digits.h5 if that is what the arguments train on and it is not
# there.
job_data() {
    local word
    for word in "$@"; do
        case $word in --data | --data=* | data.path=*) return 0 ;; esac
    done
    [ -f data/digits.h5 ] || MNIST_DIST=$program data/get.sh
}

# Ranks are bound to cores where there are as many as Slurm gave out.
launch() {
    local ranks=$1 threads=${SLURM_CPUS_PER_TASK:-1}
    shift
    if [ "${LAUNCHER:-mpirun}" = srun ]; then
        exec srun --mpi=pmix --kill-on-bad-exit=1 --ntasks="$ranks" --cpus-per-task="$threads" \
            --cpu-bind=cores "$@"
    fi
    if [ "${SLURM_CPUS_ON_NODE:-1}" -le "$(nproc --all)" ]; then
        exec mpirun -quiet -np "$ranks" --map-by "slot:PE=$threads" --bind-to core "$@"
    fi
    exec mpirun -quiet -np "$ranks" --bind-to none "$@"
}

# job_run RANKS COMMAND...: runs the command on so many ranks and sets `rc`; a signal to this script
# reaches the ranks as USR1. Whoever is asked to stop before the launcher is there stops then.
job_run() {
    local asked=
    trap 'asked=1; [ -z "$launched" ] || kill -USR1 "$launched" 2>/dev/null || true' USR1 TERM
    launch "$@" &
    launched=$!
    [ -z "$asked" ] || kill -USR1 "$launched" 2>/dev/null || true
    wait_for_end "$launched"
    launched=
    trap '' USR1 TERM
}

# What Slurm leaves the job, as --max-time takes it.
time_left() {
    local left
    left=$(squeue -h -j "$SLURM_JOB_ID" -o %L 2>/dev/null) || left=
    case $left in '' | *[!0-9:-]*) left=UNLIMITED ;; esac
    echo "$left"
}

# job_train DIRECTORY ARGUMENTS...: trains in the directory, or goes on with what it holds, and ends
# the job: with 0 when the run is finished; requeued when it was stopped, killed or lost a node, up
# to MAX_RESTARTS times; else with the program's code.
job_train() {
    local directory=$1 threads=()
    shift
    [ "${SLURM_CPUS_PER_TASK:-1}" -eq 1 ] || threads=("training.threads=$SLURM_CPUS_PER_TASK")
    job_fence "$directory"
    job_run "${SLURM_NTASKS:-1}" "$program" train --max-time "$(time_left)" "${threads[@]}" "$@" \
        --out "$directory"
    # At a TERM mpirun may say 0 of a run that it has cut short.
    if [ "$rc" -eq 0 ] && ! grep -q '^state finished' "$directory/progress" 2>/dev/null; then rc=143; fi
    [ "$rc" -ne 0 ] || exit 0
    worth_restarting "$rc" || exit "$rc"
    if [ "$restarts" -ge "${MAX_RESTARTS:-20}" ]; then
        echo "$SLURM_JOB_NAME: restarted $restarts times, which is all that MAX_RESTARTS allows;" \
            "sbatch it again with --out $directory to go on"
        exit "$rc"
    fi
    echo "$SLURM_JOB_NAME: ended with code $rc; requeued"
    scontrol requeue "$SLURM_JOB_ID" && sleep 60 # Slurm ends us here
    exit "$rc"
}

# job_fence DIRECTORY: Slurm restarts a job whose node it has lost, though the ranks there may still
# run: without its lock the old run stops before its next checkpoint.
job_fence() {
    [ "$restarts" -eq 0 ] || rm -f "$1/lock"
}

# job_after HOW DIRECTORY COMMAND: submits a job of one task that runs the command once this array
# has ended as HOW says (afterok, afterany). Its log is in the directory.
job_after() {
    local how=$1 directory=$2 command=$3
    mkdir -p "$directory"
    sbatch --parsable --job-name="$SLURM_JOB_NAME-end" --ntasks=1 --kill-on-invalid-dep=yes \
        --dependency="$how:$SLURM_ARRAY_JOB_ID" --output="$directory/end.out" \
        ${SLURM_JOB_PARTITION:+--partition="$SLURM_JOB_PARTITION"} --wrap "cd $(printf %q "$root") && $command" |
        sed "s|.*|job & follows when all elements have ended; its log is $directory/end.out|"
}
