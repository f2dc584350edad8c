/* What a run leaves for its page beside its metrics; see run_parts.h. A failure here is no more
 * than a warning: nothing else hangs on it. */
#include <stdio.h>
#include <string.h>

#include "mnist_dist/base/log.h"
#include "mnist_dist/base/minmax.h"
#include "mnist_dist/train/predictions.h"
#include "run_parts.h"

enum { SHEET = 64 /* images of the sheet of augmented ones */ };

static void copy_validation(Predictions *predictions, const EvaluationImages *from) {
    LabelledImages *images = &predictions->validation;
    for (size_t i = 0; i < from->count; i++) {
        uint32_t row = from->rows[i];
        images->rows[i] = row;
        images->labels[i] = from->labels[row];
        memcpy(images->images + i * DIGIT_PIXELS, from->images + (size_t)row * DIGIT_PIXELS,
               DIGIT_PIXELS);
    }
}

/* The first images of the last epoch, as they were fed. */
static Status draw_sheet(LabelledImages *sheet, const Trainer *trainer) {
    Batch batch = {0};
    uint64_t epochs = trainer->progress.epoch;
    Status status = batch_new(&batch, sheet->count);
    if (status != STATUS_OK) return status;
    batch_fill_training(&batch, &trainer->source, epochs > 0 ? (uint32_t)epochs - 1 : 0, 0,
                        sheet->count);
    memcpy(sheet->rows, batch.ids, sheet->count * sizeof *sheet->rows);
    memcpy(sheet->labels, batch.labels, sheet->count);
    for (size_t i = 0; i < sheet->count * DIGIT_PIXELS; i++)
        sheet->images[i] = (uint8_t)(batch.images[i] * 255.0f + 0.5f);
    batch_destroy(&batch);
    return STATUS_OK;
}

static Status write_predictions(const Run *run, const float *probabilities) {
    char path[PATH_MAX];
    const Split *split = &run->workload.split;
    EvaluationImages validation = workload_validation(&run->workload);
    Predictions predictions;
    Status status = predictions_new(&predictions, validation.count,
                                    smaller(SHEET, run->trainer->source.sampler.count));
    if (status != STATUS_OK) return status;
    predictions.epoch = run->trainer->progress.best_epoch;
    predictions.train_rows = split->train_count;
    copy_validation(&predictions, &validation);
    memcpy(predictions.probabilities, probabilities,
           validation.count * DIGIT_CLASSES * sizeof *probabilities);
    TRY(draw_sheet(&predictions.augmented, run->trainer));
    snprintf(path, sizeof path, "%s/predictions.h5", run->directory);
    TRY(predictions_write(&predictions, path));
cleanup:
    predictions_free(&predictions);
    return status;
}

void run_write_predictions(const Run *run, const float *probabilities) {
    if (write_predictions(run, probabilities) == STATUS_OK) return;
    log_warning("%s; the run's page will lack it", status_message());
    status_clear();
}
