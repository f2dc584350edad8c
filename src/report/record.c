/* Reading a run's directory; see the header.
 *
 * The newest checkpoint holds the best network too, so that best.h5 is read only where nothing else
 * is left. What is missing is gathered as sentences, for the page and for whoever
 * asked for it. */
#include "mnist_dist/report/record.h"

#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mnist_dist/train/checkpoint.h"
#include "mnist_dist/train/metrics.h"

/* Adds a sentence, the pending failure's line before it if there is one. */
static void note_missing(RunRecord *record, const char *format, ...) {
    char *text = record->missing;
    size_t size = sizeof record->missing, used = strlen(text);
    if (used > 0 && used < size - 1) used += (size_t)snprintf(text + used, size - used, "\n");
    const char *failure = status_message();
    if (*failure != '\0' && used < size)
        used += (size_t)snprintf(text + used, size - used, "%s; ", failure);
    status_clear();
    va_list arguments;
    va_start(arguments, format);
    if (used < size) vsnprintf(text + used, size - used, format, arguments);
    va_end(arguments);
}

static void join(char path[PATH_MAX], const RunRecord *record, const char *last) {
    snprintf(path, PATH_MAX, "%.*s/%s", PATH_MAX - 64, record->directory, last);
}

/* The directory without slashes at its end, and its last part, links and dots resolved. */
static Status name_run(RunRecord *record, const char *directory) {
    char whole[PATH_MAX];
    struct stat info;
    size_t length = strlen(directory);
    if (length >= PATH_MAX - 64)
        return status_fail(STATUS_USAGE, "%.200s...: the path is too long", directory);
    while (length > 1 && directory[length - 1] == '/') length--;
    snprintf(record->directory, sizeof record->directory, "%.*s", (int)length, directory);
    if (realpath(record->directory, whole) == NULL)
        return status_fail_errno(STATUS_USAGE, "%s: no run is there", record->directory);
    if (stat(whole, &info) != 0) return status_fail_errno(STATUS_FAILED, "%s", record->directory);
    if (!S_ISDIR(info.st_mode))
        return status_fail(STATUS_USAGE, "%s: is no folder; name a run's, runs/NAME say",
                           record->directory);
    snprintf(record->name, sizeof record->name, "%s", basename(whole));
    return STATUS_OK;
}

/* The newest checkpoint, or best.h5 where a copy has that one only. */
static Status read_newest(Checkpoint *checkpoint, const RunRecord *record) {
    char folder[PATH_MAX], path[PATH_MAX];
    bool found = false;
    join(folder, record, "checkpoints");
    Status status = checkpoint_read_newest(checkpoint, &found, path, folder);
    if (status != STATUS_OK || found) return status;
    join(path, record, "checkpoints/best.h5");
    if (access(path, F_OK) == 0) return checkpoint_read(checkpoint, path);
    return status_fail(STATUS_USAGE,
                       "%s: holds no run, or one without a checkpoint yet; name a run's folder, "
                       "runs/NAME say",
                       record->directory);
}

/* Takes what is shown out of a checkpoint. */
static Status take_checkpoint(RunRecord *record, Checkpoint *checkpoint) {
    record->config = checkpoint->config;
    record->progress = checkpoint->progress;
    record->ranks = checkpoint->ranks;
    record->threads = checkpoint->threads;
    record->labelled_rows = checkpoint->train_rows;
    memcpy(record->kernels, checkpoint->kernels, sizeof record->kernels);
    memcpy(record->machine, checkpoint->machine, sizeof record->machine);
    memcpy(record->program, checkpoint->program, sizeof record->program);
    memcpy(record->date, checkpoint->date, sizeof record->date);
    memcpy(record->data_fingerprint, checkpoint->data_fingerprint, DIGEST_TEXT);
    Status status = checkpoint_state_digest(record->digest, checkpoint);
    float **best = checkpoint->best != NULL ? &checkpoint->best : &checkpoint->params;
    if (record->progress.best_epoch > 0) {
        record->params = *best;
        *best = NULL;
    }
    record->model = checkpoint->model;
    record->history = checkpoint->history;
    checkpoint->model = NULL;
    checkpoint->history = (History){0};
    return status;
}

/* metrics.h5 of a run of which only best.h5 is left goes further than that. */
static void read_history(RunRecord *record) {
    char path[PATH_MAX];
    History history;
    join(path, record, "metrics.h5");
    if (metrics_read(&history, path) != STATUS_OK) {
        note_missing(record, "the curves are the newest checkpoint's");
        return;
    }
    history_destroy(&record->history);
    record->history = history;
}

static void note_rest(RunRecord *record, const char *path) {
    const Predictions *predictions = &record->predictions;
    if (predictions->held_out > predictions->validation.count)
        note_missing(record,
                     "%s has the first %zu of %llu held-out digits: pictures, confusion matrix and "
                     "calibration are of those",
                     path, predictions->validation.count,
                     (unsigned long long)predictions->held_out);
}

static void read_predictions(RunRecord *record) {
    static const char LOST[] = "no confusion matrix and no errors. Train with the run's own "
                               "configuration, --out and --resume CHECKPOINT, its newest: that "
                               "trains no more and writes the file";
    static const char AWAITED[] = "the confusion matrix and the errors come with the run's end, or "
                                  "with its checkpoints under output.report=checkpoints";
    char path[PATH_MAX];
    bool ended = record->progress.status == RUN_FINISHED;
    join(path, record, "predictions.h5");
    if (access(path, F_OK) != 0) {
        note_missing(record, "%s is not there%s: %s", path, ended ? "" : " yet",
                     ended ? LOST : AWAITED);
        return;
    }
    record->has_predictions = predictions_read(&record->predictions, path) == STATUS_OK;
    if (!record->has_predictions) note_missing(record, "%s", LOST);
    unsigned long long epoch = record->predictions.epoch, best = record->progress.best_epoch;
    if (record->has_predictions && epoch != best)
        note_missing(record,
                     "%s is of epoch %llu, and epoch %llu was better: errors and confusion matrix "
                     "are of the former",
                     path, epoch, best);
    note_rest(record, path);
}

Status run_record_read(RunRecord *record, const char *directory) {
    Checkpoint checkpoint = {0};
    Status status;
    memset(record, 0, sizeof *record);
    TRY(name_run(record, directory));
    TRY(read_newest(&checkpoint, record));
    TRY(take_checkpoint(record, &checkpoint));
    read_history(record);
    read_predictions(record);
cleanup:
    checkpoint_free(&checkpoint);
    if (status != STATUS_OK) run_record_free(record);
    return status;
}

void run_record_free(RunRecord *record) {
    history_destroy(&record->history);
    model_destroy(record->model);
    free(record->params);
    predictions_free(&record->predictions);
    memset(record, 0, sizeof *record);
}
