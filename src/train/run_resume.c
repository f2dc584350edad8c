/* Finding a checkpoint on rank 0, and giving what it holds to all ranks; see run_parts.h. */
#include <string.h>
#include <time.h>

#include "mnist_dist/base/log.h"
#include "run_parts.h"

bool run_is_done(const Config *config, const Progress *progress) {
    int64_t patience = config->training.early_stopping;
    return progress->epoch >= (uint64_t)config->training.epochs ||
           (patience > 0 && progress->stale_epochs >= (uint64_t)patience);
}

/* Whether the checkpoint may be gone on from under the run's configuration. */
static Status check_resume(const Run *run, const Checkpoint *checkpoint, const char *path) {
    const Progress *progress = &checkpoint->progress;
    uint64_t begun = progress->epoch + (progress->epoch_step > 0);
    Status status = config_compare(&checkpoint->config, run->config, path);
    if (status != STATUS_OK || progress->status == RUN_FINISHED) return status;
    if (begun <= (uint64_t)run->config->training.epochs) return STATUS_OK;
    return status_fail(
        STATUS_USAGE,
        "%s: %llu epochs are done or begun, which is more than training.epochs=%lld; "
        "give training.epochs=%llu or more, or train anew with --resume never",
        path, (unsigned long long)begun, (long long)run->config->training.epochs,
        (unsigned long long)begun);
}

Status run_find_newest(Checkpoint *checkpoint, bool *found, char *path, const Run *run) {
    Status status = checkpoint_read_newest(checkpoint, found, path, run->checkpoints);
    if (status != STATUS_OK || !*found) return status;
    return check_resume(run, checkpoint, path);
}

Status run_find_named(Checkpoint *checkpoint, const Run *run, const char *path) {
    Status status = checkpoint_read(checkpoint, path);
    return status == STATUS_OK ? check_resume(run, checkpoint, path) : status;
}

/* What messages call the checkpoint: the one that was named, or the run whose newest it is. */
static const char *resumed_from(const Run *run) {
    bool named = run_resume_kind(run->request) == RESUME_CHECKPOINT;
    return named ? run->request->resume : run->directory;
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

/* Rank 0: a checkpoint that somebody has edited may say what no run comes to, and the step and the
 * history rely on it. */
static Status check_progress(const Run *run, const Checkpoint *checkpoint) {
    const Progress *progress = &checkpoint->progress;
    const uint64_t each = run->trainer->steps_per_epoch;
    if (progress->epoch_step <= each && progress->step >= progress->epoch_step &&
        (progress->step - progress->epoch_step) / each == progress->epoch &&
        (progress->step - progress->epoch_step) % each == 0 &&
        checkpoint->history.steps.count == progress->step &&
        checkpoint->history.epochs.count == progress->epoch)
        return STATUS_OK;
    return status_fail(
        STATUS_CHECKPOINT,
        "%s: step %llu, epoch %llu and its step %llu do not belong together, or not to a history "
        "of %zu steps and %zu epochs; resume from another, or train anew with --resume never",
        resumed_from(run), (unsigned long long)progress->step, (unsigned long long)progress->epoch,
        (unsigned long long)progress->epoch_step, checkpoint->history.steps.count,
        checkpoint->history.epochs.count);
}

/* Rank 0: a run that goes on with its training says where it did. */
static Status note_restart(const Run *run, uint64_t diverged) {
    const Progress *progress = &run->trainer->progress;
    Restart restart = {(int64_t)progress->step, (int64_t)progress->epoch, (int64_t)time(NULL),
                       comm_size(run->comm), (int64_t)diverged};
    bool goes_on = progress->step > 0 && !run_is_done(run->config, progress);
    if (!goes_on && diverged == 0) return STATUS_OK;
    return history_add_restart(&run->trainer->history, &restart);
}

Status run_note_restart(Run *run, uint64_t diverged) {
    Status status = STATUS_OK;
    if (comm_rank(run->comm) == 0) status = note_restart(run, diverged);
    return comm_agree(run->comm, status);
}

/* Rank 0: moves what the checkpoint holds into the trainer. */
static Status fill_trainer(Run *run, Checkpoint *checkpoint) {
    Trainer *trainer = run->trainer;
    size_t bytes = model_parameter_count(run->model) * sizeof(float);
    Status status = check_data(run, checkpoint);
    if (status == STATUS_OK) status = check_progress(run, checkpoint);
    if (status != STATUS_OK) return status;
    run_warn_of_kernels(run, checkpoint);
    trainer->progress = checkpoint->progress;
    if (trainer_averages(trainer) != (checkpoint->live != NULL))
        return status_fail(STATUS_CHECKPOINT,
                           "%s: the checkpoint's weights are %s, at odds with its average.kind; "
                           "resume from another, or train anew with --resume never",
                           resumed_from(run),
                           checkpoint->live != NULL ? "an average" : "no average");
    memcpy(trainer->params, checkpoint->live != NULL ? checkpoint->live : checkpoint->params,
           bytes);
    if (checkpoint->live != NULL) memcpy(trainer->average, checkpoint->params, bytes);
    for (int i = 0; i < OPTIMIZER_MAX_SLOTS; i++)
        if (trainer->slots[i] != NULL) memcpy(trainer->slots[i], checkpoint->slots[i], bytes);
    history_destroy(&trainer->history);
    trainer->history = checkpoint->history;
    checkpoint->history = (History){0};
    run_best_from(run, checkpoint);
    if (trainer->window != NULL)
        return row_hashes_add(&run->trained, checkpoint->trained.values, checkpoint->trained.count);
    return STATUS_OK;
}

/* **Collective.** Gives rank 0's history to all. */
static Status broadcast_history(Comm *comm, History *history) {
    size_t epochs = history->epochs.count, steps = history->steps.count;
    comm_broadcast(comm, &epochs, sizeof epochs, 0);
    comm_broadcast(comm, &steps, sizeof steps, 0);
    Status status = comm_agree(comm, history_reserve(history, epochs, steps));
    if (status != STATUS_OK) return status;
    history->epochs.count = epochs;
    history->steps.count = steps;
    comm_broadcast(comm, history->epochs.values, epochs * EPOCH_QUANTITIES * sizeof(double), 0);
    comm_broadcast(comm, history->steps.values, steps * STEP_QUANTITIES * sizeof(double), 0);
    return STATUS_OK;
}

Status run_restore(Run *run, Checkpoint *checkpoint) {
    Trainer *trainer = run->trainer;
    Status status = STATUS_OK;
    if (comm_rank(run->comm) == 0) status = fill_trainer(run, checkpoint);
    status = comm_agree(run->comm, status);
    if (status != STATUS_OK) return status;

    trainer_spread(trainer);
    comm_broadcast(run->comm, &trainer->progress, sizeof trainer->progress, 0);
    trainer->progress.status = RUN_UNDER_WAY;
    return broadcast_history(run->comm, &trainer->history);
}
