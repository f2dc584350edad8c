/* One epoch of a run: its steps, then what they came to; see run_parts.h.
 *
 * What all ranks decide alike at an epoch's end, the rate, the best network and whether to stop,
 * they decide from numbers that all of them hold. */
#include <math.h>

#include "mnist_dist/base/heartbeat.h"
#include "mnist_dist/base/timeline.h"
#include "run_parts.h"

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

Status run_epoch(Run *run) {
    Status status = train_steps(run);
    if (status == STATUS_OK) status = end_epoch(run);
    return status == STATUS_DIVERGED ? run_set_back(run) : status;
}
