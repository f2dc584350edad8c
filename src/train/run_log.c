/* What a person sees of a run: a heading, a progress line, a line per epoch, the result; and the
 * file from which others see how far it is. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "mnist_dist/base/log.h"
#include "mnist_dist/train/live.h"
#include "run_parts.h"

enum { BAR_WIDTH = 20 };
static const double REDRAW_SECONDS = 0.1, LIVE_SECONDS = 1.0;

/* "kernels: conv2d direct avx512, conv2d_1 winograd avx512 ..." */
static void log_kernels(const Model *model) {
    char line[4096] = "";
    size_t used = 0;
    for (size_t i = 0; i < model_layer_count(model); i++) {
        const char *kernel = model_layer_kernel(model, i);
        if (kernel == NULL || used >= sizeof line) continue;
        int wrote = snprintf(line + used, sizeof line - used, "%s%s %s", used > 0 ? ", " : "",
                             model_layer_name(model, i), kernel);
        used += (size_t)wrote;
    }
    log_line("kernels: %s", line);
}

void run_log_start(const Run *run, const char *model_table) {
    const Config *config = run->config;
    const Workload *workload = &run->workload;
    char mpi[64], date[21];
    comm_describe(mpi);
    clock_date(date);
    log_line("mnist_dist %s, %s: %d rank%s with %lld thread%s, %lld shards; %s", MNIST_DIST_VERSION,
             date, comm_size(run->comm), comm_size(run->comm) > 1 ? "s" : "",
             (long long)config->training.threads, config->training.threads > 1 ? "s" : "",
             (long long)config->training.shards, mpi);
    log_line("data: %s, %zu rows to train on, %zu held out, %zu to predict", config->data.path,
             workload->split.train_count, workload->split.validation_count,
             workload->dataset.info.test_rows);
    log_kernels(run->model);
    log_line("run: %s", run->directory);
    log_line("%s", model_table);
}

static void draw_bar(char bar[BAR_WIDTH + 1], double share) {
    int filled = (int)(share * BAR_WIDTH);
    for (int i = 0; i < BAR_WIDTH; i++) bar[i] = (char)(i < filled ? '=' : i == filled ? '>' : ' ');
    bar[BAR_WIDTH] = '\0';
}

/* How far the run is now. */
static Live live_now(const Run *run, double now) {
    const Progress *progress = &run->trainer->progress;
    double seconds = now - run->epoch_started;
    return (Live){.epoch = progress->epoch,
                  .epochs = (uint64_t)run->config->training.epochs,
                  .step = progress->epoch_step,
                  .steps = run->trainer->steps_per_epoch,
                  .batch_size = (uint64_t)(run->config->training.batch_size *
                                           run->config->training.accumulate),
                  .images_per_second = seconds > 0 ? (double)run->epoch_images / seconds : 0.0,
                  .loss = tally_loss(&progress->running),
                  .accuracy = tally_accuracy(&progress->running),
                  .learning_rate = run->trainer->rate};
}

static void draw_progress(const Live *live) {
    double images_left = (double)(live->steps - live->step) * (double)live->batch_size;
    char bar[BAR_WIDTH + 1];
    draw_bar(bar, (double)live->step / (double)live->steps);
    log_progress("epoch %llu/%llu [%s] %llu/%llu  %.0f images/s  loss %.4f  accuracy %.2f %%  "
                 "%.0f s left",
                 (unsigned long long)live->epoch + 1, (unsigned long long)live->epochs, bar,
                 (unsigned long long)live->step, (unsigned long long)live->steps,
                 live->images_per_second, live->loss, 100.0 * live->accuracy,
                 images_left / live->images_per_second);
}

void run_log_progress(Run *run) {
    if (comm_rank(run->comm) != 0) return;
    double now = clock_seconds();
    bool ended = run->trainer->progress.epoch_step == run->trainer->steps_per_epoch;
    bool draws = log_is_watched() && now - run->drawn >= REDRAW_SECONDS;
    bool writes = ended || now - run->shown >= LIVE_SECONDS;
    if (!draws && !writes) return;
    Live live = live_now(run, now);
    if (draws) draw_progress(&live), run->drawn = now;
    if (writes) live_write(run->directory, &live), run->shown = now;
}

/* Without its lock the folder may be another run's. */
void run_log_end(const Run *run, Status status) {
    if (comm_rank(run->comm) != 0 || lock_is_lost(run->lock)) return;
    Live live = live_now(run, clock_seconds());
    live.state = status == STATUS_OK        ? LIVE_FINISHED
                 : status == STATUS_STOPPED ? LIVE_STOPPED
                                            : LIVE_FAILED;
    live_write(run->directory, &live);
}

void run_log_finished(const Run *run, const Checkpoint *last) {
    Live live;
    if (comm_rank(run->comm) != 0) return;
    bool told = live_read(&live, run->directory);
    if (told && live.state == LIVE_FINISHED) return;
    if (!told) /* it is not durable, so that a node that went down may have lost it */
        live = (Live){.epoch = last->progress.epoch,
                      .epochs = (uint64_t)last->config.training.epochs,
                      .batch_size = (uint64_t)last->config.training.batch_size};
    if (run->config->output.report != REPORT_NEVER && run->request->report != NULL)
        run->request->report(run->directory);
    live.state = LIVE_FINISHED;
    live_write(run->directory, &live);
}

void run_log_epoch(const Run *run, bool rate_fell, bool best) {
    const History *history = &run->trainer->history;
    size_t last = history->epochs.count - 1;
    char validation[96] = "";
    if (!isnan(history_epoch(history, last, EPOCH_VAL_ACCURACY)))
        snprintf(validation, sizeof validation, "  val_loss %.4f  val_accuracy %.2f %%",
                 history_epoch(history, last, EPOCH_VAL_LOSS),
                 100.0 * history_epoch(history, last, EPOCH_VAL_ACCURACY));
    log_line("epoch %2zu/%lld: loss %.4f  accuracy %.2f %%%s  rate %.3g  %.0f images/s  %.1f s%s%s",
             last + 1, (long long)run->config->training.epochs,
             history_epoch(history, last, EPOCH_LOSS),
             100.0 * history_epoch(history, last, EPOCH_ACCURACY), validation,
             history_epoch(history, last, EPOCH_LEARNING_RATE),
             history_epoch(history, last, EPOCH_IMAGES_PER_SECOND),
             history_epoch(history, last, EPOCH_SECONDS), best ? "  best so far" : "",
             rate_fell ? "  rate falls" : "");
}

/* Where rank 0's time went. */
void run_log_times(const Run *run) {
    PhaseTimes times = trainer_times(run->trainer);
    char text[256] = "";
    double all = 0.0;
    for (int i = 0; i < PHASE_COUNT; i++) all += times.seconds[i];
    for (Phase i = 0; i < PHASE_COUNT; i++) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s%s %.1f %%", i > 0 ? ", " : "", phase_name(i),
                 100.0 * times.seconds[i] / all);
    }
    log_line("time: %s", text);
}

void run_log_result(const Checkpoint *checkpoint, const char *directory) {
    const Progress *progress = &checkpoint->progress;
    const History *history = &checkpoint->history;
    size_t epochs = history->epochs.count;
    bool validates = epochs > 0 && !isnan(history_epoch(history, epochs - 1, EPOCH_VAL_ACCURACY));
    char digest[DIGEST_TEXT];
    if (checkpoint_state_digest(digest, checkpoint) != STATUS_OK) digest[0] = '\0';
    log_line("%s: finished after %llu epochs, %llu steps; best %s accuracy %.2f %% in epoch %llu",
             directory, (unsigned long long)progress->epoch, (unsigned long long)progress->step,
             validates ? "validation" : "training", 100.0 * progress->best_accuracy,
             (unsigned long long)progress->best_epoch);
    log_line("state digest %s", digest);
}
