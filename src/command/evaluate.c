/* `mnist_dist evaluate CHECKPOINT...`: exact counts on the rows that the checkpoint held out and,
 * if they have labels, on the test images. */
#include <math.h>
#include <stdlib.h>

#include "command/command.h"
#include "command/judge.h"
#include "mnist_dist/base/log.h"
#include "mnist_dist/train/predict.h"

/* The hits and the mean loss of the averaged probabilities. */
static Tally tally_probabilities(const float *probabilities, const EvaluationImages *images,
                                 const Confusion *confusion) {
    Tally tally = {0};
    for (size_t i = 0; i < images->count; i++) {
        uint8_t label = images->labels[images->rows != NULL ? images->rows[i] : i];
        tally.loss -= log((double)probabilities[i * DIGIT_CLASSES + label]);
        tally.count++;
    }
    for (int k = 0; k < DIGIT_CLASSES; k++) tally.correct += confusion->cells[k][k];
    return tally;
}

/* **Collective.** Evaluates one set of labelled images and shows it. */
static Status evaluate_images(Judge *judge, const char *name, const EvaluationImages *images) {
    Confusion confusion;
    char *table = NULL;
    Status status = STATUS_OK;
    TRY(judge_run(judge, images));
    confusion_count(&confusion, judge->probabilities, images);
    Tally tally = tally_probabilities(judge->probabilities, images, &confusion);
    TRY(comm_agree(judge->comm, confusion_text(&table, &confusion)));
    log_line("%s: accuracy %.4f %% (%lld of %lld), loss %.6f\n%s", name,
             100.0 * tally_accuracy(&tally), (long long)tally.correct, (long long)tally.count,
             tally_loss(&tally), table);
cleanup:
    free(table);
    free(judge->probabilities);
    judge->probabilities = NULL;
    return status;
}

Status command_evaluate(Comm *comm, const Arguments *arguments) {
    Judge judge;
    Status status = STATUS_OK;
    TRY(judge_open(&judge, comm, arguments));
    const Dataset *dataset = &judge.workload.dataset;
    EvaluationImages validation = {.images = dataset->train_images,
                                   .labels = dataset->train_labels,
                                   .rows = judge.workload.split.validation,
                                   .count = judge.workload.split.validation_count};
    EvaluationImages test = test_images(dataset);
    bool tests = dataset->info.test_labelled && test.count > 0;
    if (validation.count == 0 && !tests)
        TRY(status_fail(STATUS_DATA,
                        "%s: no rows were held out (data.folds is 0), and the test images, if any, "
                        "have no labels: there is nothing to evaluate on",
                        judge.config.data.path));
    if (validation.count > 0) {
        TRY(judge_check_hold_out(&judge));
        TRY(evaluate_images(&judge, "validation", &validation));
    }
    if (tests) TRY(evaluate_images(&judge, "test", &test));
cleanup:
    judge_close(&judge);
    return status;
}
