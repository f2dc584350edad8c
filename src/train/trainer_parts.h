/* What trainer.c (the step), trainer_update.c (its last part), trainer_make.c (memory),
 * trainer_vectors.c, trainer_norms.c, trainer_statistics.c, trainer_culprit.c and
 * trainer_replicas.c share. */
#pragma once

#include "mnist_dist/train/trainer.h"

/* The sync's vectors: params, then the optimizer's slots, then the average. */
enum { VECTOR_PARAMS, VECTOR_SLOTS };
size_t trainer_average_vector(const Trainer *trainer);

/* What the sync calls back, in the pool's threads, for numbers of a shard's late gradient: a
 * GradSyncLate's `make`, of a Trainer. */
void trainer_make_late(void *trainer, float *out, size_t shard, const void *left, Range range,
                       size_t thread);

/* Which parameters are updated alike: trainer->runs. */
Status trainer_plan_update(Trainer *trainer);

/* Plans the norms that a layerwise optimizer needs, after the runs; does nothing for others. */
Status norms_new(Trainer *trainer);
void norms_destroy(struct Norms *norms);

/* **Collective.** Turns this rank's slice of the gradient, clipped, into directions, and finds the
 * ratio of each run. */
void norms_find(Trainer *trainer);

/* Parameters `range`, all of one run, as an optimizer takes them. */
typedef struct UpdatePart {
    OptimizerOptions options;
    float *params, *gradients, *slots[OPTIMIZER_MAX_SLOTS];
    size_t count;
} UpdatePart;
UpdatePart trainer_part(const Trainer *trainer, Range range, const UpdateRun *run);

/* values (count) *= factor. */
void scale_gradient(float *values, size_t count, float factor);

/* **Collective.** Updates this rank's slice of params, slots and average from the finished sum,
 * whose norm is given. */
void trainer_update(Trainer *trainer, double norm);

/* Global batches of an epoch, of which a step takes training.accumulate. */
size_t trainer_epoch_batches(const Trainer *trainer);

/* Fetches a shard's samples of a batch of the epoch under way; returns how many the whole batch
 * has.
 */
size_t trainer_fill_shard(Batch *samples, const Trainer *trainer, uint64_t batch, size_t shard);

/* Waits until the rows of batches of the epoch under way can be fetched; false if this rank's node
 * cannot read them. **Collective** if they are not behind those of the call before. */
bool trainer_hold(Trainer *trainer, Range batches);

/* **Collective.** After that: the failure, on all ranks. */
Status trainer_unreadable(Trainer *trainer);

/* The batches of the step under way: of the epoch's last step, as many as are left. */
Range trainer_step_batches(const Trainer *trainer);

/* A shard's samples of one batch. */
typedef struct ShardPart {
    size_t shard;
    uint64_t batch;
    bool whole;     /* whether the late gradient is written out with the rest */
    bool announces; /* whether the sync is told what is done of the gradient, while it goes on */
} ShardPart;

/* Their logits, (samples, 10), and how they were found; the samples are then in space->batch. */
const float *trainer_forward_part(Trainer *trainer, Workspace *space, const ShardPart *part,
                                  ModelPass *pass);

/* Their gradient, (parameters), and their tally. */
Tally trainer_compute_part(Trainer *trainer, Workspace *space, const ShardPart *part,
                           float *gradient);

/* to (count) += from. */
void add_gradient(float *restrict to, const float *restrict from, size_t count);

/* Index of the first of `count` numbers that is not finite; count, if all are. */
size_t first_not_finite(const float *values, size_t count);

/* **Collective.** After a reduction that found a loss or a gradient that is not finite: computes
 * this rank's shards again to find the one that it came from. STATUS_DIVERGED on all ranks, with
 * its shard, rank and samples in one line, without a remedy. The gradients are overwritten. */
Status trainer_name_culprit(Trainer *trainer);

/* What ranks compare their parameters with. */
typedef struct Replicas Replicas;
Status replicas_new(Trainer *trainer);
void replicas_destroy(Replicas *replicas);

/* Whether the replicas are to be compared in the step under way. */
bool replicas_are_due(const Trainer *trainer, bool finite);

/* **Collective.** STATUS_HUNG on all ranks if params differ, naming those in the minority. */
Status trainer_compare_replicas(Trainer *trainer);
