/* Running statistics measured anew, for weights that no step was made with; see trainer.h.
 *
 * An average of weights has other activations than the weights that it is made of, so the average
 * of their statistics is not its own (Izmailov et al., UAI 2018, section 3.2). The samples are a
 * training batch's, cut into shards and added up as gradients are; a shard's part is left where its
 * gradient will be. There are few numbers, so each rank gets all shards' and adds them by itself.
 */
#include <stdlib.h>
#include <string.h>

#include "mnist_dist/base/heartbeat.h"
#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/shard.h"
#include "trainer_parts.h"

typedef struct Measurement {
    Trainer *trainer;
    const float *params;
    uint64_t batch; /* of the epoch under way */
    Range buffers;  /* of the flat vector */
    float *parts;   /* (shards, buffers): of one batch */
    double *sums;   /* (buffers): over batches */
    size_t *ends;   /* (ranks): of parts, in bytes */
} Measurement;

static size_t width_of(const Measurement *run) {
    return run->buffers.end - run->buffers.begin;
}

/* A task of the pool: one of this rank's shards. */
static void measure_shard(void *context, size_t i, size_t thread) {
    const Measurement *run = context;
    Trainer *trainer = run->trainer;
    Workspace *space = &trainer->workspaces[thread];
    const size_t shard = gradsync_shards(trainer->sync).begin + i;
    heartbeat_beat();
    const size_t n = trainer_fill_shard(&space->batch, trainer, run->batch, shard);
    float *gradient = gradsync_gradient(trainer->sync, shard);
    ModelPass pass = {
        .measuring = true, .count = space->batch.count, .images = space->batch.images, .batch = n};
    model_forward(trainer->model, run->params, space->scratch, &pass);
    model_statistics(trainer->model, run->params, space->scratch, &pass, gradient);
    memcpy(run->parts + shard * width_of(run), gradient + run->buffers.begin,
           width_of(run) * sizeof *gradient);
}

static void add_parts(float *to, const float *from, size_t count) {
    for (size_t i = 0; i < count; i++) to[i] += from[i];
}

/* **Collective.** In the tree over shards, then in the order of batches. */
static void measure_batch(Measurement *run) {
    const Trainer *trainer = run->trainer;
    const Range own = gradsync_shards(trainer->sync);
    const size_t shards = (size_t)trainer->config->training.shards, width = width_of(run);
    pool_run(trainer->pool, own.end - own.begin, measure_shard, run);
    comm_allgather(trainer->comm, run->parts, run->ends);
    for (size_t apart = 1; apart < shards; apart *= 2)
        for (size_t s = 0; s < shards; s += 2 * apart)
            add_parts(run->parts + s * width, run->parts + (s + apart) * width, width);
    for (size_t i = 0; i < width; i++) run->sums[i] += (double)run->parts[i];
}

/* **Collective.** */
static Status hold_batch(Measurement *run) {
    Trainer *trainer = run->trainer;
    const bool held = trainer_hold(trainer, (Range){run->batch, run->batch + 1});
    if (trainer->window == NULL || comm_max(trainer->comm, !held) == 0) return STATUS_OK;
    return trainer_unreadable(trainer);
}

static Status allocate(Measurement *run) {
    const size_t shards = (size_t)run->trainer->config->training.shards;
    const size_t ranks = (size_t)comm_size(run->trainer->comm);
    Status status = STATUS_OK;
    TRY(MEMORY_NEW(&run->parts, shards * width_of(run)));
    TRY(MEMORY_NEW(&run->sums, width_of(run)));
    TRY(MEMORY_NEW(&run->ends, ranks));
    for (size_t rank = 0; rank < ranks; rank++)
        run->ends[rank] = shard_begin(rank + 1, shards, ranks) * width_of(run) * sizeof *run->parts;
cleanup:
    return status;
}

Status trainer_measure_statistics(Trainer *trainer, float *statistics, const float *params,
                                  uint64_t batches) {
    const Model *model = trainer->model;
    Measurement run = {.trainer = trainer,
                       .params = params,
                       .buffers = {model_buffers_begin(model), model_parameter_count(model)}};
    Status status = comm_agree(trainer->comm, allocate(&run));
    if (status != STATUS_OK) goto cleanup;
    if (batches > trainer_epoch_batches(trainer)) batches = trainer_epoch_batches(trainer);
    for (; width_of(&run) > 0 && run.batch < batches; run.batch++) {
        TRY(hold_batch(&run));
        measure_batch(&run);
    }
    for (size_t i = 0; i < width_of(&run); i++)
        statistics[i] = (float)(run.sums[i] / (double)run.batch);
cleanup:
    free(run.parts);
    free(run.sums);
    free(run.ends);
    return status;
}
