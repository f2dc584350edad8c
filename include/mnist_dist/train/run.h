/* A whole training run: its directory, resuming, epochs, checkpoints, final predictions. */
#pragma once

#include "mnist_dist/base/status.h"
#include "mnist_dist/dist/comm.h"
#include "mnist_dist/train/config.h"

struct Checkpoint;

typedef struct RunRequest {
    const char *directory; /* NULL: runs/NAME, or runs/slurm-JOBID in a Slurm job */
    const char *resume;    /* "auto", "never", or the path of a checkpoint; of an imported one
                              it means "auto", but that a new run starts with its weights and has
                              its layers, whatever the configuration's are */
    const char *timeline;  /* the file for what every thread of every rank did; NULL: none */
    double seconds;        /* the run stops by itself so as to end within these; 0: never */
    /* Makes the run's page: called on rank 0 when output.report says so. NULL: nobody does. */
    void (*report)(const char *directory);
    /* Writes what TensorBoard reads, after each checkpoint, of what that holds: likewise, when
     * output.tensorboard says so. */
    void (*events)(const char *directory, const struct Checkpoint *checkpoint);
} RunRequest;

/* **Collective.** Trains to the end, or goes on with the run that the directory holds; a finished
 * one prints its result. STATUS_STOPPED after a signal or
 * when its time is nearly up, with a checkpoint written. */
Status run_train(Comm *comm, const Config *config, const RunRequest *request);
