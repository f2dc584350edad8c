/* A window over training rows that memory does not hold: the sampler's blocks that are being
 * trained on and those that come next, once per node, in memory that its ranks share.
 *
 * Each rank has a thread that reads its share of the chunks of the next block. Blocks have numbers
 * in the order in which they are visited (sampler_sequence), and a slot holds what its ranks say
 * that it holds; each rank says, too, which blocks it no longer needs. So nobody waits but for a
 * block that is not there yet, or whose slot is still read by somebody. The bits of a training do
 * not hang on it. */
#pragma once

#include <stdbool.h>

#include "mnist_dist/base/shard.h"
#include "mnist_dist/data/batch.h"
#include "mnist_dist/data/row_hashes.h"
#include "mnist_dist/train/workload.h"

typedef struct Window Window;

/* **Collective.** Of a workload without images; `step` is the most samples that a step takes. Keeps
 * within options->window; STATUS_USAGE with what it takes if that is too little. The workload must
 * outlive it. */
Status window_new(Window **out, const Workload *workload, const DataOptions *options,
                  const Sampler *sampler, uint64_t step);
/* **Collective.** NULL is fine. */
void window_destroy(Window *window);

/* Where batch_fill_training finds what is held. */
const BlockWindow *window_view(const Window *window);

/* The ranks of a node ask for the same, one after the other; a call that goes back is
 * **Collective**. Waits until positions begin .. end - 1 of an epoch, no more than a step's, are
 * there, to be read until the next call. False if they cannot be had: then some rank of the node
 * has a window_failure. */
bool window_hold(Window *window, uint32_t epoch, uint64_t begin, uint64_t end);

/* Takes in the hashes of all training rows that the node's ranks have read so far. */
Status window_add_hashes(RowHashes *hashes, const Window *window);

/* What this rank could not read, with its line pending; STATUS_OK if it could. */
Status window_failure(const Window *window);
