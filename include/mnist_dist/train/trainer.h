/* The training step, data-parallel: fill, forward, loss, backward, sync, step.
 *
 * A Trainer is one rank's replica with all memory that a step needs; nothing is allocated within a
 * step. The bits of params, slots, progress and history after a step do not hang on the number of
 * ranks or threads: work is done by shard, and everything that crosses shards goes through fixed
 * trees (gradsync.h, tally.h). The ranks of a node share one copy of params and slots; of the slots
 * and the average only the node's own slices are up to date, until trainer_collect. After a step
 * the same is true of params, until trainer_settle: other nodes' slices travel while the next step
 * begins. Whatever is asked of the trainer settles first. */
#pragma once

#include <stdint.h>

#include "mnist_dist/base/clock.h"
#include "mnist_dist/base/pool.h"
#include "mnist_dist/data/batch.h"
#include "mnist_dist/dist/gradsync.h"
#include "mnist_dist/nn/model.h"
#include "mnist_dist/train/config.h"
#include "mnist_dist/train/history.h"
#include "mnist_dist/train/progress.h"
#include "mnist_dist/train/signals.h"
#include "mnist_dist/train/workload.h"

/* What a thread works in: the samples of the shard under way, its logits' gradients, activations.
 */
typedef struct Workspace {
    Batch batch;
    float *dlogits; /* (shard capacity, 10) */
    Scratch *scratch;
    float *gradient; /* (parameters), of one batch of several; NULL if a step has but one */
    PhaseTimes times;
    double late_seconds; /* in the step under way */
} Workspace;

/* What each shard tells all ranks after a step. */
typedef struct ShardReport {
    Tally tally;
    int64_t request; /* a Request: what the shard's rank was asked for by signal */
} ShardReport;

/* Neighbours in the flat vector that are updated alike. */
typedef struct UpdateRun {
    Range range;
    bool decays;  /* whether weight decay takes from them */
    bool adapts;  /* whether norms scale their step: kernels, under a layerwise optimizer */
    double ratio; /* by which they scale that of the step under way */
} UpdateRun;

typedef struct Trainer {
    const Config *config;
    Comm *comm;
    Pool *pool;
    const Model *model;
    BatchSource source;
    struct Window *window; /* of the source; NULL if the workload has all images */
    GradSync *sync;
    bool has_late;  /* whether the model has a weight gradient that is made when summed ... */
    ModelLate late; /* ... and which */
    uint64_t steps_per_epoch;

    float *params;                     /* (parameters), read-only but for rank 0 before */
    float *slots[OPTIMIZER_MAX_SLOTS]; /* trainer_spread, as are the slots: (parameters) each */
    float *average;                    /* (parameters), likewise; NULL if none is wanted */
    Request request;                   /* what this rank was asked for when the step began */
    double rate;                       /* of the step under way */
    float gradient_scale;              /* likewise; below 1 where the gradient is clipped */
    double average_share;              /* likewise; of its params in the average */
    UpdateRun *runs;                   /* (run_count): all parameters, in order */
    size_t run_count;
    struct Norms *norms; /* NULL unless the optimizer is layerwise */
    struct Replicas *replicas;
    Workspace *workspaces; /* (threads) */

    Progress progress;
    History history;
    PhaseTimes times; /* of the rank's main thread; the shards' phases are in the workspaces */
} Trainer;

/* **Collective.** A trainer at the start of a run: initial weights, empty history. The config,
 * pool, model and workload must outlive it. */
Status trainer_new(Trainer **out, Comm *comm, Pool *pool, const Config *config, const Model *model,
                   const Workload *workload);
/* **Collective.** */
void trainer_destroy(Trainer *trainer);

/* **Collective.** Back to the start: initial weights, empty optimizer, no steps in the history,
 * whose restarts stay. */
void trainer_restart(Trainer *trainer);

/* **Collective.** Makes room in the history for the steps that are left of the epoch under way. */
Status trainer_begin_epoch(Trainer *trainer);

/* **Collective.** One optimizer step on the next global batch of the epoch under way; adds it to
 * the history and to progress.running. *request is the largest of all ranks' requests.
 * STATUS_DIVERGED on all ranks, with nothing changed, if the loss or the gradient is not finite:
 * its line names the step, the shard, its rank and the samples, and leaves the remedy to the
 * caller. STATUS_HUNG likewise if replicas differ, of which every training.check_replicas-th step
 * and each that is not finite is asked; STATUS_DATA if a rank cannot read the rows of the step. */
Status trainer_step(Trainer *trainer, Request *request);

/* **Collective.** Whether the state may be written down. STATUS_HUNG, naming ranks and hosts, if
 * the ranks' parameters are not the same (unless training.check_replicas is 0); STATUS_DIVERGED if
 * params, slots or the average hold what is not finite. The same on all ranks.
 *
 * What a comparison of replicas can find: where ranks send messages, memory or a core that spoils a
 * rank's own copy between the arrival of the parameters and the comparison. The next step's
 * parameters come from whoever owns each slice, so that a copy is spoilt for one step at most: what
 * errs again and again is found, and check_replicas=1 finds all. Where ranks share memory there is
 * one copy, and the comparison finds only cores or caches that read it otherwise. */
Status trainer_check(Trainer *trainer);

/* Whether the average is what predicts: whether anything has been averaged yet. */
bool trainer_averages(const Trainer *trainer);

/* Makes params whole: after it they may be read, until the next step. */
void trainer_settle(Trainer *trainer);

/* The weights that predict, (parameters): the average if there is one, else params. To be read
 * after trainer_gather_average (on all ranks) or trainer_collect (on rank 0). */
const float *trainer_weights(const Trainer *trainer);

/* **Collective.** Makes every rank's average whole, for an evaluation. */
void trainer_gather_average(Trainer *trainer);

/* **Collective.** After trainer_gather_average: measures the average's statistics, if that is how
 * the configuration wants them. */
Status trainer_measure_average(Trainer *trainer);

/* **Collective.** Makes rank 0's optimizer slots and average whole, for a checkpoint. */
void trainer_collect(Trainer *trainer);

/* **Collective.** Gives all ranks rank 0's params, slots and average: after a checkpoint was read.
 */
void trainer_spread(Trainer *trainer);

/* **Collective.** The running statistics that belong to params (parameter_count; the same on all
 * ranks), measured on the first `batches` global batches of the epoch under way, or all: augmented
 * training images, no dropout, each batch's statistics as a step finds them, and their mean.
 * statistics (model_parameter_count - model_buffers_begin) gets the same bits on all ranks. Changes
 * nothing of the trainer. */
Status trainer_measure_statistics(Trainer *trainer, float *statistics, const float *params,
                                  uint64_t batches);

/* This rank's main thread has been in a phase from `since`, of clock_seconds, until now. */
void trainer_lap(Trainer *trainer, Phase phase, double since);

/* The sum of the phases' times over this rank's threads. */
PhaseTimes trainer_times(const Trainer *trainer);
