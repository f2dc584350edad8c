/* The submission file; see submission.h. */
#include "mnist_dist/train/submission.h"

#include <stdio.h>
#include <stdlib.h>

#include "mnist_dist/base/digits.h"
#include "mnist_dist/base/safefile.h"
#include "mnist_dist/nn/loss.h"

Status submission_write(const char *path, const float *probabilities, size_t count) {
    char *text = NULL;
    size_t size = 0;
    Status status = STATUS_OK;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) return status_fail_errno(STATUS_FAILED, "%s", path);
    fprintf(out, "ImageId,Label\n");
    for (size_t i = 0; i < count; i++) {
        uint8_t label = 0;
        loss_argmax(&label, probabilities + i * DIGIT_CLASSES, 1);
        fprintf(out, "%zu,%d\n", i + 1, label);
    }
    if (fclose(out) != 0)
        status = status_fail_errno(STATUS_FAILED, "%s", path);
    else
        status = safefile_write(path, text, size, STATUS_FAILED);
    free(text);
    return status;
}
