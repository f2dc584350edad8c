/* What is counted over samples: loss, hits and the confusion matrix; and sums in a fixed tree.
 *
 * Counts are integers and so have no order. Losses are doubles and are summed in one fixed binary
 * tree over their index, never in an order of MPI's or of a thread's choosing. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "mnist_dist/base/digits.h"

typedef struct Tally {
    double loss;     /* sum over samples, in nats */
    int64_t correct; /* samples whose largest logit is at their label */
    int64_t count;   /* samples */
} Tally;

typedef struct Confusion {
    int64_t cells[DIGIT_CLASSES][DIGIT_CLASSES]; /* [label][prediction] */
} Confusion;

/* Mean loss and share of hits; 0 for an empty tally. */
double tally_loss(const Tally *tally);
double tally_accuracy(const Tally *tally);

/* Adds the counts, and the losses as into += from. */
void tally_add(Tally *into, const Tally *from);

/* The sum of n tallies, their losses in the fixed tree of tree_sum. */
Tally tally_sum(const Tally tallies[], size_t n);

/* The sum of n doubles: the halves of the next power of two, each summed likewise, then added. */
double tree_sum(const double values[], size_t n);

/* The sum of the squares of n floats: in 16 lanes of doubles, which tree_sum adds. */
double squares_sum(const float *values, size_t n);
