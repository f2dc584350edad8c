/* The order of a run: open, epochs, finish; see run.h. The rest is in the files that run_parts.h
 * lists. */
#include "mnist_dist/train/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mnist_dist/base/heartbeat.h"
#include "mnist_dist/base/log.h"
#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/safefile.h"
#include "mnist_dist/base/timeline.h"
#include "mnist_dist/dist/watchdog.h"
#include "run_writer.h"

static void open_log(const Run *run) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/log.txt", run->directory);
    log_open(path);
}

/* Rank 0: chooses the directory, opens its log and finds the checkpoint to go on from, if any. */
static Status open_directory(Run *run, Checkpoint *checkpoint, bool *found,
                             const RunRequest *request) {
    char path[PATH_MAX];
    bool named = run_resume_kind(request) == RESUME_CHECKPOINT;
    Status status = STATUS_OK;
    if (named) TRY(run_find_named(checkpoint, run, request->resume));
    TRY(run_choose_directory(run, request, named ? &checkpoint->progress : NULL));
    TRY(run_lock(run));
    open_log(run);
    *found = named;
    snprintf(path, sizeof path, "%s", request->resume);
    if (!named) TRY(run_find_newest(checkpoint, found, path, run));
    if (*found)
        log_line("resuming from %s: %llu epochs and %llu steps are done", path,
                 (unsigned long long)checkpoint->progress.epoch,
                 (unsigned long long)checkpoint->progress.step);
cleanup:
    return status;
}

/* Rank 0: the configuration as it took effect. */
static Status write_config(const Run *run) {
    char path[PATH_MAX], *text = NULL;
    snprintf(path, sizeof path, "%s/config.yaml", run->directory);
    Status status = config_write(&text, run->config);
    if (status == STATUS_OK) status = safefile_write(path, text, strlen(text), STATUS_FAILED);
    free(text);
    return status;
}

/* What is kept of the run beside its replica: by rank 0 alone, but for the probabilities. */
static Status prepare_records(Run *run) {
    const Workload *workload = &run->workload;
    Status status = STATUS_OK;
    if (run->config->output.report == REPORT_AT_CHECKPOINTS &&
        workload->split.validation_count <= RUN_SHOWN)
        TRY(MEMORY_NEW(&run->probabilities, workload->split.validation_count * DIGIT_CLASSES));
    if (comm_rank(run->comm) != 0) return STATUS_OK;
    TRY(MEMORY_NEW(&run->best, model_parameter_count(run->model)));
    if (workload->reader == NULL)
        TRY(row_hashes_new(&run->trained, workload->dataset.train_images, workload->split.train,
                           workload->split.train_count));
    TRY(run_writer_new(&run->writer, run));
cleanup:
    return status;
}

/* **Collective.** Data, model, and all memory of the run. */
static Status prepare(Run *run) {
    const Config *config = run->config;
    Status status = STATUS_OK;
    TRY(comm_agree(run->comm, model_new(&run->model, &config->model)));
    TRY(run_check_kernels(run));
    TRY(workload_load(&run->workload, run->comm, &config->data, config_held_out_fold(config)));
    TRY(comm_agree(run->comm, pool_new(&run->pool, (size_t)config->training.threads)));
    TRY(trainer_new(&run->trainer, run->comm, run->pool, config, run->model, &run->workload));
    TRY(evaluator_new(&run->evaluator, run->comm, run->pool, run->model,
                      (size_t)config->average.views, signals_stop_pending));
    TRY(comm_agree(run->comm, prepare_records(run)));
cleanup:
    return status;
}

/* **Collective.** Now that nothing is refused any more: what the run is, on paper and on screen. */
static Status announce(const Run *run) {
    char *table = NULL;
    Status status = model_summary(&table, run->model);
    if (status == STATUS_OK && comm_rank(run->comm) == 0) {
        status = write_config(run);
        run_point_latest(run->directory);
    }
    if (status == STATUS_OK) run_log_start(run, table);
    run_warn_of_processors(run);
    free(table);
    return comm_agree(run->comm, status);
}

/* **Collective.** All epochs that are left, then the end. */
static Status train_epochs(Run *run) {
    Status status = STATUS_OK;
    heartbeat_step(run->trainer->progress.step);
    timeline_add(PHASE_START, 0, run->timeline.begin, clock_seconds());
    while (!run_is_done(run->config, &run->trainer->progress)) TRY(run_epoch(run));
    TRY(run_finish(run));
    Checkpoint result = run_snapshot(run, RUN_FINISHED);
    run_log_times(run);
    if (comm_rank(run->comm) == 0) run_log_result(&result, run->directory);
cleanup:
    return status;
}

/* **Collective.** After a stop was asked for: a checkpoint that says so. */
static Status save_stop(Run *run) {
    const Progress *progress = &run->trainer->progress;
    status_clear();
    Status status = run_save(run, RUN_STOPPED, false);
    if (status == STATUS_DIVERGED) status = run_set_back(run);
    if (status != STATUS_OK) return status;
    return status_fail(STATUS_STOPPED,
                       "%s: stopped %s in epoch %llu after step %llu, with a checkpoint "
                       "written; run the same command to go on",
                       run->directory, signals_stop_reason(),
                       (unsigned long long)progress->epoch + (progress->epoch_step > 0),
                       (unsigned long long)progress->step);
}

/* **Collective.** After rows could not be read, whose line is pending on all ranks: a checkpoint.
 */
static Status save_unread(Run *run) {
    char line[1024];
    snprintf(line, sizeof line, "%s", status_message());
    status_clear();
    Status status = run_save(run, RUN_STOPPED, false);
    if (status != STATUS_OK) return status;
    return status_fail(STATUS_DATA,
                       "%s; %s has a checkpoint of step %llu: mend the file and run the same "
                       "command to go on",
                       line, run->directory, (unsigned long long)run->trainer->progress.step);
}

/* **Collective.** What rank 0 found out is made known to all. */
static Status agree_on_start(Run *run, bool *found, bool *finished, Status status) {
    status = comm_agree(run->comm, status);
    if (status != STATUS_OK) return status;
    comm_broadcast(run->comm, run->directory, sizeof run->directory, 0);
    comm_broadcast(run->comm, run->checkpoints, sizeof run->checkpoints, 0);
    *found = comm_max(run->comm, *found) != 0;
    *finished = comm_max(run->comm, *finished) != 0;
    return STATUS_OK;
}

/* **Collective.** Goes on from rank 0's checkpoint. */
static Status restore(Run *run, Checkpoint *checkpoint, const RunRequest *request) {
    Status status = run_restore(run, checkpoint);
    if (status == STATUS_OK) status = run_note_restart(run, 0);
    if (status != STATUS_OK || comm_rank(run->comm) != 0) return status;
    if (run_resume_kind(request) != RESUME_CHECKPOINT) return status;
    Checkpoint restored = run_snapshot(run, RUN_UNDER_WAY);
    run_best_adopt(run, &restored, request->resume);
    run_setback_adopt(run, &restored, request->resume);
    return status;
}

static void close_run(Run *run) {
    run_writer_destroy(run->writer);
    lock_release(run->lock);
    checkpoint_free(&run->start);
    free(run->best);
    row_hashes_free(&run->trained);
    free(run->probabilities);
    evaluator_destroy(run->evaluator);
    trainer_destroy(run->trainer);
    workload_destroy(&run->workload);
    model_destroy(run->model);
    pool_destroy(run->pool);
}

/* A rank that hangs is said in the run's log too. */
static void watch(const Run *run) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/log.txt", run->directory);
    watchdog_limit((double)run->config->training.hang_timeout, path);
}

/* **Collective.** Rank 0 opens the run's directory and finds the checkpoint to go on from, if any;
 * *finished is whether nothing is left to be done. */
static Status open_run(Run *run, Checkpoint *checkpoint, bool *found, bool *finished,
                       const RunRequest *request) {
    Status status = STATUS_OK;
    *found = *finished = false;
    if (comm_rank(run->comm) == 0) {
        status = open_directory(run, checkpoint, found, request);
        /* One named by the user is finished once more: its predictions are wanted here. */
        *finished = *found && run_resume_kind(request) == RESUME_AUTO &&
                    checkpoint->progress.status == RUN_FINISHED &&
                    run_is_done(run->config, &checkpoint->progress);
        if (*finished) run_log_result(checkpoint, run->directory);
    }
    status = agree_on_start(run, found, finished, status);
    if (status == STATUS_OK) watch(run);
    return status;
}

/* **Collective.** From the data and the first weights, or the checkpoint's, to the end. */
static Status go(Run *run, Checkpoint *checkpoint, bool found, const RunRequest *request) {
    Status status;
    TRY(prepare(run));
    if (found)
        TRY(restore(run, checkpoint, request));
    else
        run_start_over(run);
    TRY(announce(run));
    status = train_epochs(run);
    if (status == STATUS_STOPPED) status = save_stop(run);
    if (status == STATUS_DATA) status = save_unread(run);
    run_log_end(run, status);
cleanup:
    return status;
}

Status run_train(Comm *comm, const Config *given, const RunRequest *asked) {
    Config config = *given;
    RunRequest request = *asked;
    Run run = {.comm = comm, .config = &config, .request = &request};
    Checkpoint checkpoint = {0};
    bool found = false, finished = false;
    Status status;
    run_time_start(&run, request.seconds);
    heartbeat_phase(PHASE_START);
    TRY(run_timeline_start(&run));
    watchdog_limit((double)config.training.hang_timeout, "");
    TRY(run_find_start(&run, &config, &request));
    TRY(open_run(&run, &checkpoint, &found, &finished, &request));
    if (!finished) {
        status = go(&run, &checkpoint, found, &request);
        goto cleanup;
    }
    log_line("nothing is left to be done; train anew with --resume never");
    run_log_finished(&run, &checkpoint);
cleanup:
    checkpoint_free(&checkpoint);
    close_run(&run);
    run_timeline_finish(&run);
    return status;
}
