/* Drawn digits: a row hangs on seed, part and number alone, and so do the file's bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "data/drawing.h"
#include "data_files.h"
#include "mnist_dist/base/digest.h"
#include "mnist_dist/data/dataset.h"
#include "mnist_dist/data/synth.h"

enum { TRAIN = 40000, TEST = 1500 }; /* pieces of 16,384 rows, and ragged ends */

static void make(const char *path, uint64_t train, size_t threads) {
    const SynthOptions options = {3, train, TEST, threads};
    assert_int_equal(synth_write(path, &options, NULL), STATUS_OK);
}

static Digest file_digest(const char *path) {
    Bytes bytes = {0};
    char piece[4096];
    size_t got = 0;
    FILE *file = fopen(path, "rb");
    while ((got = fread(piece, 1, sizeof piece, file)) > 0) bytes_add(&bytes, piece, got);
    fclose(file);
    Digest digest = digest128(bytes.data, bytes.count);
    bytes_free(&bytes);
    return digest;
}

static void *read_all(Dataset *dataset, const char *path) {
    DatasetInfo info;
    assert_int_equal(dataset_inspect(&info, path), STATUS_OK);
    void *memory = malloc(dataset_bytes(&info));
    assert_int_equal(dataset_read(memory, &info, path, (DatasetShare){0, 1}), STATUS_OK);
    dataset_view(dataset, &info, memory);
    return memory;
}

static void bytes_do_not_hang_on_threads(void **state) {
    (void)state;
    make("one.h5", TRAIN, 1);
    make("three.h5", TRAIN, 3);
    Digest one = file_digest("one.h5"), three = file_digest("three.h5");
    assert_true(one.high == three.high && one.low == three.low);
}

static void rows_are_what_their_numbers_say(void **state) {
    (void)state;
    Dataset dataset;
    uint8_t image[DIGIT_PIXELS];
    size_t labels[DIGIT_CLASSES] = {0};
    make("some.h5", TRAIN, 2);
    void *memory = read_all(&dataset, "some.h5");
    assert_int_equal(dataset.info.train_rows, TRAIN);
    assert_int_equal(dataset.info.test_rows, TEST);
    assert_true(dataset.info.test_labelled);
    for (uint32_t row = 0; row < TRAIN; row++) {
        labels[dataset.train_labels[row]]++;
        if (row % 97 != 0) continue;
        assert_int_equal(dataset.train_labels[row], drawing_make(image, 3, 0, row));
        assert_memory_equal(dataset.train_images + (size_t)row * DIGIT_PIXELS, image, sizeof image);
    }
    for (uint32_t row = 0; row < TEST; row += 97) {
        assert_int_equal(dataset.test_labels[row], drawing_make(image, 3, 1, row));
        assert_memory_equal(dataset.test_images + (size_t)row * DIGIT_PIXELS, image, sizeof image);
    }
    for (int c = 0; c < DIGIT_CLASSES; c++) assert_in_range(labels[c], TRAIN / 11, TRAIN / 9);
    free(memory);
}

static Digest drawings_digest(uint64_t seed, uint32_t part) {
    static uint8_t images[500][DIGIT_PIXELS];
    for (uint32_t row = 0; row < 500; row++) drawing_make(images[row], seed, part, row);
    return digest128(images, sizeof images);
}

/* The same on every machine: nothing in it is rounded as a library likes. */
static void drawings_stay_what_they_were(void **state) {
    (void)state;
    char text[DIGEST_TEXT];
    digest_text(text, drawings_digest(0, 0));
    assert_string_equal(text, "7d10ae3d24bab5cc73bb3919f1b0d959");
    assert_true(drawings_digest(1, 0).low != drawings_digest(0, 0).low);
    assert_true(drawings_digest(0, 1).low != drawings_digest(0, 0).low);
}

/* A few hundred pixels of ink at most, none on the border, and some of it black. */
static void drawings_look_like_digits(void **state) {
    (void)state;
    uint8_t image[DIGIT_PIXELS];
    for (uint32_t row = 0; row < 2000; row++) {
        size_t inked = 0, border = 0, most = 0;
        drawing_make(image, 5, 0, row);
        for (size_t i = 0; i < DIGIT_PIXELS; i++) {
            const size_t line = i / DIGIT_SIDE, column = i % DIGIT_SIDE;
            inked += image[i] > 0;
            most = image[i] > most ? image[i] : most;
            border += image[i] > 0 && (line % 27 == 0 || column % 27 == 0);
        }
        assert_in_range(inked, 25, 350);
        assert_in_range(most, 140, 255);
        assert_in_range(border, 0, 40);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bytes_do_not_hang_on_threads, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(rows_are_what_their_numbers_say, enter_folder,
                                        leave_folder),
        cmocka_unit_test(drawings_stay_what_they_were),
        cmocka_unit_test(drawings_look_like_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
