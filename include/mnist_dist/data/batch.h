/* The samples of one shard, ready to be fed: pixels / 255, targets, labels, ids. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "mnist_dist/base/status.h"
#include "mnist_dist/data/augment.h"
#include "mnist_dist/data/dataset.h"
#include "mnist_dist/data/sampler.h"
#include "mnist_dist/data/split.h"

typedef struct Batch {
    size_t capacity, count;
    float *images;   /* (count, 28, 28, 1) in 0..1 */
    float *targets;  /* (count, 10), one-hot or smoothed; zeros where there is no label */
    uint8_t *labels; /* (count) */
    uint32_t *ids;   /* (count) dataset rows */
} Batch;

Status batch_new(Batch *batch, size_t capacity);
void batch_destroy(Batch *batch);

/* Images of some blocks of the sampler's: block number q (sampler_sequence) stands in slot q modulo
 * `slots`, its images in the order of the training rows. */
typedef struct BlockWindow {
    const uint8_t *images; /* (slots, slot_rows, 28, 28) */
    size_t slots, slot_rows;
} BlockWindow;

/* Where training samples come from: all plain references, read-only. */
typedef struct BatchSource {
    const Dataset *dataset;
    const Split *split;
    const BlockWindow *window; /* which holds what is asked for; NULL: the dataset has all images */
    Sampler sampler;
    AugmentOptions augmentation; /* all zero: none */
    double label_smoothing;      /* share of a target's weight that all classes get alike */
} BatchSource;

/* What mixup does to a sample: an image is `share` of itself and the rest of another row's, as that
 * one is shown in this epoch, and so is its target. */
typedef struct Mixture {
    uint64_t within; /* which row of the sample's own block */
    double share;    /* 0.5 to 1: so the label is that of the larger share */
} Mixture;

/* Mixup (Zhang et al., ICLR 2018) of a training row of the dataset in an epoch: the other row is
 * any of the `rows` of its block, so that a window suffices, and the share is from Beta(alpha,
 * alpha), or 1 minus that, whichever is larger; since the other is drawn too, this is the same
 * distribution of pairs. `alpha` is source->augmentation.mixup, above 0. */
Mixture batch_mixture(const BatchSource *source, uint32_t epoch, uint32_t row, uint64_t rows);

/* The samples at positions first .. first + count - 1 of an epoch, augmented. count <= capacity. */
void batch_fill_training(Batch *batch, const BatchSource *source, uint32_t epoch, uint64_t first,
                         size_t count);

/* Plain images: rows[0 .. count - 1] of `images` (rows, 28, 28) and `labels`; rows NULL means
 * first .. first + count - 1. */
void batch_fill_rows(Batch *batch, const uint8_t *images, const uint8_t *labels,
                     const uint32_t *rows, size_t first, size_t count);
