/* What trainer.c (the step), trainer_update.c (its last part) and trainer_statistics.c share. */
#pragma once

#include "mnist_dist/train/trainer.h"

/* Which parameters are updated alike: trainer->runs. */
Status trainer_plan_update(Trainer *trainer);

/* Updates this rank's slice of params, slots and average from the finished sum, whose norm is
 * given. */
void trainer_update(Trainer *trainer, double norm);

/* Fetches a shard's samples of a batch of the epoch under way; returns how many the whole batch
 * has.
 */
size_t trainer_fill_shard(Batch *samples, const Trainer *trainer, uint64_t batch, size_t shard);
