/* Series of numbers in memory; see history.h.
 *
 * A row holds the quantities of one moment, since that is how they are added. */
#include "mnist_dist/train/history.h"

#include <stdlib.h>
#include <string.h>

#include "mnist_dist/base/memory.h"

#define PHASE(phase, name)                                                                         \
    [EPOCH_PHASES + (phase)] = {name "_seconds", "s",                                              \
                                "time that rank 0's threads spent since the epoch before ended",   \
                                false, true}

const HistoryQuantity HISTORY_EPOCH[EPOCH_QUANTITIES] = {
    [EPOCH_ACCURACY] = {"accuracy", "1", "share of training samples hit while training", true,
                        false},
    [EPOCH_LOSS] = {"loss", "nat", "mean cross-entropy while training", true, false},
    [EPOCH_VAL_ACCURACY] = {"val_accuracy", "1", "share of held-out samples hit", true, false},
    [EPOCH_VAL_LOSS] = {"val_loss", "nat", "mean cross-entropy of the held-out samples", true,
                        false},
    [EPOCH_LEARNING_RATE] = {"learning_rate", "1", "learning rate of the last step", true, false},
    [EPOCH_SECONDS] = {"seconds", "s", "wall time of the epoch's training, since the last resume",
                       false, false},
    [EPOCH_IMAGES_PER_SECOND] = {"images_per_second", "1/s", "training samples by time", false,
                                 false},
    PHASE(PHASE_FILL, "fill"),
    PHASE(PHASE_FORWARD, "forward"),
    PHASE(PHASE_BACKWARD, "backward"),
    PHASE(PHASE_SYNC, "sync"),
    PHASE(PHASE_OPTIMIZER, "optimizer"),
    PHASE(PHASE_EVALUATE, "evaluate"),
    PHASE(PHASE_CHECKPOINT, "checkpoint"),
};

const HistoryQuantity HISTORY_STEP[STEP_QUANTITIES] = {
    [STEP_LOSS] = {"loss", "nat", "mean cross-entropy of the batch", true, false},
    [STEP_ACCURACY] = {"accuracy", "1", "share of the batch hit", true, false},
    [STEP_LEARNING_RATE] = {"learning_rate", "1", "learning rate of the step", true, false},
    [STEP_GRADIENT_NORM] = {"gradient_norm", "1", "Euclidean norm of the gradient", true, false},
};

static Status series_new(Series *series, size_t quantities, size_t capacity) {
    *series = (Series){.quantities = quantities, .capacity = capacity};
    return MEMORY_NEW(&series->values, quantities * capacity);
}

static void series_add(Series *series, const double values[]) {
    if (series->count == series->capacity) return;
    memcpy(series->values + series->count * series->quantities, values,
           series->quantities * sizeof *values);
    series->count++;
}

Status history_new(History *history, size_t epochs, size_t steps) {
    Status status;
    *history = (History){0};
    TRY(series_new(&history->epochs, EPOCH_QUANTITIES, epochs));
    TRY(series_new(&history->steps, STEP_QUANTITIES, steps));
cleanup:
    if (status != STATUS_OK) history_destroy(history);
    return status;
}

static Status series_reserve(Series *series, size_t more) {
    Series grown;
    if (series->capacity - series->count >= more) return STATUS_OK;
    if (more > SIZE_MAX - series->count) return status_fail(STATUS_FAILED, "out of memory");
    Status status = series_new(&grown, series->quantities, series->count + more);
    if (status != STATUS_OK) return status;
    memcpy(grown.values, series->values,
           series->count * series->quantities * sizeof *series->values);
    grown.count = series->count;
    free(series->values);
    *series = grown;
    return STATUS_OK;
}

Status history_reserve(History *history, size_t epochs, size_t steps) {
    Status status = series_reserve(&history->epochs, epochs);
    return status == STATUS_OK ? series_reserve(&history->steps, steps) : status;
}

static Status series_copy(Series *copy, const Series *from) {
    Status status = series_new(copy, from->quantities, from->count);
    if (status != STATUS_OK) return status;
    if (from->count > 0)
        memcpy(copy->values, from->values, from->count * from->quantities * sizeof *from->values);
    copy->count = from->count;
    return STATUS_OK;
}

Status history_copy(History *copy, const History *from) {
    Status status;
    *copy = (History){0};
    TRY(series_copy(&copy->epochs, &from->epochs));
    TRY(series_copy(&copy->steps, &from->steps));
    for (size_t i = 0; i < from->restart_count; i++)
        TRY(history_add_restart(copy, &from->restarts[i]));
cleanup:
    if (status != STATUS_OK) history_destroy(copy);
    return status;
}

void history_destroy(History *history) {
    free(history->epochs.values);
    free(history->steps.values);
    free(history->restarts);
    memset(history, 0, sizeof *history);
}

void history_add_epoch(History *history, const double values[EPOCH_QUANTITIES]) {
    series_add(&history->epochs, values);
}

void history_add_step(History *history, const double values[STEP_QUANTITIES]) {
    series_add(&history->steps, values);
}

Status history_add_restart(History *history, const Restart *restart) {
    size_t count = history->restart_count;
    Restart *grown = realloc(history->restarts, (count + 1) * sizeof *grown);
    if (grown == NULL) return status_fail(STATUS_FAILED, "out of memory");
    grown[count] = *restart;
    history->restarts = grown;
    history->restart_count++;
    return STATUS_OK;
}

static bool same_series(const Series *a, const Series *b) {
    return a->count == b->count && a->quantities == b->quantities &&
           memcmp(a->values, b->values, a->count * a->quantities * sizeof *a->values) == 0;
}

bool history_same(const History *a, const History *b) {
    return same_series(&a->epochs, &b->epochs) && same_series(&a->steps, &b->steps) &&
           a->restart_count == b->restart_count &&
           (a->restart_count == 0 ||
            memcmp(a->restarts, b->restarts, a->restart_count * sizeof *a->restarts) == 0);
}

double history_epoch(const History *history, size_t epoch, EpochQuantity quantity) {
    return history->epochs.values[epoch * EPOCH_QUANTITIES + quantity];
}

double history_step(const History *history, size_t step, StepQuantity quantity) {
    return history->steps.values[step * STEP_QUANTITIES + quantity];
}

static void digest_series(Digester *digester, const Series *series, const HistoryQuantity table[]) {
    const uint64_t count = series->count;
    digester_add(digester, &count, sizeof count);
    for (size_t row = 0; row < series->count; row++) {
        const double *values = series->values + row * series->quantities;
        for (size_t i = 0; i < series->quantities; i++)
            if (table[i].is_answer) digester_add(digester, &values[i], sizeof values[i]);
    }
}

void history_digest(Digester *digester, const History *history) {
    digest_series(digester, &history->epochs, HISTORY_EPOCH);
    digest_series(digester, &history->steps, HISTORY_STEP);
}
