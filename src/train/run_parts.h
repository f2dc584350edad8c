/* What the files run*.c share: one run under way, and the calls between them.
 *
 *   run.c            the order of things: open, epochs, finish
 *   run_directory.c  where the run lives (rank 0 alone)
 *   run_resume.c     finding a checkpoint and giving it to all ranks
 *   run_save.c       checkpoints, metrics
 *   run_finish.c     the best network's confusion matrix and predictions
 *   run_log.c        what a person sees */
#pragma once

#include <limits.h>
#include <stdbool.h>

#include "mnist_dist/train/checkpoint.h"
#include "mnist_dist/train/evaluate.h"
#include "mnist_dist/train/run.h"
#include "mnist_dist/train/trainer.h"

typedef struct Run {
    Comm *comm;
    const Config *config;
    char directory[PATH_MAX - 64];   /* the same on all ranks */
    char checkpoints[PATH_MAX - 32]; /* directory/checkpoints */
    Pool *pool;
    Model *model;
    Workload workload;
    Trainer *trainer;
    Evaluator *evaluator;
    int failed_saves;      /* in a row */
    double epoch_started;  /* clock_seconds */
    uint64_t epoch_images; /* trained since then */
    double drawn;          /* when the progress line was last drawn */
} Run;

/* Rank 0: where the run is to live. Writes the directory and makes it; `resume` as in RunRequest.
 */
Status run_choose_directory(char *directory, size_t size, const Config *config,
                            const RunRequest *request);

/* Rank 0: makes runs/latest point at a directory of runs/; does nothing for others. */
void run_point_latest(const char *directory);

/* Rank 0: reads the checkpoint that the request names, if any. *found says whether there is one. */
Status run_find_checkpoint(Checkpoint *checkpoint, bool *found, const Run *run,
                           const RunRequest *request);

/* Whether no training is left: the last epoch is done, or early stopping has struck. */
bool run_is_done(const Config *config, const Progress *progress);

/* **Collective.** Puts rank 0's checkpoint into every rank's trainer; checks the data's
 * fingerprint. */
Status run_restore(Run *run, const Checkpoint *checkpoint);

/* **Collective.** Writes a checkpoint marked `mark` (and best.h5 first, if `best`), metrics.h5 and
 * metrics.csv. A failed write warns; the third in a row, or that of a stop, is STATUS_CHECKPOINT.
 */
Status run_save(Run *run, RunStatus mark, bool best);

/* **Collective.** Confusion matrix of the best network on the validation rows, predictions for the
 * test images, and the mark that the run is finished. */
Status run_finish(Run *run);

/* What the checkpoint of this moment holds; it points into the run, and owns nothing. */
Checkpoint run_snapshot(const Run *run, RunStatus mark);

void run_log_start(const Run *run, const char *model_table);
void run_log_progress(Run *run);
void run_log_epoch(const Run *run, bool rate_fell, bool best);
void run_log_result(const Checkpoint *checkpoint, const char *directory);
