/* Averages that predict: of the weights along the way, in their place.
 *
 * ema: the n-th weights taken in move the average by a share of 1 - decay (Polyak and Juditsky,
 * SIAM J. Control Optim. 1992; An et al. 2020). swa: all have the same share (Izmailov et al., UAI
 * 2018). The first are the average itself. Which steps are taken in is a function of the step, so
 * that nothing is saved but the average. A step is elementwise, as an optimizer's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum AverageKind { AVERAGE_NONE, AVERAGE_EMA, AVERAGE_SWA } AverageKind;

typedef struct AverageOptions {
    int kind;                /* an AverageKind */
    double decay;            /* ema: what the average keeps of itself */
    double start_epoch;      /* epochs before the first weights are taken in */
    int64_t every_steps;     /* from there on, the weights after every so many steps */
    int64_t measure_batches; /* batch normalisation's statistics are averaged; if this is above 0,
                                they are measured anew on so many batches, whenever the average is
                                judged: a checkpoint within an epoch has those averaged */
    int64_t views;           /* of each image, whose mean is what the network says of it */
} AverageOptions;

/* Names by kind, "none" and so on; NULL at the end. */
extern const char *const AVERAGE_NAMES[];

/* Whether there is an average once so many steps are done. */
bool average_exists(const AverageOptions *options, uint64_t steps, uint64_t steps_per_epoch);

/* The share that the weights after so many steps (from 1) get in the average: 1 for the first, 0 if
 * they are not taken in. */
double average_share(const AverageOptions *options, uint64_t steps, uint64_t steps_per_epoch);

/* average (count) += share * (params - average); a share of 1 copies. */
void average_add(float *average, const float *params, size_t count, double share);
