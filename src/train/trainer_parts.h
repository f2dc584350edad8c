/* What trainer.c (the step), trainer_update.c (its last part), trainer_norms.c and
 * trainer_statistics.c share. */
#pragma once

#include "mnist_dist/train/trainer.h"

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

/* What two ranges have in common; empty, if nothing. */
Range range_overlap(Range a, Range b);

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
