/* `mnist_dist evaluate CHECKPOINT...`: exact counts on the rows that the checkpoints held out (of
 * other data than the training's: on all labelled rows) and, if they have labels, on the test
 * images. */
#include <stdlib.h>

#include "command/command.h"
#include "command/judge.h"
#include "mnist_dist/base/log.h"
#include "mnist_dist/base/memory.h"

/* **Collective.** Evaluates one set of labelled images, unseen ones unless `allow`, and shows it.
 */
static Status evaluate_images(Judge *judge, const char *name, const EvaluationImages *images,
                              bool allow) {
    Tally tally;
    Confusion confusion;
    char *table = NULL;
    float *probabilities = NULL;
    Status status = STATUS_OK;
    TRY(judge_check_overlap(judge, images, allow));
    TRY(comm_agree(judge->comm, MEMORY_NEW(&probabilities, images->count * DIGIT_CLASSES)));
    TRY(judge_run(judge, &tally, probabilities, images));
    confusion_count(&confusion, probabilities, images);
    TRY(comm_agree(judge->comm, confusion_text(&table, &confusion)));
    log_line("%s: accuracy %.4f %% (%lld of %lld), loss %.6f\n%s", name,
             100.0 * tally_accuracy(&tally), (long long)tally.correct, (long long)tally.count,
             tally_loss(&tally), table);
cleanup:
    free(table);
    free(probabilities);
    return status;
}

Status command_evaluate(Comm *comm, const Arguments *arguments) {
    Judge judge;
    Status status = STATUS_OK;
    TRY(judge_open(&judge, comm, arguments));
    TRY(judge_load(&judge));
    bool own = judge_has_own_data(&judge), allow = arguments->allow_overlap;
    EvaluationImages labelled =
        own ? workload_validation(&judge.workload) : workload_labelled(&judge.workload);
    EvaluationImages test = workload_test(&judge.workload);
    bool tests = judge.workload.dataset.info.test_labelled && test.count > 0;
    if (labelled.count == 0 && !tests)
        TRY(status_fail(
            STATUS_DATA,
            "%s: no rows were held out of it, and it has no labelled test images: there "
            "is nothing to evaluate on",
            judge.config.data.path));
    if (labelled.count > 0)
        TRY(evaluate_images(&judge, own ? "validation" : "labelled rows", &labelled, allow));
    if (tests) TRY(evaluate_images(&judge, "test", &test, allow));
cleanup:
    judge_close(&judge);
    return status;
}
