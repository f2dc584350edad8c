/* The hold-out: rows are dealt like cards, class by class, without a pause between classes.
 *
 * A row's card is the number of rows in lower classes plus its permuted place in its own class,
 * and its part is that number modulo folds: so parts differ by one row per class at most and by
 * one row over all. The place comes straight from the keyed permutation, so that no order is
 * stored or sorted, and rows come out ascending. */
#include "mnist_dist/data/split.h"

#include <stdbool.h>
#include <stdlib.h>

#include "mnist_dist/base/digits.h"
#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/rng.h"

typedef struct ClassDeal {
    uint64_t count; /* rows of the class */
    uint64_t first; /* rows of lower classes */
    uint64_t seen;  /* rows of the class met so far */
} ClassDeal;

static void count_classes(ClassDeal deals[DIGIT_CLASSES], const uint8_t *labels, size_t rows) {
    for (size_t row = 0; row < rows; row++) deals[labels[row]].count++;
    for (int c = 1; c < DIGIT_CLASSES; c++)
        deals[c].first = deals[c - 1].first + deals[c - 1].count;
}

/* The part of the next row of class c. */
static uint64_t deal_row(ClassDeal *deal, uint32_t c, size_t folds) {
    const RngStream stream = {.purpose = RNG_SPLIT, .sample = c};
    return (deal->first + rng_permute(deal->seen++, deal->count, &stream)) % folds;
}

static void deal_rows(Split *split, const uint8_t *labels, size_t rows, size_t folds, size_t fold) {
    ClassDeal deals[DIGIT_CLASSES] = {0};
    uint32_t *train = split->train, *validation = split->validation;
    count_classes(deals, labels, rows);
    for (uint32_t row = 0; row < rows; row++) {
        const bool held_out =
            folds > 0 && deal_row(&deals[labels[row]], labels[row], folds) == fold;
        if (held_out)
            *validation++ = row;
        else
            *train++ = row;
    }
}

Status split_new(Split *split, const uint8_t *labels, size_t rows, size_t folds, size_t fold) {
    Status status = STATUS_OK;
    *split = (Split){0};
    const size_t held_out = folds > 0 && rows > fold ? (rows - fold + folds - 1) / folds : 0;
    if (held_out >= rows) {
        return status_fail(STATUS_DATA,
                           "no labelled row is left to train on (%zu rows, of which part %zu of "
                           "data.folds=%zu is held out): import more rows or change data.folds",
                           rows, fold, folds);
    }
    TRY(MEMORY_NEW(&split->train, rows - held_out));
    TRY(MEMORY_NEW(&split->validation, held_out));
    split->train_count = rows - held_out;
    split->validation_count = held_out;
    deal_rows(split, labels, rows, folds, fold);
cleanup:
    if (status != STATUS_OK) split_destroy(split);
    return status;
}

void split_destroy(Split *split) {
    if (split == NULL) return;
    free(split->train);
    free(split->validation);
    *split = (Split){0};
}
