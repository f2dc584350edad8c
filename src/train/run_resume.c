/* Finding a checkpoint on rank 0, and giving what it holds to all ranks; see run_parts.h. */
#include <string.h>

#include "mnist_dist/base/log.h"
#include "run_parts.h"

bool run_is_done(const Config *config, const Progress *progress) {
    int64_t patience = config->training.early_stopping;
    return progress->epoch >= (uint64_t)config->training.epochs ||
           (patience > 0 && progress->stale_epochs >= (uint64_t)patience);
}

Status run_find_newest(Checkpoint *checkpoint, bool *found, char *path, const Run *run) {
    Status status = checkpoint_read_newest(checkpoint, found, path, run->checkpoints);
    if (status != STATUS_OK || !*found) return status;
    return config_compare(&checkpoint->config, run->config, path);
}

Status run_find_named(Checkpoint *checkpoint, const Run *run, const char *path) {
    Status status = checkpoint_read(checkpoint, path);
    if (status != STATUS_OK) return status;
    return config_compare(&checkpoint->config, run->config, path);
}

/* Rank 0: the data must be the rows that the run began with, since their numbers name random
 * streams and the split. */
static Status check_data(const Run *run, const Checkpoint *checkpoint) {
    const DatasetInfo *info = &run->workload.dataset.info;
    if (strcmp(checkpoint->data_fingerprint, info->fingerprint) == 0 &&
        checkpoint->train_rows == info->train_rows)
        return STATUS_OK;
    return status_fail(STATUS_DATA,
                       "%s: not the data that this run was trained on (fingerprint %.8s, the "
                       "checkpoint's is %.8s); give that file with --data, or train anew with "
                       "--resume never",
                       run->config->data.path, info->fingerprint, checkpoint->data_fingerprint);
}

/* **Collective.** Copies rank 0's series; every rank has made room for the same number of rows. */
static void broadcast_series(Comm *comm, Series *series) {
    comm_broadcast(comm, &series->count, sizeof series->count, 0);
    comm_broadcast(comm, series->values,
                   series->count * series->quantities * sizeof *series->values, 0);
}

static Status copy_series(Series *into, const Series *from) {
    if (from->count > into->capacity)
        return status_fail(STATUS_CHECKPOINT,
                           "the checkpoint's history has %zu rows, this configuration has %zu",
                           from->count, into->capacity);
    into->count = from->count;
    memcpy(into->values, from->values, from->count * from->quantities * sizeof *from->values);
    return STATUS_OK;
}

/* Rank 0: moves what the checkpoint holds into the trainer. */
static Status fill_trainer(Run *run, const Checkpoint *checkpoint) {
    Trainer *trainer = run->trainer;
    size_t bytes = model_parameter_count(run->model) * sizeof(float);
    Status status = check_data(run, checkpoint);
    if (status != STATUS_OK) return status;
    TRY(copy_series(&trainer->history.epochs, &checkpoint->history.epochs));
    TRY(copy_series(&trainer->history.steps, &checkpoint->history.steps));
    memcpy(trainer->params, checkpoint->params, bytes);
    for (int i = 0; i < OPTIMIZER_MAX_SLOTS; i++)
        if (trainer->slots[i] != NULL) memcpy(trainer->slots[i], checkpoint->slots[i], bytes);
    trainer->progress = checkpoint->progress;
cleanup:
    return status;
}

Status run_restore(Run *run, const Checkpoint *checkpoint) {
    Trainer *trainer = run->trainer;
    Status status = STATUS_OK;
    if (comm_rank(run->comm) == 0) status = fill_trainer(run, checkpoint);
    status = comm_agree(run->comm, status);
    if (status != STATUS_OK) return status;

    size_t bytes = model_parameter_count(run->model) * sizeof(float);
    comm_broadcast(run->comm, trainer->params, bytes, 0);
    for (int i = 0; i < OPTIMIZER_MAX_SLOTS; i++)
        if (trainer->slots[i] != NULL) comm_broadcast(run->comm, trainer->slots[i], bytes, 0);
    comm_broadcast(run->comm, &trainer->progress, sizeof trainer->progress, 0);
    broadcast_series(run->comm, &trainer->history.epochs);
    broadcast_series(run->comm, &trainer->history.steps);
    trainer->progress.status = RUN_UNDER_WAY;
    return STATUS_OK;
}
