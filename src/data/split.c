/* The hold-out: rows are dealt like cards, class by class, without a pause between classes.
 *
 * A row's card is the number of rows in lower classes plus its permuted place in its own class,
 * and its part is that number modulo folds: so parts differ by one row per class at most and by
 * one row over all. Which rows get a part's cards is asked of the inverse permutation, so that its
 * cost is that of the held-out rows (a tenth of a second for a million), no order is sorted, and
 * rows come out ascending. */
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

/* Marks the rows of class c that get a card of part `fold`; held_out is by class, then by order in
 * the class. */
static void mark_class(bool *held_out, const ClassDeal *deal, uint32_t c, size_t folds,
                       size_t fold) {
    const RngStream stream = {.purpose = RNG_SPLIT, .sample = c};
    const uint64_t skip = (fold + folds - deal->first % folds) % folds;
    for (uint64_t place = skip; place < deal->count; place += folds)
        held_out[deal->first + rng_permute_inverse(place, deal->count, &stream)] = true;
}

static void deal_rows(Split *split, const bool *held_out, ClassDeal deals[DIGIT_CLASSES],
                      const uint8_t *labels) {
    const size_t rows = split->train_count + split->validation_count;
    uint32_t *train = split->train, *validation = split->validation;
    for (uint32_t row = 0; row < rows; row++) {
        ClassDeal *deal = &deals[labels[row]];
        if (held_out[deal->first + deal->seen++])
            *validation++ = row;
        else
            *train++ = row;
    }
}

Status split_count(Split *split, size_t rows, size_t folds, size_t fold) {
    *split = (Split){0};
    const size_t held_out = folds > 0 && rows > fold ? (rows - fold + folds - 1) / folds : 0;
    if (held_out >= rows) {
        return status_fail(STATUS_DATA,
                           "no labelled row is left to train on (%zu rows, of which part %zu of "
                           "data.folds=%zu is held out): import more rows or change data.folds",
                           rows, fold, folds);
    }
    split->train_count = rows - held_out;
    split->validation_count = held_out;
    return STATUS_OK;
}

size_t split_bytes(const Split *split) {
    return (split->train_count + split->validation_count) * sizeof(uint32_t);
}

void split_view(Split *split, void *memory) {
    split->train = memory;
    split->validation = split->train + split->train_count;
}

Status split_deal(Split *split, const uint8_t *labels, size_t folds, size_t fold) {
    const size_t rows = split->train_count + split->validation_count;
    ClassDeal deals[DIGIT_CLASSES] = {0};
    bool *held_out = NULL;
    Status status = MEMORY_NEW(&held_out, rows);
    if (status != STATUS_OK) return status;
    count_classes(deals, labels, rows);
    for (uint32_t c = 0; c < DIGIT_CLASSES && folds > 0; c++)
        mark_class(held_out, &deals[c], c, folds, fold);
    deal_rows(split, held_out, deals, labels);
    free(held_out);
    return STATUS_OK;
}

Status split_new(Split *split, const uint8_t *labels, size_t rows, size_t folds, size_t fold) {
    uint32_t *memory = NULL;
    Status status = STATUS_OK;
    TRY(split_count(split, rows, folds, fold));
    TRY(MEMORY_NEW(&memory, rows));
    split->memory = memory;
    split_view(split, memory);
    TRY(split_deal(split, labels, folds, fold));
cleanup:
    if (status != STATUS_OK) split_destroy(split);
    return status;
}

void split_destroy(Split *split) {
    if (split == NULL) return;
    free(split->memory);
    *split = (Split){0};
}
