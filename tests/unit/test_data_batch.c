/* A batch holds what its rows say, wherever it is filled. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "mnist_dist/base/digits.h"
#include "mnist_dist/data/batch.h"

enum { ROWS = 30, TRAIN = 20 };

static uint8_t images[ROWS * DIGIT_PIXELS], labels[ROWS];
static uint32_t train[TRAIN];
static Dataset dataset;
static Split split;
static const AugmentOptions NONE = {0}, USUAL = {.rotation = 10.0, .zoom = 0.1, .shift = 0.1};

static int set_up(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof images; i++) images[i] = (uint8_t)(i * 31 + i / DIGIT_PIXELS);
    for (size_t row = 0; row < ROWS; row++) labels[row] = (uint8_t)(row % DIGIT_CLASSES);
    for (uint32_t i = 0; i < TRAIN; i++) train[i] = i + i / 2;
    dataset = (Dataset){.info.train_rows = ROWS, .train_images = images, .train_labels = labels};
    split = (Split){.train = train, .train_count = TRAIN};
    return 0;
}

static BatchSource make_source(AugmentOptions augmentation) {
    return (BatchSource){.dataset = &dataset,
                         .split = &split,
                         .sampler = {.seed = 9, .count = TRAIN},
                         .augmentation = augmentation};
}

static void assert_names_row(const Batch *batch, size_t i, uint32_t row, uint8_t label) {
    assert_int_equal(batch->ids[i], row);
    assert_int_equal(batch->labels[i], label);
    for (int c = 0; c < DIGIT_CLASSES; c++) {
        assert_true(batch->targets[i * DIGIT_CLASSES + (size_t)c] == (c == label ? 1.0f : 0.0f));
    }
}

static void assert_shows_row(const Batch *batch, size_t i, uint32_t row) {
    for (size_t j = 0; j < DIGIT_PIXELS; j++) {
        assert_true(batch->images[i * DIGIT_PIXELS + j] ==
                    (float)images[row * DIGIT_PIXELS + j] / 255.0f);
    }
}

static void an_epoch_holds_each_training_row_once(void **state) {
    (void)state;
    const BatchSource source = make_source(NONE);
    uint8_t seen[ROWS] = {0};
    Batch batch;
    assert_int_equal(batch_new(&batch, 7), STATUS_OK);
    for (uint64_t first = 0; first < TRAIN; first += 7) {
        const size_t count = first + 7 <= TRAIN ? 7 : TRAIN - (size_t)first;
        batch_fill_training(&batch, &source, 2, first, count);
        assert_int_equal(batch.count, count);
        for (size_t i = 0; i < count; i++) {
            const uint32_t row = batch.ids[i];
            seen[row]++;
            assert_names_row(&batch, i, row, labels[row]);
            assert_shows_row(&batch, i, row);
        }
    }
    for (size_t i = 0; i < TRAIN; i++) assert_int_equal(seen[train[i]], 1);
    batch_destroy(&batch);
}

static void a_sample_is_the_same_bits_in_any_batch(void **state) {
    (void)state;
    const BatchSource source = make_source(USUAL);
    Batch whole, part;
    assert_int_equal(batch_new(&whole, TRAIN), STATUS_OK);
    assert_int_equal(batch_new(&part, 6), STATUS_OK);
    batch_fill_training(&whole, &source, 4, 0, TRAIN);
    batch_fill_training(&part, &source, 4, 11, 6);
    assert_memory_equal(part.ids, whole.ids + 11, 6 * sizeof *part.ids);
    assert_memory_equal(part.images, whole.images + 11 * DIGIT_PIXELS,
                        6 * DIGIT_PIXELS * sizeof *part.images);
    batch_destroy(&whole);
    batch_destroy(&part);
}

/* Copies the image of dataset row 0 as an epoch shows it. */
static void show_row_0(float image[DIGIT_PIXELS], uint32_t epoch) {
    const BatchSource source = make_source(USUAL);
    Batch batch;
    size_t i = 0;
    assert_int_equal(batch_new(&batch, TRAIN), STATUS_OK);
    batch_fill_training(&batch, &source, epoch, 0, TRAIN);
    while (i < TRAIN - 1 && batch.ids[i] != 0) i++;
    assert_int_equal(batch.ids[i], 0);
    memcpy(image, batch.images + i * DIGIT_PIXELS, DIGIT_PIXELS * sizeof *image);
    batch_destroy(&batch);
}

static void augmentation_is_drawn_anew_each_epoch(void **state) {
    (void)state;
    float first[DIGIT_PIXELS], again[DIGIT_PIXELS], second[DIGIT_PIXELS];
    show_row_0(first, 0);
    show_row_0(again, 0);
    show_row_0(second, 1);
    assert_memory_equal(first, again, sizeof first);
    assert_memory_not_equal(first, second, sizeof first);
}

static void plain_rows_are_filled_by_number_or_in_a_row(void **state) {
    (void)state;
    const uint32_t rows[3] = {29, 0, 12};
    Batch batch;
    assert_int_equal(batch_new(&batch, 4), STATUS_OK);
    batch_fill_rows(&batch, images, labels, rows, 0, 3);
    assert_int_equal(batch.count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_names_row(&batch, i, rows[i], labels[rows[i]]);
        assert_shows_row(&batch, i, rows[i]);
    }
    batch_fill_rows(&batch, images, labels, NULL, 26, 4);
    assert_int_equal(batch.count, 4);
    for (uint32_t i = 0; i < 4; i++) {
        assert_names_row(&batch, i, 26 + i, labels[26 + i]);
        assert_shows_row(&batch, i, 26 + i);
    }
    batch_destroy(&batch);
}

static void smoothing_spreads_a_share_of_the_target(void **state) {
    (void)state;
    BatchSource source = make_source(NONE);
    source.label_smoothing = 0.2;
    Batch batch;
    assert_int_equal(batch_new(&batch, TRAIN), STATUS_OK);
    batch_fill_training(&batch, &source, 0, 0, TRAIN);
    for (size_t i = 0; i < TRAIN; i++)
        for (size_t c = 0; c < DIGIT_CLASSES; c++)
            assert_true(batch.targets[i * DIGIT_CLASSES + c] ==
                        (c == batch.labels[i] ? 0.82f : 0.02f));
    batch_destroy(&batch);
}

/* For Beta(a, a), the mean of (2 x - 1)^2 is 1 / (2 a + 1). */
static void shares_of_mixtures_are_beta(void **state) {
    (void)state;
    const double alphas[] = {0.05, 0.2, 1.0, 2.5};
    for (size_t k = 0; k < 4; k++) {
        BatchSource source = make_source(NONE);
        source.augmentation.mixup = alphas[k];
        int seen[ROWS] = {0};
        double sum = 0.0;
        for (uint32_t i = 0; i < 4000; i++) {
            const Mixture mixture = batch_mixture(&source, i / 20, train[i % 20], TRAIN);
            assert_true(mixture.share >= 0.5 && mixture.share <= 1.0);
            sum += (2.0 * mixture.share - 1.0) * (2.0 * mixture.share - 1.0);
            seen[train[mixture.within]]++;
        }
        assert_true(fabs(sum / 4000 - 1.0 / (2.0 * alphas[k] + 1.0)) < 0.02);
        for (size_t i = 0; i < TRAIN; i++) assert_in_range(seen[train[i]], 140, 260);
    }
    BatchSource source = make_source(NONE);
    source.augmentation.mixup = 1e-12;
    assert_true(batch_mixture(&source, 0, 0, TRAIN).share == 1.0);
}

static void a_mixture_is_of_two_images_and_targets(void **state) {
    (void)state;
    BatchSource source = make_source(USUAL);
    Batch plain, mixed;
    assert_int_equal(batch_new(&plain, TRAIN), STATUS_OK);
    assert_int_equal(batch_new(&mixed, TRAIN), STATUS_OK);
    batch_fill_training(&plain, &source, 3, 0, TRAIN);
    source.augmentation.mixup = 1.0;
    batch_fill_training(&mixed, &source, 3, 0, TRAIN);
    for (size_t i = 0; i < TRAIN; i++) {
        const Mixture mixture = batch_mixture(&source, 3, mixed.ids[i], TRAIN);
        const float share = (float)mixture.share;
        size_t j = 0;
        while (plain.ids[j] != train[mixture.within]) j++;
        assert_int_equal(mixed.ids[i], plain.ids[i]);
        assert_int_equal(mixed.labels[i], plain.labels[i]);
        for (size_t p = 0; p < DIGIT_PIXELS; p++) {
            const float a = plain.images[i * DIGIT_PIXELS + p];
            const float b = plain.images[j * DIGIT_PIXELS + p];
            assert_true(mixed.images[i * DIGIT_PIXELS + p] == share * a + (1.0f - share) * b);
        }
        for (size_t c = 0; c < DIGIT_CLASSES; c++) {
            const float a = c == plain.labels[i] ? share : 0.0f;
            const float b = c == plain.labels[j] ? 1.0f - share : 0.0f;
            assert_true(mixed.targets[i * DIGIT_CLASSES + c] == a + b);
        }
    }
    batch_destroy(&plain);
    batch_destroy(&mixed);
}

static void no_label_gives_no_target(void **state) {
    (void)state;
    const uint8_t unlabelled[1] = {DIGIT_UNLABELLED};
    Batch batch;
    assert_int_equal(batch_new(&batch, 1), STATUS_OK);
    batch_fill_rows(&batch, images, labels, NULL, 5, 1);
    batch_fill_rows(&batch, images, unlabelled, NULL, 0, 1);
    assert_names_row(&batch, 0, 0, DIGIT_UNLABELLED);
    batch_destroy(&batch);
}

static void an_impossible_size_is_refused_and_leaves_nothing(void **state) {
    (void)state;
    Batch batch;
    assert_int_equal(batch_new(&batch, SIZE_MAX / DIGIT_PIXELS), STATUS_FAILED);
    status_clear();
    assert_null(batch.images);
    batch_destroy(&batch);
    batch_destroy(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_epoch_holds_each_training_row_once),
        cmocka_unit_test(a_sample_is_the_same_bits_in_any_batch),
        cmocka_unit_test(augmentation_is_drawn_anew_each_epoch),
        cmocka_unit_test(plain_rows_are_filled_by_number_or_in_a_row),
        cmocka_unit_test(smoothing_spreads_a_share_of_the_target),
        cmocka_unit_test(shares_of_mixtures_are_beta),
        cmocka_unit_test(a_mixture_is_of_two_images_and_targets),
        cmocka_unit_test(no_label_gives_no_target),
        cmocka_unit_test(an_impossible_size_is_refused_and_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
