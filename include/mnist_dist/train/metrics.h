/* The history of a run: one series per quantity, per step and per epoch, and its files.
 *
 * A quantity is one row of a table: name, units, long name, and whether it is part of the answer
 * (times are not). metrics.h5 and metrics.csv are rewritten whole and renamed each time, since a
 * small file that is replaced can always be opened by a reader and has no repeated header and no
 * lost row after a resume. The same groups stand under /history of a checkpoint. What older
 * versions did not write, phases, restarts and their divergences, is optional when a file is read.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mnist_dist/base/clock.h"
#include "mnist_dist/base/digest.h"
#include "mnist_dist/base/h5file.h"
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

/* Writes GROUP/epoch/NAME, GROUP/step/NAME and, if there was one, GROUP/restart/NAME, with `units`
 * and `long_name`; "" is the root. */
Status history_write(H5File *file, const char *group, const History *history);

/* Makes a history with what the group holds and no room for more; nothing is left on failure. */
Status history_read(History *history, H5File *file, const char *group);

/* Reads a metrics.h5. STATUS_DATA with its path; nothing is left then. */
Status metrics_read(History *history, const char *path);

/* metrics.h5 and metrics.csv (Keras's CSVLogger columns first: epoch from 0, accuracy,
 * learning_rate, loss, val_accuracy, val_loss) in the run directory. */
Status metrics_write(const History *history, const char *run_directory);
