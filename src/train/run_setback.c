/* Going back after a divergence; see run_parts.h.
 *
 * The run goes back to an epoch's end, since checkpoints within an epoch are there or not depending
 * on when somebody asked; while training.divergence_retries allows it, one is written at each
 * epoch's end and the newest of them is never removed. How often it went back is part of Progress,
 * and halves the rate of every schedule, so that the answer is the same on any number of ranks.
 *
 * It is also the same if the run is killed on the way. Settled, it removes the step files of the
 * abandoned branch, and best.h5 if that is of it, and only then writes the checkpoint that it went
 * back to, with the new count, over the old one. Whatever is found after a kill is a state before
 * the divergence, which then comes again in the same step, or the one after the return. Refused:
 * the newest checkpoint of any kind (see above); a copy of the state in memory, which a resume
 * within an epoch would not have. */
#include <errno.h>
#include <libgen.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mnist_dist/base/log.h"
#include "run_parts.h"

/* Rank 0: the newest checkpoint of an epoch's end, if there is any; refuses one that is not of this
 * run. */
static Status find_epoch_end(Checkpoint *checkpoint, bool *found, const Run *run,
                             const char *folder, uint64_t most) {
    char path[PATH_MAX];
    Status status = checkpoint_read_epoch_end(checkpoint, found, path, folder,
                                              run->trainer->steps_per_epoch, most);
    if (status != STATUS_OK || !*found) return status;
    return config_compare(&checkpoint->config, run->config, path);
}

/* The restarts since then stay on record. */
static void keep_restarts(History *then, History *now) {
    free(then->restarts);
    then->restarts = now->restarts;
    then->restart_count = now->restart_count;
    now->restarts = NULL;
    now->restart_count = 0;
}

/* **Collective.** Replaces the state by that of the last epoch's end, or of the start. */
static Status go_back(Run *run) {
    Trainer *trainer = run->trainer;
    Checkpoint checkpoint = {0};
    bool found = false;
    Status status = STATUS_OK;
    if (comm_rank(run->comm) == 0) {
        run_settle(run);
        status = find_epoch_end(&checkpoint, &found, run, run->checkpoints, trainer->progress.step);
        if (found) keep_restarts(&checkpoint.history, &trainer->history);
    }
    TRY(comm_agree(run->comm, status));
    if (comm_max(run->comm, found) != 0) {
        status = run_restore(run, &checkpoint);
    } else {
        trainer_restart(trainer);
        run_start_over(run);
    }
cleanup:
    checkpoint_free(&checkpoint);
    return status;
}

/* Rank 0: removes what is of later steps than the run has now; `best` was the best epoch of that
 * branch. Returns whether best.h5 is gone, too. */
static bool prune_branch(const Run *run, uint64_t best) {
    char path[PATH_MAX];
    const Progress *progress = &run->trainer->progress;
    checkpoint_remove_later(run->checkpoints, progress->step);
    if (best <= progress->epoch) return false;
    snprintf(path, sizeof path, "%s/best.h5", run->checkpoints);
    if (unlink(path) != 0 && errno != ENOENT)
        log_warning("%s: cannot be removed: %s", path, strerror(errno));
    return true;
}

/* The reason's line goes on, and is pending no more. */
static void announce(const Run *run, const char *reason) {
    const Progress *progress = &run->trainer->progress;
    char where[96] = "the initial weights";
    if (progress->epoch > 0)
        snprintf(where, sizeof where, "the end of epoch %llu, step %llu",
                 (unsigned long long)progress->epoch, (unsigned long long)progress->step);
    log_warning("%s; going back to %s, with %g of the learning rate (setback %llu of %lld)", reason,
                where, ldexp(1.0, -(int)progress->setbacks), (unsigned long long)progress->setbacks,
                (long long)run->config->training.divergence_retries);
}

static Status give_up(const Run *run, const char *reason) {
    uint64_t setbacks = run->trainer->progress.setbacks;
    if (setbacks == 0)
        return status_fail(STATUS_DIVERGED,
                           "%s; lower optimizer.learning_rate, or give "
                           "training.divergence_retries=3 to go back by itself",
                           reason);
    return status_fail(
        STATUS_DIVERGED,
        "%s, after %llu setback%s; lower optimizer.learning_rate and train anew with "
        "--resume never, or raise training.divergence_retries",
        reason, (unsigned long long)setbacks, setbacks > 1 ? "s" : "");
}

Status run_set_back(Run *run) {
    Progress *progress = &run->trainer->progress;
    const uint64_t setbacks = progress->setbacks + 1, best = progress->best_epoch;
    const uint64_t diverged = progress->step + 1;
    char reason[1024];
    bool best_is_gone = false;
    Status status;
    snprintf(reason, sizeof reason, "%s", status_message());
    status_clear();
    if (setbacks > (uint64_t)run->config->training.divergence_retries) return give_up(run, reason);
    TRY(go_back(run));
    progress->setbacks = setbacks;
    TRY(run_note_restart(run, diverged));
    announce(run, reason);
    if (comm_rank(run->comm) == 0) best_is_gone = prune_branch(run, best);
    run->lacks_best |= best_is_gone && progress->best_epoch > 0;
    status = run_save(run, RUN_UNDER_WAY, best_is_gone && run_best_is_current(progress));
cleanup:
    return status;
}

/* Copies the checkpoint of the last epoch's end from beside the one named. */
static Status copy_epoch_end(bool *found, const Run *run, const char *path, uint64_t step) {
    char folder[PATH_MAX], to[PATH_MAX];
    Checkpoint checkpoint = {0};
    Status status;
    snprintf(folder, sizeof folder, "%s", path);
    TRY(find_epoch_end(&checkpoint, found, run, dirname(folder), step));
    if (!*found) goto cleanup;
    checkpoint_step_path(to, run->checkpoints, checkpoint.progress.step);
    if (access(to, F_OK) != 0) status = checkpoint_write(&checkpoint, to);
cleanup:
    checkpoint_free(&checkpoint);
    return status;
}

void run_setback_adopt(const Run *run, const Checkpoint *checkpoint, const char *path) {
    char to[PATH_MAX];
    const Progress *progress = &checkpoint->progress;
    bool found = true;
    Status status = STATUS_OK;
    if (run->config->training.divergence_retries == 0) return;
    checkpoint_step_path(to, run->checkpoints, progress->step);
    if (progress->epoch_step > 0)
        status = copy_epoch_end(&found, run, path, progress->step);
    else if (access(to, F_OK) != 0)
        status = checkpoint_write(checkpoint, to);
    if (status == STATUS_OK && found) return;
    log_warning("%s: %s; a divergence in epoch %llu goes back to the initial weights", path,
                status == STATUS_OK ? "no checkpoint of an epoch's end stands beside it"
                                    : status_message(),
                (unsigned long long)progress->epoch + 1);
    status_clear();
}
