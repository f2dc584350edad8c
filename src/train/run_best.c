/* The best network so far; see run_parts.h.
 *
 * best.h5 is for people and for other programs. A run does not depend on it: each checkpoint holds
 * the best parameters too, so that one step file alone is enough to go on from and to end with the
 * predictions of a run that was never stopped. */
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "mnist_dist/base/log.h"
#include "run_parts.h"

bool run_best_is_current(const Progress *progress) {
    return progress->epoch_step == 0 && progress->epoch == progress->best_epoch;
}

void run_best_is_now(Run *run) {
    memcpy(run->best, trainer_weights(run->trainer),
           model_parameter_count(run->model) * sizeof(float));
}

void run_best_from(Run *run, const Checkpoint *checkpoint) {
    const float *best = checkpoint->best != NULL ? checkpoint->best : checkpoint->params;
    memcpy(run->best, best, model_parameter_count(run->model) * sizeof(float));
}

static bool same_file(const char *a, const char *b) {
    struct stat one, other;
    return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev &&
           one.st_ino == other.st_ino;
}

/* Copies best.h5 from beside the checkpoint, if it is of the epoch that the checkpoint names. */
static Status copy_best(const Checkpoint *checkpoint, const char *from, const char *to) {
    Checkpoint best = {0};
    Status status = checkpoint_read(&best, from);
    if (status == STATUS_OK && best.progress.epoch != checkpoint->progress.best_epoch)
        status = status_fail(STATUS_CHECKPOINT, "%s: is of epoch %llu", from,
                             (unsigned long long)best.progress.epoch);
    best.lock = checkpoint->lock;
    if (status == STATUS_OK) status = checkpoint_write(&best, to);
    checkpoint_free(&best);
    return status;
}

void run_best_adopt(const Run *run, const Checkpoint *checkpoint, const char *path) {
    char folder[PATH_MAX], from[PATH_MAX], to[PATH_MAX];
    const Progress *progress = &checkpoint->progress;
    if (progress->best_epoch == 0) return;
    snprintf(folder, sizeof folder, "%s", path);
    snprintf(from, sizeof from, "%.*s/best.h5", PATH_MAX - 16, dirname(folder));
    snprintf(to, sizeof to, "%s/best.h5", run->checkpoints);
    if (same_file(from, to)) return;
    Status status = run_best_is_current(progress) ? checkpoint_write(checkpoint, to)
                                                  : copy_best(checkpoint, from, to);
    if (status == STATUS_OK) return;
    log_warning("%s; there is no best.h5 of epoch %llu until an epoch is better", status_message(),
                (unsigned long long)progress->best_epoch);
    status_clear();
}
