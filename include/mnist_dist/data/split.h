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
    void *memory; /* what split_destroy frees; NULL if the rows stand in somebody else's memory */
} Split;

/* How many rows fall to either side, of `rows` of which part `fold` of `folds` is held out, or
 * nothing if folds is 0. STATUS_DATA if nothing is left to train on. */
Status split_count(Split *split, size_t rows, size_t folds, size_t fold);

/* Bytes that its rows take, once it is counted. */
size_t split_bytes(const Split *split);

/* Lets it look into memory of that size, which several ranks may share. */
void split_view(Split *split, void *memory);

/* Deals the rows with these labels. Of those who share the memory, one does it. */
Status split_deal(Split *split, const uint8_t *labels, size_t folds, size_t fold);

/* All of that, in memory of its own: deals rows 0 .. rows - 1 with these labels. */
Status split_new(Split *split, const uint8_t *labels, size_t rows, size_t folds, size_t fold);
void split_destroy(Split *split);
