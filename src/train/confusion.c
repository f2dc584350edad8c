/* The confusion matrix and what is read off it; see evaluate.h. */
#include <stdio.h>
#include <stdlib.h>

#include "mnist_dist/nn/loss.h"
#include "mnist_dist/train/evaluate.h"

void confusion_count(Confusion *confusion, const float *probabilities,
                     const EvaluationImages *images) {
    *confusion = (Confusion){0};
    for (size_t i = 0; i < images->count; i++) {
        uint8_t label = images->labels[images->rows != NULL ? images->rows[i] : i];
        uint8_t predicted = 0;
        if (label == DIGIT_UNLABELLED) continue;
        loss_argmax(&predicted, probabilities + i * DIGIT_CLASSES, 1);
        confusion->cells[label][predicted]++;
    }
}

static double share(int64_t part, int64_t whole) {
    return whole > 0 ? 100.0 * (double)part / (double)whole : 0.0;
}

static void write_row(FILE *out, const Confusion *confusion, int label) {
    int64_t row = 0, column = 0;
    fprintf(out, "  label %d |", label);
    for (int k = 0; k < DIGIT_CLASSES; k++) {
        fprintf(out, "%6lld", (long long)confusion->cells[label][k]);
        row += confusion->cells[label][k];
        column += confusion->cells[k][label];
    }
    int64_t hits = confusion->cells[label][label];
    fprintf(out, " | %8.2f %% %7.2f %%\n", share(hits, column), share(hits, row));
}

Status confusion_text(char **text, const Confusion *confusion) {
    size_t size = 0;
    FILE *out = open_memstream(text, &size);
    if (out == NULL) return status_fail_errno(STATUS_FAILED, "confusion matrix");
    fprintf(out, "predicted |");
    for (int k = 0; k < DIGIT_CLASSES; k++) fprintf(out, "%6d", k);
    fprintf(out, " | precision    recall\n");
    for (int label = 0; label < DIGIT_CLASSES; label++) write_row(out, confusion, label);
    if (fclose(out) != 0) return status_fail_errno(STATUS_FAILED, "confusion matrix");
    return STATUS_OK;
}
