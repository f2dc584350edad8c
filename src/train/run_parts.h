/* What the files run*.c share: one run under way, and the calls between them.
 *
 *   run.c            the order of things: open, epochs, finish
 *   run_epoch.c      an epoch: its steps, and what they came to
 *   run_directory.c  where the run lives (rank 0 alone)
 *   run_kernels.c    whether all ranks, and a checkpoint, compute alike
 *   run_processors.c whether there are processors enough for them
 *   run_start.c      beginning with the weights of another program
 *   run_resume.c     finding a checkpoint and giving it to all ranks
 *   run_culprit.c    the digits that a validation diverges on
 *   run_setback.c    going back after a divergence
 *   run_save.c       when checkpoints are written, and what becomes of failures
 *   run_writer.c     the thread that writes them
 *   run_time.c       when it must stop to end within its time
 *   run_best.c       the best network so far
 *   run_predictions.c  what the best network says of each held-out image
 *   run_finish.c     the best network's confusion matrix and predictions
 *   run_log.c        what a person sees
 *   run_slowest.c    which rank the others wait for
 *   run_timeline.c   what every thread did, for --timeline */
#pragma once

#include <limits.h>
#include <stdbool.h>

#include "mnist_dist/base/lock.h"
#include "mnist_dist/train/checkpoint.h"
#include "mnist_dist/train/evaluate.h"
#include "mnist_dist/train/run.h"
#include "mnist_dist/train/trainer.h"

typedef struct RunWriter RunWriter; /* run_writer.h */

enum { RUN_SHOWN = 65536 }; /* held-out images that predictions.h5, and so the page, has at most */

/* How a rank fares in the epoch under way. */
typedef struct Pace {
    double seconds, own; /* of its steps; of these, those in which it waited for no other */
    double began, ran;   /* clock_seconds; processor time of the main thread */
    int rank, shards;
} Pace;

/* When a run with a timeline began, and how far this rank's clock was ahead of rank 0's. */
typedef struct TimelineStart {
    double begin, ahead;
} TimelineStart;

typedef struct Run {
    Comm *comm;
    const Config *config;
    char directory[PATH_MAX - 64];   /* the same on all ranks */
    char checkpoints[PATH_MAX - 32]; /* directory/checkpoints */
    Lock *lock;                      /* rank 0: of the directory */
    Pool *pool;
    Model *model;
    Workload workload;
    Trainer *trainer;
    Evaluator *evaluator;
    bool has_start;        /* a run of which no step is done has others than the initial weights */
    Checkpoint start;      /* rank 0: which ones ... */
    const char *started;   /* ... and from which file */
    float *best;           /* rank 0: the parameters of progress.best_epoch, once there is one */
    RowHashes trained;     /* rank 0: of the training rows, or of those that were read so far */
    RunWriter *writer;     /* rank 0 */
    bool writing;          /* a write is under way, or its outcome has not been heard of */
    bool writes_best;      /* best.h5 is part of it */
    bool lacks_best;       /* best.h5 is not progress.best_epoch's, as this process knows */
    uint64_t saved_step;   /* of the last checkpoint whose write was begun */
    int failed_saves;      /* in a row */
    double time_limit;     /* rank 0: of clock_seconds; INFINITY if there is none */
    double longest_step;   /* rank 0: seconds, so far */
    double epoch_started;  /* clock_seconds */
    uint64_t epoch_images; /* trained since then */
    double drawn, shown;   /* when the progress line was last drawn, the file last written */
    PhaseTimes noted;      /* of this rank when the last epoch ended */
    float *probabilities;  /* (held out, 10) of the last epoch if output.report is checkpoints; NULL
                              if they are more than RUN_SHOWN */
    Pace pace;
    TimelineStart timeline; /* zero if none is wanted */
    const RunRequest *request;
} Run;

/* How a run is to begin: what RunRequest.resume says. */
typedef enum ResumeKind { RESUME_AUTO, RESUME_NEVER, RESUME_CHECKPOINT } ResumeKind;
ResumeKind run_resume_kind(const RunRequest *request);

/* Rank 0: sets run->directory and run->checkpoints and makes both. `from`, unless NULL, is the
 * progress of a checkpoint named by the user: a directory that holds later ones is not written
 * into, since they would be overwritten or taken for newer. */
Status run_choose_directory(Run *run, const RunRequest *request, const Progress *from);

/* Rank 0: takes the directory's lock, so that no other run writes there. STATUS_USAGE, with its
 * holder named, if it is another's. */
Status run_lock(Run *run);

/* Rank 0: makes runs/latest point at a directory of runs/; does nothing for others. */
void run_point_latest(const char *directory);

/* Rank 0: reads the newest checkpoint of the run's directory, if there is any (*found), or the one
 * that the user named; refuses one whose configuration gives another answer. path (PATH_MAX)
 * receives its path. */
Status run_find_newest(Checkpoint *checkpoint, bool *found, char *path, const Run *run);
Status run_find_named(Checkpoint *checkpoint, const Run *run, const char *path);

/* **Collective.** If request->resume names an imported checkpoint: keeps its weights for the start,
 * puts its layers into the configuration, and goes on as if `auto` had been said. */
Status run_find_start(Run *run, Config *config, RunRequest *request);

/* **Collective.** Gives all ranks the weights that a run of which no step is done starts from, if
 * they are not the initial ones. */
void run_start_over(Run *run);

/* **Collective.** STATUS_USAGE if a rank's kernels are not rank 0's. */
Status run_check_kernels(const Run *run);

/* **Collective.** Warns if a node's threads outnumber the processors that they may run on. */
void run_warn_of_processors(const Run *run);

/* Rank 0: says so if a checkpoint was computed with other kernels than this run's. */
void run_warn_of_kernels(const Run *run, const Checkpoint *checkpoint);

/* Whether no training is left: the last epoch is done, or early stopping has struck. */
bool run_is_done(const Config *config, const Progress *progress);

/* **Collective.** Moves rank 0's checkpoint into every rank's trainer; checks the data's
 * fingerprint. */
Status run_restore(Run *run, Checkpoint *checkpoint);

/* **Collective.** Notes in the history that the run goes on from where it is now: resumed, or gone
 * back because step `diverged`, unless 0, was not finite. */
Status run_note_restart(Run *run, uint64_t diverged);

/* **Collective.** What is left of the epoch under way; or, if it diverges, the way back.
 * STATUS_STOPPED if that was asked for, with nothing saved yet. */
Status run_epoch(Run *run);

/* **Collective.** After an evaluation whose loss is not finite: STATUS_DIVERGED with the held-out
 * rows that it comes from, and without a remedy. */
Status run_name_digits(Run *run);

/* **Collective.** After STATUS_DIVERGED, whose line is pending on all ranks: goes back to the
 * newest checkpoint of an epoch's end, or the start if there is none, with half the rate, and
 * writes that down. Keeps STATUS_DIVERGED, with the remedy in its line, once
 * training.divergence_retries are used up. */
Status run_set_back(Run *run);

/* Rank 0, after going on from a checkpoint named by the user: brings the one of an epoch's end that
 * run_set_back would look for into the run's directory, or warns that there is none. */
void run_setback_adopt(const Run *run, const Checkpoint *checkpoint, const char *path);

/* Rank 0: writes predictions.h5 of the best network, whose probabilities (held out, 10) these are,
 * of the first RUN_SHOWN at least; warns if it cannot. */
void run_write_predictions(Run *run, const float *probabilities);

/* **Collective.** Checks the state (trainer_check), then starts to write a checkpoint marked `mark`
 * (and best.h5 first, if `best`), metrics.h5 and metrics.csv, and to make the page if output.report
 * says now; waits first for the write before. A failed write warns; the third in a row is
 * STATUS_CHECKPOINT. A mark other than RUN_UNDER_WAY waits for the files, and their failure is
 * STATUS_CHECKPOINT. */
Status run_save(Run *run, RunStatus mark, bool best);

/* **Collective.** The same for the state of this moment, unless it has been saved. */
Status run_save_unsaved(Run *run);

/* Rank 0: waits for the write under way; for who will read or change what is on the disk. */
void run_settle(Run *run);

/* Rank 0, after each step: warns of a write that has ended badly. */
void run_note_write(Run *run);

/* Rank 0: starts the clock of a run that is to end within so many seconds, 0 for any; and, after a
 * step that took `seconds`, foresees when it must stop for that. */
void run_time_start(Run *run, double seconds);
void run_time_foresee(Run *run, double seconds);

/* Rank 0: takes the weights that predict now, or a checkpoint's, for the best so far. */
void run_best_is_now(Run *run);
void run_best_from(Run *run, const Checkpoint *checkpoint);

/* Whether the weights that predict now are those of the best epoch, no step having been made since.
 */
bool run_best_is_current(const Progress *progress);

/* Rank 0, after going on from a checkpoint named by the user: brings the best.h5 that belongs to it
 * into the run's directory, or warns that there is none. */
void run_best_adopt(const Run *run, const Checkpoint *checkpoint, const char *path);

/* **Collective.** Confusion matrix of the best network on the validation rows, predictions for the
 * test images, and the mark that the run is finished. */
Status run_finish(Run *run);

/* What the checkpoint of this moment holds; it points into the run, and owns nothing. */
Checkpoint run_snapshot(const Run *run, RunStatus mark);

void run_log_start(const Run *run, const char *model_table);

/* After each step: draws the progress line, and leaves RUN/progress (live.h) now and then. */
void run_log_progress(Run *run);

/* Says in RUN/progress how the run ended. */
void run_log_end(const Run *run, Status status);

/* Of a run whose last checkpoint is found to be that of its end: if it was killed before it said
 * so, makes its page and says so. */
void run_log_finished(const Run *run, const Checkpoint *last);

void run_log_epoch(const Run *run, bool rate_fell, bool best);
void run_log_result(const Checkpoint *checkpoint, const char *directory);
void run_log_times(const Run *run);

/* The epoch's pace begins anew; one of its steps took this rank so many seconds, in some of which
 * it waited for others. */
void run_pace_start(Run *run);
void run_pace_add(Run *run, double seconds, double waited);

/* **Collective.** Names the rank that made the others wait for more than a tenth of the epoch. */
Status run_name_slowest(const Run *run);

/* **Collective.** Begins to record what request->timeline will hold, if that is given.
 * STATUS_USAGE if such a file cannot be. */
Status run_timeline_start(Run *run);

/* **Collective.** Writes it; after all of the run's threads have ended. A failure is warned of. */
void run_timeline_finish(Run *run);
