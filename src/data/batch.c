/* Filling a shard's batch; see batch.h. Every sample is filled from its row alone, so that a batch
 * may be filled anywhere and in any order. */
#include "mnist_dist/data/batch.h"

#include <stdlib.h>

#include "mnist_dist/base/digits.h"
#include "mnist_dist/base/memory.h"

Status batch_new(Batch *batch, size_t capacity) {
    Status status = STATUS_OK;
    *batch = (Batch){.capacity = capacity};
    TRY(MEMORY_NEW(&batch->images, capacity * DIGIT_PIXELS));
    TRY(MEMORY_NEW(&batch->targets, capacity * DIGIT_CLASSES));
    TRY(MEMORY_NEW(&batch->labels, capacity));
    TRY(MEMORY_NEW(&batch->ids, capacity));
cleanup:
    if (status != STATUS_OK) batch_destroy(batch);
    return status;
}

void batch_destroy(Batch *batch) {
    if (batch == NULL) return;
    free(batch->images);
    free(batch->targets);
    free(batch->labels);
    free(batch->ids);
    *batch = (Batch){0};
}

/* Everything of sample i but its image. */
static void name_sample(Batch *batch, size_t i, uint32_t row, uint8_t label) {
    float *target = batch->targets + i * DIGIT_CLASSES;
    for (int c = 0; c < DIGIT_CLASSES; c++) target[c] = c == label ? 1.0f : 0.0f;
    batch->labels[i] = label;
    batch->ids[i] = row;
}

/* target (10): the share `smoothing` of its weight is spread over all classes alike, as in Keras's
 * CategoricalCrossentropy (Szegedy et al., CVPR 2016, section 7). */
static void smooth_target(float *target, double smoothing) {
    if (smoothing == 0.0) return;
    for (int c = 0; c < DIGIT_CLASSES; c++)
        target[c] = (float)((double)target[c] * (1.0 - smoothing) + smoothing / DIGIT_CLASSES);
}

static void scale_image(float *restrict out, const uint8_t *restrict image) {
    for (int i = 0; i < DIGIT_PIXELS; i++) out[i] = (float)image[i] / 255.0f;
}

/* out (28, 28): a training row as it is shown in an epoch. */
static void show_row(float *out, const BatchSource *source, uint32_t epoch, uint32_t row) {
    const RngStream stream = {
        .seed = source->sampler.seed, .purpose = RNG_AUGMENT, .time = epoch, .sample = row};
    augment_sample(out, source->dataset->train_images + (size_t)row * DIGIT_PIXELS,
                   &source->augmentation, &stream);
}

/* Makes sample i a mixture. */
static void mix_sample(Batch *batch, size_t i, const BatchSource *source, uint32_t epoch) {
    float other[DIGIT_PIXELS];
    float *image = batch->images + i * DIGIT_PIXELS, *target = batch->targets + i * DIGIT_CLASSES;
    const Mixture mixture = batch_mixture(source, epoch, batch->ids[i]);
    const float share = (float)mixture.share;
    show_row(other, source, epoch, mixture.row);
    for (int p = 0; p < DIGIT_PIXELS; p++) image[p] = share * image[p] + (1.0f - share) * other[p];
    for (int c = 0; c < DIGIT_CLASSES; c++) target[c] *= share;
    target[source->dataset->train_labels[mixture.row]] += 1.0f - share;
}

void batch_fill_training(Batch *batch, const BatchSource *source, uint32_t epoch, uint64_t first,
                         size_t count) {
    batch->count = count;
    for (size_t i = 0; i < count; i++) {
        const uint32_t row = source->split->train[sampler_row(&source->sampler, epoch, first + i)];
        show_row(batch->images + i * DIGIT_PIXELS, source, epoch, row);
        name_sample(batch, i, row, source->dataset->train_labels[row]);
        if (source->augmentation.mixup > 0.0) mix_sample(batch, i, source, epoch);
        smooth_target(batch->targets + i * DIGIT_CLASSES, source->label_smoothing);
    }
}

void batch_fill_rows(Batch *batch, const uint8_t *images, const uint8_t *labels,
                     const uint32_t *rows, size_t first, size_t count) {
    batch->count = count;
    for (size_t i = 0; i < count; i++) {
        const uint32_t row = rows != NULL ? rows[i] : (uint32_t)(first + i);
        scale_image(batch->images + i * DIGIT_PIXELS, images + (size_t)row * DIGIT_PIXELS);
        name_sample(batch, i, row, labels[row]);
    }
}
