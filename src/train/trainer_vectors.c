/* Which weights count, and how a replica's vectors get from rank to rank outside a step; see
 * trainer.h. */
#include <stdlib.h>
#include <string.h>

#include "mnist_dist/base/memory.h"
#include "trainer_parts.h"

static int slot_count(const Trainer *trainer) {
    return optimizer_slot_count(&trainer->config->optimizer);
}

size_t trainer_average_vector(const Trainer *trainer) {
    return VECTOR_SLOTS + (size_t)slot_count(trainer);
}

bool trainer_averages(const Trainer *trainer) {
    return average_exists(&trainer->config->average, trainer->progress.step,
                          trainer->steps_per_epoch);
}

const float *trainer_weights(const Trainer *trainer) {
    return trainer_averages(trainer) ? trainer->average : trainer->params;
}

void trainer_gather_average(Trainer *trainer) {
    trainer_settle(trainer);
    if (trainer_averages(trainer)) gradsync_gather(trainer->sync, trainer_average_vector(trainer));
}

Status trainer_measure_average(Trainer *trainer) {
    const size_t begin = model_buffers_begin(trainer->model);
    const size_t count = model_parameter_count(trainer->model) - begin;
    const uint64_t batches = (uint64_t)trainer->config->average.measure_batches;
    float *statistics = NULL;
    Status status = STATUS_OK;
    if (!trainer_averages(trainer) || batches == 0 || count == 0) return STATUS_OK;
    TRY(comm_agree(trainer->comm, MEMORY_NEW(&statistics, count)));
    TRY(trainer_measure_statistics(trainer, statistics, trainer->average, batches));
    if (comm_rank(trainer->comm) == 0)
        memcpy(trainer->average + begin, statistics, count * sizeof *statistics);
    gradsync_spread(trainer->sync, trainer_average_vector(trainer));
cleanup:
    free(statistics);
    return status;
}

void trainer_settle(Trainer *trainer) {
    gradsync_settle(trainer->sync);
}

void trainer_collect(Trainer *trainer) {
    trainer_settle(trainer);
    for (int i = 0; i < slot_count(trainer); i++)
        gradsync_collect(trainer->sync, VECTOR_SLOTS + (size_t)i);
    if (trainer_averages(trainer)) gradsync_collect(trainer->sync, trainer_average_vector(trainer));
}

void trainer_spread(Trainer *trainer) {
    gradsync_spread(trainer->sync, VECTOR_PARAMS);
    for (int i = 0; i < slot_count(trainer); i++)
        gradsync_spread(trainer->sync, VECTOR_SLOTS + (size_t)i);
    if (trainer->average != NULL) gradsync_spread(trainer->sync, trainer_average_vector(trainer));
}
