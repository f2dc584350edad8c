/* When checkpoints are written, and what becomes of failures; see run_parts.h.
 *
 * Rank 0 copies the state and trains on while its writer (run_writer.c) brings it to the disk. The
 * outcome is heard of after the step in which the write ended, or when the next one is due. After
 * a failure each write is waited for until one succeeds, so that the third failure in a row ends
 * the run where it happens. */
#include <stdio.h>
#include <string.h>

#include "mnist_dist/base/heartbeat.h"
#include "mnist_dist/base/log.h"
#include "mnist_dist/base/machine.h"
#include "run_writer.h"
#include "window.h"

enum { FAILED_SAVES_IN_A_ROW = 3 };

Checkpoint run_snapshot(const Run *run, RunStatus mark) {
    const Trainer *trainer = run->trainer;
    bool averages = trainer_averages(trainer);
    const DatasetInfo *info = &run->workload.dataset.info;
    Checkpoint checkpoint = {
        .config = *run->config,
        .model = run->model,
        .parameter_count = model_parameter_count(run->model),
        .params = averages ? trainer->average : trainer->params,
        .live = averages ? trainer->params : NULL,
        .best = run_best_is_current(&trainer->progress) ? NULL : run->best,
        .progress = trainer->progress,
        .history = trainer->history,
        .trained = run->trained,
        .train_rows = info->train_rows,
        .ranks = comm_size(run->comm),
        .threads = (int)pool_threads(run->pool),
        .lock = run->lock,
    };
    memcpy(checkpoint.slots, trainer->slots, sizeof checkpoint.slots);
    memcpy(checkpoint.data_fingerprint, info->fingerprint, sizeof checkpoint.data_fingerprint);
    model_describe_kernels(checkpoint.kernels, run->model);
    machine_describe(checkpoint.machine);
    checkpoint.progress.status = mark;
    return checkpoint;
}

/* Rank 0, after a failed write: whether that ends the run. It is warned of otherwise. */
static Status judge_failure(Run *run, bool needed) {
    run->failed_saves++;
    if (lock_is_lost(run->lock)) return STATUS_CHECKPOINT;
    if (!needed && run->failed_saves < FAILED_SAVES_IN_A_ROW) {
        log_warning("%s; the training goes on", status_message());
        status_clear();
        return STATUS_OK;
    }
    char reason[1024];
    snprintf(reason, sizeof reason, "%s", status_message());
    status_clear();
    return status_fail(STATUS_CHECKPOINT,
                       "%s; mend that and run again to go on from the last checkpoint", reason);
}

/* Rank 0: waits for the write under way, if any. */
static Status hear_of_write(Run *run, bool needed) {
    if (!run->writing) return STATUS_OK;
    run->writing = false;
    if (run_writer_wait(run->writer) != STATUS_OK) {
        run->lacks_best |= run->writes_best;
        return judge_failure(run, needed);
    }
    run->lacks_best &= !run->writes_best;
    run->failed_saves = 0;
    return STATUS_OK;
}

void run_settle(Run *run) {
    if (hear_of_write(run, false) != STATUS_OK) status_clear();
}

void run_note_write(Run *run) {
    if (run->writing && run_writer_is_idle(run->writer)) run_settle(run);
}

/* Rank 0. A stop and the end cannot do without their checkpoint. */
static Status save(Run *run, RunStatus mark, bool best) {
    bool needed = mark != RUN_UNDER_WAY;
    Status status = hear_of_write(run, false);
    const Window *window = run->trainer->window;
    if (status == STATUS_OK && window != NULL) status = window_add_hashes(&run->trained, window);
    if (status != STATUS_OK) return status;
    Checkpoint now = run_snapshot(run, mark);
    run->writes_best = best || (run->lacks_best && run_best_is_current(&now.progress));
    if (run_writer_start(run->writer, &now, run->writes_best) != STATUS_OK) {
        run->lacks_best |= run->writes_best;
        return judge_failure(run, needed);
    }
    run->writing = true;
    run->saved_step = now.progress.step;
    return needed || run->failed_saves > 0 ? hear_of_write(run, needed) : STATUS_OK;
}

Status run_save(Run *run, RunStatus mark, bool best) {
    double since = clock_seconds();
    heartbeat_phase(PHASE_CHECKPOINT);
    Status status = trainer_check(run->trainer);
    if (status != STATUS_OK) return status;
    trainer_collect(run->trainer);
    if (comm_rank(run->comm) == 0) status = save(run, mark, best);
    status = comm_agree(run->comm, status);
    trainer_lap(run->trainer, PHASE_CHECKPOINT, since);
    return status;
}

Status run_save_unsaved(Run *run) {
    bool saved = run->saved_step == run->trainer->progress.step && run->failed_saves == 0;
    if (comm_max(run->comm, comm_rank(run->comm) == 0 && !saved) == 0) return STATUS_OK;
    return run_save(run, RUN_UNDER_WAY, false);
}
