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

/* A training row: of the dataset, and where its pixels are. */
typedef struct Sample {
    uint32_t row;
    uint8_t label;
    const uint8_t *image;
} Sample;

static const uint8_t *find_image(const BatchSource *source, uint32_t epoch,
                                 const SamplerPlace *place, uint32_t row) {
    const BlockWindow *window = source->window;
    if (window == NULL) return source->dataset->train_images + (size_t)row * DIGIT_PIXELS;
    const uint64_t slot = sampler_sequence(&source->sampler, epoch, place->place) % window->slots;
    return window->images + (slot * window->slot_rows + place->within) * DIGIT_PIXELS;
}

static Sample find_sample(const BatchSource *source, uint32_t epoch, const SamplerPlace *place) {
    const uint32_t row = source->split->train[place->block * SAMPLER_BLOCK + place->within];
    return (Sample){row, source->dataset->train_labels[row], find_image(source, epoch, place, row)};
}

/* out (28, 28): a training row as it is shown in an epoch. */
static void show_sample(float *out, const BatchSource *source, uint32_t epoch,
                        const Sample *sample) {
    const RngStream stream = {
        .seed = source->sampler.seed, .purpose = RNG_AUGMENT, .time = epoch, .sample = sample->row};
    augment_sample(out, sample->image, &source->augmentation, &stream);
}

/* Makes sample i, which is at `place`, a mixture. */
static void mix_sample(Batch *batch, size_t i, const BatchSource *source, uint32_t epoch,
                       SamplerPlace place) {
    float shown[DIGIT_PIXELS];
    float *image = batch->images + i * DIGIT_PIXELS, *target = batch->targets + i * DIGIT_CLASSES;
    const Mixture mixture = batch_mixture(source, epoch, batch->ids[i], place.rows);
    const float share = (float)mixture.share;
    place.within = mixture.within;
    const Sample other = find_sample(source, epoch, &place);
    show_sample(shown, source, epoch, &other);
    for (int p = 0; p < DIGIT_PIXELS; p++) image[p] = share * image[p] + (1.0f - share) * shown[p];
    for (int c = 0; c < DIGIT_CLASSES; c++) target[c] *= share;
    target[other.label] += 1.0f - share;
}

void batch_fill_training(Batch *batch, const BatchSource *source, uint32_t epoch, uint64_t first,
                         size_t count) {
    batch->count = count;
    for (size_t i = 0; i < count; i++) {
        const SamplerPlace place = sampler_place(&source->sampler, epoch, first + i);
        const Sample sample = find_sample(source, epoch, &place);
        show_sample(batch->images + i * DIGIT_PIXELS, source, epoch, &sample);
        name_sample(batch, i, sample.row, sample.label);
        if (source->augmentation.mixup > 0.0) mix_sample(batch, i, source, epoch, place);
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
