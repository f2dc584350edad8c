/* Rank 0's writer: a thread that writes a snapshot while the training goes on; see run_writer.h.
 *
 * best.h5 is written before the step file of the same moment: if the writer dies in between, the
 * run goes on from the older step file, does the epoch again and writes the same best.h5. The page
 * is the writer's too, since it is made of the files that were just written. Refused: a forked
 * child as writer, which costs a copy of the pages that the training touches in the meantime and is
 * at odds with MPI; two snapshots, so that one can be filled while the other is written: whoever
 * saves more often than the disk writes should wait for it. */
#include "run_writer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mnist_dist/base/background.h"
#include "mnist_dist/base/log.h"
#include "mnist_dist/base/memory.h"
#include "mnist_dist/train/metrics.h"

struct RunWriter {
    const Run *run; /* of which the thread reads what stays as it is while a run lasts */
    Background *background;
    float *memory;       /* the snapshot's vectors, one after the other */
    Checkpoint snapshot; /* points into it; its history is its own */
    bool best;
    double longest; /* seconds that a write has taken */
};

/* Vectors that a snapshot holds at most: params, live, best and the slots. */
static size_t vector_count(const Run *run) {
    bool averages = run->trainer->average != NULL;
    return 2 + averages + (size_t)optimizer_slot_count(&run->config->optimizer);
}

Status run_writer_new(RunWriter **out, const Run *run) {
    RunWriter *writer = NULL;
    Status status;
    *out = NULL;
    TRY(MEMORY_NEW(&writer, 1));
    writer->run = run;
    TRY(MEMORY_NEW(&writer->memory, vector_count(run) * model_parameter_count(run->model)));
    TRY(background_new(&writer->background));
    *out = writer;
    return status;

cleanup:
    run_writer_destroy(writer);
    return status;
}

void run_writer_destroy(RunWriter *writer) {
    if (writer == NULL) return;
    background_destroy(writer->background);
    history_destroy(&writer->snapshot.history);
    free(writer->memory);
    free(writer);
}

/* ---- The snapshot ---------------------------------------------------------------------------- */

/* Copies a vector to *next and lets it point there; NULL stays. */
static void keep_vector(float **vector, float **next, size_t count) {
    if (*vector == NULL) return;
    memcpy(*next, *vector, count * sizeof **vector);
    *vector = *next;
    *next += count;
}

static Status keep(RunWriter *writer, const Checkpoint *now) {
    Checkpoint *snapshot = &writer->snapshot;
    float *next = writer->memory;
    size_t count = now->parameter_count;
    history_destroy(&snapshot->history);
    *snapshot = *now;
    Status status = history_copy(&snapshot->history, &now->history);
    if (status != STATUS_OK) return status;
    keep_vector(&snapshot->params, &next, count);
    keep_vector(&snapshot->live, &next, count);
    keep_vector(&snapshot->best, &next, count);
    for (int i = 0; i < OPTIMIZER_MAX_SLOTS; i++) keep_vector(&snapshot->slots[i], &next, count);
    return STATUS_OK;
}

/* ---- In the thread --------------------------------------------------------------------------- */

/* The last epoch's end, if the run may have to go back there. */
static uint64_t spared_step(const RunWriter *writer) {
    const Progress *progress = &writer->snapshot.progress;
    bool spares = writer->run->config->training.divergence_retries > 0;
    return spares ? progress->step - progress->epoch_step : CHECKPOINT_NONE;
}

static Status write_checkpoints(const RunWriter *writer) {
    char path[PATH_MAX];
    const Run *run = writer->run;
    const Checkpoint *snapshot = &writer->snapshot;
    Status status = STATUS_OK;
    if (writer->best) {
        snprintf(path, sizeof path, "%s/best.h5", run->checkpoints);
        TRY(checkpoint_write(snapshot, path));
    }
    checkpoint_step_path(path, run->checkpoints, snapshot->progress.step);
    TRY(checkpoint_write(snapshot, path));
    checkpoint_prune(run->checkpoints, (size_t)run->config->checkpoint.keep,
                     snapshot->progress.step, spared_step(writer));
cleanup:
    return status;
}

/* The metrics stand in the checkpoint too, so that a failure here is no more than a warning. */
static void write_metrics(const RunWriter *writer) {
    if (metrics_write(&writer->snapshot.history, writer->run->directory) == STATUS_OK) return;
    log_warning("%s", status_message());
    status_clear();
}

/* What others make of it: the page, if it is time, and TensorBoard's events. */
static void show(const RunWriter *writer) {
    const Run *run = writer->run;
    int when = run->config->output.report;
    bool finished = writer->snapshot.progress.status == RUN_FINISHED;
    bool due = when == REPORT_AT_CHECKPOINTS || (when == REPORT_AT_END && finished);
    if (due && run->request->report != NULL) run->request->report(run->directory);
    if (run->config->output.tensorboard && run->request->events != NULL)
        run->request->events(run->directory, &writer->snapshot);
}

static Status write_all(void *context) {
    RunWriter *writer = context;
    double since = clock_seconds();
    Status status = write_checkpoints(writer);
    if (status != STATUS_OK) return status;
    write_metrics(writer);
    writer->longest = fmax(writer->longest, clock_seconds() - since);
    show(writer);
    return STATUS_OK;
}

/* ---- For run_save.c -------------------------------------------------------------------------- */

Status run_writer_start(RunWriter *writer, const Checkpoint *now, bool best) {
    Status status = keep(writer, now);
    if (status != STATUS_OK) return status;
    writer->best = best;
    background_start(writer->background, write_all, writer);
    return STATUS_OK;
}

double run_writer_longest(const RunWriter *writer) {
    return writer->longest;
}

bool run_writer_is_idle(const RunWriter *writer) {
    return background_is_idle(writer->background);
}

Status run_writer_wait(RunWriter *writer) {
    return background_wait(writer->background);
}
