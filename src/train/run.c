/* The order of a run: open, epochs, finish; see run.h. The rest is in the files that run_parts.h
 * lists. */
#include "mnist_dist/train/run.h"

#include <math.h>
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

static void start_epoch_clock(Run *run) {
    run->epoch_started = clock_seconds();
    run->epoch_images = 0;
    run_pace_start(run);
}

/* **Collective.** One step, of which it is noted when it was made and how long it took. */
static Status make_step(Run *run, Request *request) {
    double since = clock_seconds(), waited = heartbeat_waited();
    Status status = trainer_step(run->trainer, request);
    if (status != STATUS_OK) return status;
    double now = clock_seconds();
    timeline_add(TIMELINE_STEP, (uint32_t)run->trainer->progress.step, since, now);
    run_pace_add(run, now - since, heartbeat_waited() - waited);
    run_time_foresee(run, now - since);
    return STATUS_OK;
}

/* **Collective.** The steps that are left of the epoch under way. */
static Status train_steps(Run *run) {
    Trainer *trainer = run->trainer;
    const Progress *progress = &trainer->progress;
    uint64_t every = (uint64_t)run->config->checkpoint.every_steps;
    Status status = STATUS_OK;
    TRY(trainer_begin_epoch(trainer));
    start_epoch_clock(run);
    while (progress->epoch_step < trainer->steps_per_epoch) {
        Request request = REQUEST_NONE;
        int64_t seen = progress->running.count;
        TRY(make_step(run, &request));
        run->epoch_images += (uint64_t)(progress->running.count - seen);
        run_log_progress(run);
        run_note_write(run);
        if (request == REQUEST_STOP) return status_fail(STATUS_STOPPED, "stopped while training");
        bool due = every > 0 && progress->step % every == 0;
        if (!due && request != REQUEST_CHECKPOINT) continue;
        signals_done();
        TRY(run_save(run, RUN_UNDER_WAY, false));
    }
cleanup:
    return status;
}

/* The time of this rank's phases since the epoch before ended. */
static void note_phases(Run *run, double values[PHASE_COUNT]) {
    PhaseTimes times = trainer_times(run->trainer);
    for (int i = 0; i < PHASE_COUNT; i++) values[i] = times.seconds[i] - run->noted.seconds[i];
    run->noted = times;
}

/* Takes the epoch's figures into the history. */
static void note_epoch(Run *run, double rate, const Tally *validation, double seconds) {
    Trainer *trainer = run->trainer;
    const Tally *running = &trainer->progress.running;
    bool validates = validation->count > 0;
    double values[EPOCH_QUANTITIES] = {
        [EPOCH_ACCURACY] = tally_accuracy(running),
        [EPOCH_LOSS] = tally_loss(running),
        [EPOCH_VAL_ACCURACY] = validates ? tally_accuracy(validation) : NAN,
        [EPOCH_VAL_LOSS] = validates ? tally_loss(validation) : NAN,
        [EPOCH_LEARNING_RATE] = rate,
        [EPOCH_SECONDS] = seconds,
        [EPOCH_IMAGES_PER_SECOND] = seconds > 0 ? (double)run->epoch_images / seconds : 0.0,
    };
    note_phases(run, values + EPOCH_PHASES);
    history_add_epoch(&trainer->history, values);
}

/* Moves the progress to the next epoch. Returns whether this one was the best; *rate_fell says
 * whether the learning rate did. `accuracy` is what is watched; NaN if nothing is this time. */
static bool advance_epoch(Trainer *trainer, double accuracy, bool *rate_fell) {
    Progress *progress = &trainer->progress;
    const Config *config = trainer->config;
    progress->epoch++;
    progress->epoch_step = 0;
    progress->running = (Tally){0};
    progress->stale_epochs++;
    *rate_fell = false;
    if (isnan(accuracy)) return false;
    *rate_fell = schedule_epoch_end(&config->schedule, config_base_rate(config), &progress->plateau,
                                    accuracy);
    if (accuracy <= progress->best_accuracy) return false;
    progress->best_accuracy = accuracy;
    progress->best_epoch = progress->epoch;
    progress->stale_epochs = 0;
    return true;
}

/* Whether epoch `epoch`, counted from 1, is one of every so many; none is if that is 0. */
static bool is_due(uint64_t epoch, int64_t every) {
    return every > 0 && epoch % (uint64_t)every == 0;
}

/* Whether the epoch that ends is one that is judged. */
static bool is_judged(const Run *run) {
    const TrainingOptions *training = &run->config->training;
    uint64_t epoch = run->trainer->progress.epoch + 1;
    return is_due(epoch, training->validate_every) || epoch == (uint64_t)training->epochs;
}

/* **Collective.** The validation rows' tally after the epoch that ends, or an empty one if it is
 * not judged. */
static Status validate(Run *run, Tally *validation) {
    Trainer *trainer = run->trainer;
    EvaluationImages images = workload_validation(&run->workload);
    double since = clock_seconds();
    *validation = (Tally){0};
    if (!is_judged(run)) return STATUS_OK;
    Status status = trainer_measure_average(trainer);
    if (status != STATUS_OK) return status;
    status = evaluator_run(run->evaluator, validation, run->probabilities, trainer_weights(trainer),
                           &images);
    trainer_lap(trainer, PHASE_EVALUATE, since);
    return status == STATUS_OK && !isfinite(validation->loss) ? run_name_digits(run) : status;
}

/* The accuracy that decides what is best: that of training where no rows are held out; NaN of an
 * epoch that is not judged. */
static double watched_accuracy(const Run *run, const Tally *validation) {
    bool held_out = run->workload.split.validation_count > 0;
    if (!is_judged(run)) return NAN;
    return tally_accuracy(held_out ? validation : &run->trainer->progress.running);
}

/* **Collective.** Evaluates, decides what all ranks decide alike, and writes it all down. */
static Status end_epoch(Run *run) {
    Trainer *trainer = run->trainer;
    double seconds = clock_seconds() - run->epoch_started;
    Tally validation;
    trainer_gather_average(trainer);
    Status status = trainer_check(trainer);
    if (status == STATUS_OK) status = validate(run, &validation);
    if (status != STATUS_OK) return status;

    const History *history = &trainer->history;
    double rate = history_step(history, history->steps.count - 1, STEP_LEARNING_RATE);
    note_epoch(run, rate, &validation, seconds);
    bool rate_fell = false;
    bool best = advance_epoch(trainer, watched_accuracy(run, &validation), &rate_fell);
    if (best && comm_rank(run->comm) == 0) {
        run_best_is_now(run);
        if (run->probabilities != NULL) run_write_predictions(run, run->probabilities);
    }
    run_log_epoch(run, rate_fell, best);
    status = run_name_slowest(run);
    if (status != STATUS_OK) return status;
    /* A run that may go back does so to the last epoch's end, whatever is kept of the others. */
    bool due = best || run->config->training.divergence_retries > 0 ||
               is_due(trainer->progress.epoch, run->config->checkpoint.every_epochs);
    if (!due) return STATUS_OK;
    return run_save(run, RUN_UNDER_WAY, best);
}

/* **Collective.** What is left of the epoch under way; or, if it diverges, the way back. */
static Status train_epoch(Run *run) {
    Status status = train_steps(run);
    if (status == STATUS_OK) status = end_epoch(run);
    return status == STATUS_DIVERGED ? run_set_back(run) : status;
}

/* **Collective.** All epochs that are left, then the end. */
static Status train_epochs(Run *run) {
    Status status = STATUS_OK;
    heartbeat_step(run->trainer->progress.step);
    timeline_add(PHASE_START, 0, run->timeline.begin, clock_seconds());
    while (!run_is_done(run->config, &run->trainer->progress)) TRY(train_epoch(run));
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
    if (finished)
        log_line("nothing is left to be done; train anew with --resume never");
    else
        status = go(&run, &checkpoint, found, &request);
cleanup:
    checkpoint_free(&checkpoint);
    close_run(&run);
    run_timeline_finish(&run);
    return status;
}
