/* Writing checkpoints and metrics; see run_parts.h.
 *
 * best.h5 is written before the step file of the same moment: if the writer dies in between, the
 * run goes on from the older step file, does the epoch again and writes the same best.h5. */
#include <stdio.h>
#include <string.h>

#include "mnist_dist/base/log.h"
#include "mnist_dist/base/machine.h"
#include "run_parts.h"

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
    };
    memcpy(checkpoint.slots, trainer->slots, sizeof checkpoint.slots);
    memcpy(checkpoint.data_fingerprint, info->fingerprint, sizeof checkpoint.data_fingerprint);
    model_describe_kernels(checkpoint.kernels, run->model);
    machine_describe(checkpoint.machine);
    checkpoint.progress.status = mark;
    return checkpoint;
}

/* Rank 0: the checkpoints of this moment. */
static Status write_checkpoints(const Run *run, RunStatus mark, bool best) {
    char path[PATH_MAX];
    Checkpoint checkpoint = run_snapshot(run, mark);
    Status status = STATUS_OK;
    if (best) {
        snprintf(path, sizeof path, "%s/best.h5", run->checkpoints);
        TRY(checkpoint_write(&checkpoint, path));
    }
    checkpoint_step_path(path, run->checkpoints, checkpoint.progress.step);
    TRY(checkpoint_write(&checkpoint, path));
    checkpoint_prune(run->checkpoints, (size_t)run->config->checkpoint.keep,
                     checkpoint.progress.step);
cleanup:
    return status;
}

/* Rank 0: after a good checkpoint; the metrics stand in that too, so that a failure here is no more
 * than a warning. */
static void write_metrics(Run *run) {
    run->failed_saves = 0;
    if (metrics_write(&run->trainer->history, run->directory) == STATUS_OK) return;
    log_warning("%s", status_message());
    status_clear();
}

/* Rank 0: the run's page, if it is time. */
static void make_report(const Run *run, RunStatus mark) {
    int when = run->config->output.report;
    bool due = when == REPORT_AT_CHECKPOINTS || (when == REPORT_AT_END && mark == RUN_FINISHED);
    if (due && run->report != NULL) run->report(run->directory);
}

/* Rank 0: whether a failed write ends the run. */
static Status judge_failure(Run *run, RunStatus mark) {
    run->failed_saves++;
    if (mark == RUN_UNDER_WAY && run->failed_saves < FAILED_SAVES_IN_A_ROW) {
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

Status run_save(Run *run, RunStatus mark, bool best) {
    double since = clock_seconds();
    trainer_collect(run->trainer);
    Status status = STATUS_OK;
    if (comm_rank(run->comm) == 0) {
        status = write_checkpoints(run, mark, best);
        if (status == STATUS_OK) {
            write_metrics(run);
            make_report(run, mark);
        } else {
            status = judge_failure(run, mark);
        }
    }
    status = comm_agree(run->comm, status);
    run->trainer->times.seconds[PHASE_CHECKPOINT] += clock_seconds() - since;
    return status;
}
