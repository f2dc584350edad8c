/* Which labelled rows train and which are held out for validation.
 *
 * Stratified: the rows of each class are ordered by a keyed permutation that does not depend on the
 * seed and dealt into `folds` parts in turn, so that parts differ by one row per class at most, and
 * seed k holding out part k averages over hold-outs. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "mnist_dist/base/status.h"

typedef struct Split {
    uint32_t *train, *validation; /* dataset rows, ascending */
    size_t train_count, validation_count;
} Split;

/* Deals rows 0 .. rows - 1 with these labels; holds out part `fold` of `folds`, or nothing if folds
 * is 0. STATUS_DATA if nothing is left to train on. */
Status split_new(Split *split, const uint8_t *labels, size_t rows, size_t folds, size_t fold);
void split_destroy(Split *split);
