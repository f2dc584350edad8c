/* How far a run is: all that a resume needs beside the vectors and the history. */
#pragma once

#include <stdint.h>

#include "mnist_dist/base/tally.h"
#include "mnist_dist/train/schedule.h"

typedef enum RunStatus {
    RUN_UNDER_WAY, /* written between epochs or steps; the run went on */
    RUN_STOPPED,   /* written because of a signal */
    RUN_FINISHED   /* no training is left to be done */
} RunStatus;

typedef struct Progress {
    int64_t status;      /* a RunStatus; not part of the state's digest */
    uint64_t step;       /* optimizer steps done */
    uint64_t epoch;      /* epochs done, their evaluation included */
    uint64_t epoch_step; /* steps done of the epoch under way */
    Tally running;       /* training samples of the epoch under way */
    Plateau plateau;
    double best_accuracy;  /* best validation accuracy so far; -1 before the first */
    uint64_t best_epoch;   /* its epoch, counted from 1 */
    uint64_t stale_epochs; /* epochs since, for early stopping */
    uint64_t setbacks; /* times that the run went back since it diverged: each halves the rate */
} Progress;

enum { PROGRESS_MOST_SETBACKS = 100 };

/* At the start of a run. */
Progress progress_start(double base_rate);
