/* `mnist_dist predict CHECKPOINT... -o submission.csv`: Kaggle's file for the test images, from one
 * network or from the mean of several. */
#include "mnist_dist/train/predict.h"

#include "command/command.h"
#include "command/judge.h"
#include "mnist_dist/base/log.h"

Status command_predict(Comm *comm, const Arguments *arguments) {
    Judge judge;
    Status status = STATUS_OK;
    TRY(judge_open(&judge, comm, arguments));
    EvaluationImages images = test_images(&judge.workload.dataset);
    if (images.count == 0)
        TRY(status_fail(STATUS_DATA,
                        "%s: holds no test images; import them as the second file of "
                        "mnist_dist import TRAIN TEST -o digits.h5",
                        judge.config.data.path));
    TRY(judge_run(&judge, &images));
    if (comm_rank(comm) == 0)
        status = submission_write(arguments->output, judge.probabilities, images.count);
    TRY(comm_agree(comm, status));
    log_line("%s: predictions for %zu test images by %zu network%s", arguments->output,
             images.count, arguments->file_count, arguments->file_count > 1 ? "s" : "");
cleanup:
    judge_close(&judge);
    return status;
}
