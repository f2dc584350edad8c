/* `mnist_dist predict CHECKPOINT... -o submission.csv`: Kaggle's file for the test images, from one
 * network or from the mean of several; with --images, see predict_images.c. */
#include "mnist_dist/train/submission.h"

#include <stdlib.h>

#include "command/command.h"
#include "command/judge.h"
#include "command/predict_images.h"
#include "mnist_dist/base/log.h"
#include "mnist_dist/base/memory.h"

Status command_predict(Comm *comm, const Arguments *arguments) {
    Judge judge;
    Tally ignored;
    float *probabilities = NULL;
    Status status = STATUS_OK;
    if (arguments->image_count > 0) return predict_images(comm, arguments);
    TRY(judge_open(&judge, comm, arguments));
    TRY(judge_load(&judge));
    EvaluationImages images = workload_test(&judge.workload);
    if (images.count == 0)
        TRY(status_fail(STATUS_DATA,
                        "%s: holds no test images; import them as the second file of "
                        "mnist_dist import TRAIN TEST -o digits.h5",
                        judge.config.data.path));
    TRY(comm_agree(comm, MEMORY_NEW(&probabilities, images.count * DIGIT_CLASSES)));
    TRY(judge_run(&judge, &ignored, probabilities, &images));
    if (comm_rank(comm) == 0)
        status = submission_write(arguments->output, probabilities, images.count);
    TRY(comm_agree(comm, status));
    log_line("%s: predictions for %zu test images by %zu network%s", arguments->output,
             images.count, judge.member_count, judge.member_count > 1 ? "s" : "");
cleanup:
    free(probabilities);
    judge_close(&judge);
    return status;
}
