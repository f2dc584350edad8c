/* The end of a run: what the best network gets wrong, and what it predicts; see run_parts.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mnist_dist/base/log.h"
#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/minmax.h"
#include "mnist_dist/train/submission.h"
#include "run_parts.h"

static void add_confusion(Confusion *to, const Confusion *from) {
    for (size_t i = 0; i < DIGIT_CLASSES * (size_t)DIGIT_CLASSES; i++)
        (&to->cells[0][0])[i] += (&from->cells[0][0])[i];
}

/* **Collective.** Evaluates the held-out rows, RUN_SHOWN at a time, whose probabilities end up in
 * `probabilities`; those of the first are left there, and rank 0 writes predictions.h5 of them. */
static Status evaluate_validation(Run *run, const float *params, float *probabilities, Tally *tally,
                                  Confusion *confusion) {
    const EvaluationImages all = workload_validation(&run->workload);
    Status status = STATUS_OK;
    *tally = (Tally){0};
    *confusion = (Confusion){0};
    for (size_t first = 0; first < all.count; first += RUN_SHOWN) {
        EvaluationImages some = all;
        Tally one;
        Confusion counts;
        some.rows += first;
        some.count = smaller(RUN_SHOWN, all.count - first);
        TRY(evaluator_run(run->evaluator, &one, probabilities, params, &some));
        confusion_count(&counts, probabilities, &some);
        add_confusion(confusion, &counts);
        tally_add(tally, &one);
        if (first == 0 && comm_rank(run->comm) == 0) run_write_predictions(run, probabilities);
    }
cleanup:
    return status;
}

/* **Collective.** Logs the line and the table of the best network. */
static Status log_validation(Run *run, const float *params, float *probabilities) {
    Tally tally;
    Confusion confusion;
    char *table = NULL;
    Status status = evaluate_validation(run, params, probabilities, &tally, &confusion);
    if (status != STATUS_OK) return status;
    status = confusion_text(&table, &confusion);
    if (status == STATUS_OK)
        log_line("validation of epoch %llu's network, the best: accuracy %.2f %% (%lld of %lld), "
                 "loss %.4f\n%s",
                 (unsigned long long)run->trainer->progress.best_epoch,
                 100.0 * tally_accuracy(&tally), (long long)tally.correct, (long long)tally.count,
                 tally_loss(&tally), table);
    free(table);
    return comm_agree(run->comm, status);
}

/* The network is in the last checkpoint, so that a failure costs no training. */
static Status write_submission(const char *path, const float *probabilities, size_t count) {
    char reason[1024];
    Status status = submission_write(path, probabilities, count);
    if (status == STATUS_OK) return STATUS_OK;
    snprintf(reason, sizeof reason, "%s", status_message());
    status_clear();
    return status_fail(status,
                       "%s; mend that and run again: the trained network is in the last checkpoint",
                       reason);
}

/* **Collective.** Predicts the test images and writes submission.csv on rank 0. */
static Status predict_test(Run *run, const float *params, float *probabilities,
                           const EvaluationImages *images) {
    Tally tally;
    Status status = evaluator_run(run->evaluator, &tally, probabilities, params, images);
    if (status != STATUS_OK) return status;
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/submission.csv", run->directory);
    if (comm_rank(run->comm) == 0) status = write_submission(path, probabilities, images->count);
    status = comm_agree(run->comm, status);
    if (status != STATUS_OK) return status;
    if (run->workload.dataset.info.test_labelled)
        log_line("test: accuracy %.2f %% (%lld of %lld), loss %.4f", 100.0 * tally_accuracy(&tally),
                 (long long)tally.correct, (long long)tally.count, tally_loss(&tally));
    log_line("%s: predictions for %zu test images", path, images->count);
    return STATUS_OK;
}

Status run_finish(Run *run) {
    EvaluationImages test = workload_test(&run->workload);
    const size_t held_out = run->workload.split.validation_count;
    Status saved = run_save_unsaved(run);
    if (saved != STATUS_OK) return saved;
    size_t parameters = model_parameter_count(run->model);
    float *params = NULL, *probabilities = NULL;
    Status status = MEMORY_NEW(&params, parameters);
    if (status == STATUS_OK)
        status = MEMORY_NEW(&probabilities,
                            DIGIT_CLASSES * larger(smaller(RUN_SHOWN, held_out), test.count));
    TRY(comm_agree(run->comm, status));
    if (comm_rank(run->comm) == 0) memcpy(params, run->best, parameters * sizeof *params);
    comm_broadcast(run->comm, params, parameters * sizeof *params, 0);

    if (held_out > 0) TRY(log_validation(run, params, probabilities));
    if (held_out == 0 && comm_rank(run->comm) == 0) run_write_predictions(run, probabilities);
    if (test.count == 0)
        log_line("%s holds no test images: no submission.csv is written", run->config->data.path);
    else if (run->config->output.predict)
        TRY(predict_test(run, params, probabilities, &test));
    TRY(run_save(run, RUN_FINISHED, false));
    if (run->lacks_best)
        log_warning("%s/best.h5 is missing, or of an epoch before %llu, the best; that network's "
                    "weights are /training/best_params of the newest checkpoint",
                    run->checkpoints, (unsigned long long)run->trainer->progress.best_epoch);
cleanup:
    free(params);
    free(probabilities);
    return status;
}
