/* The history of a run: one series per quantity, per step and per epoch.
 *
 * A quantity is one row of a table: name, units, long name, and whether it is part of the answer
 * (times are not). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mnist_dist/base/clock.h"
#include "mnist_dist/base/digest.h"
#include "mnist_dist/base/status.h"

typedef enum EpochQuantity {
    EPOCH_ACCURACY,
    EPOCH_LOSS,
    EPOCH_VAL_ACCURACY,
    EPOCH_VAL_LOSS,
    EPOCH_LEARNING_RATE,
    EPOCH_SECONDS,
    EPOCH_IMAGES_PER_SECOND,
    EPOCH_PHASES, /* the first of PHASE_COUNT, in the order of Phase; NAN in older files */
    EPOCH_QUANTITIES = EPOCH_PHASES + PHASE_COUNT
} EpochQuantity;

typedef enum StepQuantity {
    STEP_LOSS,
    STEP_ACCURACY,
    STEP_LEARNING_RATE,
    STEP_GRADIENT_NORM,
    STEP_QUANTITIES
} StepQuantity;

typedef struct HistoryQuantity {
    const char *name, *units, *long_name;
    bool is_answer;   /* the same whatever the ranks: times are not */
    bool is_optional; /* older files lack it */
} HistoryQuantity;

extern const HistoryQuantity HISTORY_EPOCH[EPOCH_QUANTITIES], HISTORY_STEP[STEP_QUANTITIES];

/* Values by time, then by quantity: values[time * quantities + quantity]. */
typedef struct Series {
    size_t quantities, count, capacity;
    double *values;
} Series;

/* A resume, or a return after a divergence: where to, when, on how many ranks. */
typedef struct Restart {
    int64_t step, epoch; /* done by then */
    int64_t time;        /* seconds since 1970 */
    int64_t ranks;
    int64_t diverged; /* the step that diverged, or the one after the evaluation that did, from 1;
                         0: a resume, or an older file */
} Restart;

/* Restarts are told to rank 0 alone, which writes them. */
typedef struct History {
    Series epochs, steps;
    Restart *restarts; /* (restart_count) */
    size_t restart_count;
} History;

/* Empty, with room for so many epochs and steps. Rows beyond the room are dropped. */
Status history_new(History *history, size_t epochs, size_t steps);

/* Makes room for so many more, so that adding a step allocates nothing. */
Status history_reserve(History *history, size_t epochs, size_t steps);

/* A copy of its own, with no room for more; nothing is left on failure. */
Status history_copy(History *copy, const History *from);

void history_destroy(History *history);

void history_add_epoch(History *history, const double values[EPOCH_QUANTITIES]);
void history_add_step(History *history, const double values[STEP_QUANTITIES]);
Status history_add_restart(History *history, const Restart *restart);
double history_epoch(const History *history, size_t epoch, EpochQuantity quantity);
double history_step(const History *history, size_t step, StepQuantity quantity);

/* Adds the quantities that are part of the answer to a digest. */
void history_digest(Digester *digester, const History *history);

/* Whether two are the same, bit for bit. */
bool history_same(const History *a, const History *b);
