/* What a run leaves for its page beside its metrics; see run_parts.h. A failure here is no more
 * than a warning: nothing else hangs on it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mnist_dist/base/h5file.h"
#include "mnist_dist/base/log.h"
#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/minmax.h"
#include "mnist_dist/train/predictions.h"
#include "run_parts.h"

enum { SHEET = 64 /* images of the sheet of augmented ones */ };

static Status copy_validation(Predictions *predictions, const EvaluationImages *from) {
    LabelledImages *images = &predictions->validation;
    for (size_t i = 0; i < images->count; i++) {
        uint32_t row = from->rows[i];
        images->rows[i] = row;
        images->labels[i] = from->labels[row];
        if (from->images != NULL)
            memcpy(images->images + i * DIGIT_PIXELS, from->images + (size_t)row * DIGIT_PIXELS,
                   DIGIT_PIXELS);
    }
    if (from->images != NULL) return STATUS_OK;
    return row_reader_images(from->reader, from->part, images->images, from->rows, 0,
                             images->count);
}

/* Where an epoch's first block stands alone, for one who cannot ask the other ranks for it. */
static Status read_first_block(BlockWindow *alone, const Run *run, uint32_t epoch) {
    const BatchSource *source = &run->trainer->source;
    const SamplerPlace place = sampler_block(&source->sampler, epoch, 0);
    uint8_t *images = NULL;
    Status status = MEMORY_NEW(&images, place.rows * DIGIT_PIXELS);
    *alone = (BlockWindow){.images = images, .slots = 1, .slot_rows = place.rows};
    if (status != STATUS_OK) return status;
    const RowBlock block = {source->split->train + place.block * SAMPLER_BLOCK, images, place.rows};
    return row_reader_block(run->workload.reader, &block, (DatasetShare){0, 1});
}

/* The first images of the last epoch, as they were fed; of its first block. */
static Status draw_sheet(LabelledImages *sheet, const Run *run) {
    Batch batch = {0};
    BlockWindow alone = {0};
    BatchSource source = run->trainer->source;
    const uint64_t epochs = run->trainer->progress.epoch;
    const uint32_t epoch = epochs > 0 ? (uint32_t)epochs - 1 : 0;
    Status status = STATUS_OK;
    sheet->count = smaller(sheet->count, sampler_block(&source.sampler, epoch, 0).rows);
    TRY(batch_new(&batch, sheet->count));
    if (source.window != NULL) {
        TRY(read_first_block(&alone, run, epoch));
        source.window = &alone;
    }
    batch_fill_training(&batch, &source, epoch, 0, sheet->count);
    memcpy(sheet->rows, batch.ids, sheet->count * sizeof *sheet->rows);
    memcpy(sheet->labels, batch.labels, sheet->count);
    for (size_t i = 0; i < sheet->count * DIGIT_PIXELS; i++)
        sheet->images[i] = (uint8_t)(batch.images[i] * 255.0f + 0.5f);
cleanup:
    batch_destroy(&batch);
    free((void *)(uintptr_t)alone.images);
    return status;
}

static Status write_predictions(const Run *run, const float *probabilities) {
    char path[PATH_MAX];
    const Split *split = &run->workload.split;
    EvaluationImages validation = workload_validation(&run->workload);
    Predictions predictions;
    Status status = predictions_new(&predictions, smaller(RUN_SHOWN, validation.count),
                                    smaller(SHEET, run->trainer->source.sampler.count));
    if (status != STATUS_OK) return status;
    predictions.epoch = run->trainer->progress.best_epoch;
    predictions.train_rows = split->train_count;
    predictions.held_out = split->validation_count;
    TRY(copy_validation(&predictions, &validation));
    memcpy(predictions.probabilities, probabilities,
           predictions.validation.count * DIGIT_CLASSES * sizeof *probabilities);
    TRY(draw_sheet(&predictions.augmented, run));
    snprintf(path, sizeof path, "%s/predictions.h5", run->directory);
    TRY(predictions_write(&predictions, path));
cleanup:
    predictions_free(&predictions);
    return status;
}

/* The run's writer is within libhdf5 as well, which not every build of it allows. */
void run_write_predictions(Run *run, const float *probabilities) {
    if (!h5file_is_threadsafe()) run_settle(run);
    if (write_predictions(run, probabilities) == STATUS_OK) return;
    log_warning("%s; the run's page will lack it", status_message());
    status_clear();
}
