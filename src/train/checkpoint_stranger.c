/* A checkpoint that carries no digest of ours: somebody else wrote the file, or wrote it anew.
 *
 * A child with limits parses it by the same reader and sends what it found as numbers in a row,
 * lengths first: a Flat, the configuration as YAML, the vectors, the history, the hashes. The
 * parent makes the model from that configuration, which says how long the vectors are, and takes an
 * answer only if it has exactly as many bytes as follow from that. Refused: to trust the child with
 * sizes, or with a Config as it lies in memory: a parser that was talked into something may answer
 * anything. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint_parts.h"
#include "mnist_dist/base/log.h"
#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/sandbox.h"

/* All that has a fixed size; texts end in a NUL, which the parent sees to. */
typedef struct Flat {
    uint64_t yaml, epochs, steps, restarts, trained; /* how many of each follow */
    uint64_t has_best, has_live;
    uint64_t train_rows;
    int64_t ranks, threads;
    Progress progress;
    char name[sizeof((Config *)NULL)->name];
    char fingerprint[sizeof((Checkpoint *)NULL)->data_fingerprint];
    char kernels[sizeof((Checkpoint *)NULL)->kernels];
    char machine[sizeof((Checkpoint *)NULL)->machine];
    char program[sizeof((Checkpoint *)NULL)->program];
    char date[sizeof((Checkpoint *)NULL)->date];
} Flat;

enum { MOST_VECTORS = OPTIMIZER_MAX_SLOTS + 3 };

/* The vectors in the order in which they are sent. */
static size_t list_vectors(float **places[MOST_VECTORS], Checkpoint *checkpoint, const Flat *flat) {
    size_t count = 0;
    places[count++] = &checkpoint->params;
    for (int i = 0; i < checkpoint_slots(checkpoint); i++) places[count++] = &checkpoint->slots[i];
    if (flat->has_best != 0) places[count++] = &checkpoint->best;
    if (flat->has_live != 0) places[count++] = &checkpoint->live;
    return count;
}

/* ---- The child ------------------------------------------------------------------------------- */

typedef struct Stranger {
    const char *bytes;
    size_t count;
    const char *path;
} Stranger;

static Flat flatten(const Checkpoint *checkpoint, size_t yaml) {
    Flat flat;
    memset(&flat, 0, sizeof flat);
    flat.yaml = yaml;
    flat.epochs = checkpoint->history.epochs.count;
    flat.steps = checkpoint->history.steps.count;
    flat.restarts = checkpoint->history.restart_count;
    flat.trained = checkpoint->trained.count;
    flat.has_best = checkpoint->best != NULL;
    flat.has_live = checkpoint->live != NULL;
    flat.train_rows = checkpoint->train_rows;
    flat.ranks = checkpoint->ranks;
    flat.threads = checkpoint->threads;
    flat.progress = checkpoint->progress;
    memcpy(flat.name, checkpoint->config.name, sizeof flat.name);
    memcpy(flat.fingerprint, checkpoint->data_fingerprint, sizeof flat.fingerprint);
    memcpy(flat.kernels, checkpoint->kernels, sizeof flat.kernels);
    memcpy(flat.machine, checkpoint->machine, sizeof flat.machine);
    memcpy(flat.program, checkpoint->program, sizeof flat.program);
    memcpy(flat.date, checkpoint->date, sizeof flat.date);
    return flat;
}

static Status send(SandboxAnswer *answer, Checkpoint *checkpoint) {
    Status status;
    char *yaml = NULL;
    float **vectors[MOST_VECTORS];
    const History *history = &checkpoint->history;
    TRY(config_write(&yaml, &checkpoint->config));
    const Flat flat = flatten(checkpoint, strlen(yaml));
    const size_t count = list_vectors(vectors, checkpoint, &flat);
    TRY(sandbox_add(answer, &flat, sizeof flat));
    TRY(sandbox_add(answer, yaml, flat.yaml));
    for (size_t i = 0; i < count; i++)
        TRY(sandbox_add(answer, *vectors[i], checkpoint->parameter_count * sizeof(float)));
    TRY(sandbox_add(answer, history->epochs.values,
                    flat.epochs * EPOCH_QUANTITIES * sizeof(double)));
    TRY(sandbox_add(answer, history->steps.values, flat.steps * STEP_QUANTITIES * sizeof(double)));
    TRY(sandbox_add(answer, history->restarts, flat.restarts * sizeof(Restart)));
    TRY(sandbox_add(answer, checkpoint->trained.values, flat.trained * sizeof(uint64_t)));
cleanup:
    free(yaml);
    return status;
}

/* A model that Keras saved, say. */
static Status check_groups(H5File *file, const char *path) {
    if (h5file_has(file, "/config") && h5file_has(file, "/training")) return STATUS_OK;
    const bool is_keras = h5file_has(file, "/model_weights");
    if (*status_message() != '\0') return STATUS_CHECKPOINT; /* a link that is not followed */
    return status_fail(STATUS_CHECKPOINT, "%s: %s, without the state of a training by this program",
                       path, is_keras ? "a Keras model" : "an HDF5 file");
}

static Status parse(SandboxAnswer *answer, void *context) {
    const Stranger *stranger = context;
    Checkpoint checkpoint = {0};
    H5File *file = NULL;
    Status status;
    TRY(h5file_open_bytes(&file, stranger->bytes, stranger->count, stranger->path,
                          STATUS_CHECKPOINT));
    TRY(check_groups(file, stranger->path));
    TRY(checkpoint_read_content(&checkpoint, file, stranger->path));
    TRY(send(answer, &checkpoint));
cleanup:
    return status; /* all that is left goes with the process */
}

/* ---- The parent ------------------------------------------------------------------------------ */

/* What is left of an answer. */
typedef struct Answer {
    const char *bytes;
    size_t count;
    const char *path;
} Answer;

/* Whether so many bytes are left. */
static Status expect(const Answer *answer, size_t count, size_t size) {
    size_t bytes = 0;
    if (!__builtin_mul_overflow(count, size, &bytes) && bytes <= answer->count) return STATUS_OK;
    return status_fail(STATUS_CHECKPOINT, "%s: whoever reads it says less than it should",
                       answer->path);
}

static Status take(void *into, Answer *answer, size_t count, size_t size) {
    Status status = expect(answer, count, size);
    if (status != STATUS_OK || count == 0) return status;
    memcpy(into, answer->bytes, count * size);
    answer->bytes += count * size;
    answer->count -= count * size;
    return STATUS_OK;
}

/* Takes them into memory that is made when it is known that there are so many; NULL: recorded. */
static void *take_new(Answer *answer, size_t count, size_t size) {
    if (expect(answer, count, size) != STATUS_OK) return NULL;
    void *memory = memory_zeroed(count, size);
    if (memory != NULL) take(memory, answer, count, size);
    return memory;
}

static Status take_plan(Checkpoint *checkpoint, Answer *answer, size_t length) {
    char *yaml = NULL;
    Status status;
    TRY(expect(answer, length, 1));
    TRY(MEMORY_NEW(&yaml, length + 1));
    TRY(take(yaml, answer, length, 1));
    TRY(checkpoint_plan(checkpoint, yaml, answer->path));
cleanup:
    free(yaml);
    return status;
}

static Status take_vectors(Checkpoint *checkpoint, Answer *answer, const Flat *flat) {
    float **vectors[MOST_VECTORS];
    Status status = STATUS_OK;
    const size_t count = list_vectors(vectors, checkpoint, flat);
    for (size_t i = 0; i < count; i++) {
        *vectors[i] = take_new(answer, checkpoint->parameter_count, sizeof(float));
        if (*vectors[i] == NULL) TRY(STATUS_CHECKPOINT);
        for (size_t k = 0; k < checkpoint->parameter_count; k++)
            if (!isfinite((*vectors[i])[k]))
                TRY(status_fail(STATUS_CHECKPOINT, "%s: has numbers that are not finite",
                                answer->path));
    }
cleanup:
    return status;
}

static Status take_history(History *history, Answer *answer, const Flat *flat) {
    Status status;
    TRY(expect(answer, flat->epochs, EPOCH_QUANTITIES * sizeof(double)));
    TRY(expect(answer, flat->steps, STEP_QUANTITIES * sizeof(double)));
    TRY(history_new(history, flat->epochs, flat->steps));
    TRY(take(history->epochs.values, answer, flat->epochs, EPOCH_QUANTITIES * sizeof(double)));
    TRY(take(history->steps.values, answer, flat->steps, STEP_QUANTITIES * sizeof(double)));
    history->epochs.count = flat->epochs;
    history->steps.count = flat->steps;
    history->restarts = take_new(answer, flat->restarts, sizeof(Restart));
    if (history->restarts == NULL) TRY(STATUS_CHECKPOINT);
    history->restart_count = flat->restarts;
cleanup:
    return status;
}

#define TAKE_TEXT(into, from) snprintf((into), sizeof(into), "%.*s", (int)sizeof(from) - 1, (from))

static Status take_fixed(Checkpoint *checkpoint, const Flat *flat, const char *path) {
    const Progress *progress = &flat->progress;
    TAKE_TEXT(checkpoint->config.name, flat->name);
    TAKE_TEXT(checkpoint->data_fingerprint, flat->fingerprint);
    TAKE_TEXT(checkpoint->kernels, flat->kernels);
    TAKE_TEXT(checkpoint->machine, flat->machine);
    TAKE_TEXT(checkpoint->program, flat->program);
    TAKE_TEXT(checkpoint->date, flat->date);
    checkpoint->train_rows = flat->train_rows;
    checkpoint->ranks = (int)flat->ranks;
    checkpoint->threads = (int)flat->threads;
    checkpoint->progress = *progress;
    if (progress->status >= RUN_UNDER_WAY && progress->status <= RUN_FINISHED &&
        progress->setbacks <= PROGRESS_MOST_SETBACKS)
        return STATUS_OK;
    return status_fail(STATUS_CHECKPOINT, "%s: /training: unknown status, or too many setbacks",
                       path);
}

static Status unflatten(Checkpoint *checkpoint, Answer *answer) {
    Flat flat;
    Status status;
    TRY(take(&flat, answer, 1, sizeof flat));
    TRY(take_plan(checkpoint, answer, flat.yaml));
    TRY(take_vectors(checkpoint, answer, &flat));
    TRY(take_history(&checkpoint->history, answer, &flat));
    checkpoint->trained.values = take_new(answer, flat.trained, sizeof(uint64_t));
    if (checkpoint->trained.values == NULL) TRY(STATUS_CHECKPOINT);
    checkpoint->trained.count = flat.trained;
    TRY(take_fixed(checkpoint, &flat, answer->path));
    if (answer->count > 0)
        TRY(status_fail(STATUS_CHECKPOINT, "%s: whoever reads it says more than it should",
                        answer->path));
cleanup:
    return status;
}

Status checkpoint_read_stranger(Checkpoint *checkpoint, const char *bytes, size_t count,
                                const char *path) {
    Status status;
    SandboxAnswer said;
    Stranger stranger = {bytes, count, path};
    const SandboxLimits limits = sandbox_limits(count);
    memset(checkpoint, 0, sizeof *checkpoint);
    TRY(sandbox_run(&said, parse, &stranger, &limits, path, STATUS_CHECKPOINT));
    Answer answer = {said.bytes, said.count, path};
    TRY(unflatten(checkpoint, &answer));
    log_warning("%s: has no digest in front, so that nobody knows whether it is as it was written",
                path);
cleanup:
    free(said.bytes);
    if (status != STATUS_OK) checkpoint_free(checkpoint);
    return status;
}
