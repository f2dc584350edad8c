# shellcheck shell=bash # sourced by jobs/local.sh and jobs/slurm.sh
# What is worth starting again, so that both say it alike.

# worth_restarting CODE: whether a run that ended with this exit code of mpirun or srun goes on when
# it is started again. 75 is a stop with a checkpoint, 6 a rank that hung, 143 and the like a
# process that was killed, 205 a node that mpirun lost. What the program refuses (2 usage, 3 data, 4
# checkpoints, 5 divergence, 1 all else) would be refused again.
worth_restarting() {
    [ "$1" -eq 75 ] || [ "$1" -eq 6 ] || [ "$1" -ge 128 ]
}
