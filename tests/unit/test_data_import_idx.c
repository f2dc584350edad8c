/* IDX import: pairs of files found by name, and headers that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "data_expect.h"

enum { ROWS = 6 };

static void add_number(Bytes *bytes, uint32_t number) {
    uint8_t big_endian[4] = {(uint8_t)(number >> 24), (uint8_t)(number >> 16),
                             (uint8_t)(number >> 8), (uint8_t)number};
    bytes_add(bytes, big_endian, 4);
}

/* A file of images whose header says what it is told to. */
static Bytes made_images(uint32_t magic, uint32_t count, uint32_t height, uint32_t width,
                         size_t rows) {
    Bytes images = {0};
    add_number(&images, magic);
    add_number(&images, count);
    add_number(&images, height);
    add_number(&images, width);
    for (size_t i = 0; i < rows * 784; i++) {
        uint8_t pixel = (uint8_t)made_pixel(i / 784, i % 784);
        bytes_add(&images, &pixel, 1);
    }
    return images;
}

static Bytes made_labels(uint32_t magic, uint32_t count, size_t rows) {
    Bytes labels = {0};
    add_number(&labels, magic);
    add_number(&labels, count);
    for (size_t i = 0; i < rows; i++) {
        uint8_t label = (uint8_t)made_label(i);
        bytes_add(&labels, &label, 1);
    }
    return labels;
}

static void write_and_free(const char *path, Bytes bytes, bool packed) {
    Bytes gzip = packed ? pack(bytes.data, bytes.count) : (Bytes){0};
    write_file(path, packed ? gzip.data : bytes.data, packed ? gzip.count : bytes.count);
    bytes_free(&gzip);
    bytes_free(&bytes);
}

static void write_good_images(const char *path, bool packed) {
    write_and_free(path, made_images(0x803, ROWS, 28, 28, ROWS), packed);
}

static void write_good_labels(const char *path, bool packed) {
    write_and_free(path, made_labels(0x801, ROWS, ROWS), packed);
}

/* Good labels, these images, this refusal. */
static void expect_images_refused(Bytes images, const char *line) {
    write_and_free("train-images-idx3-ubyte", images, false);
    write_good_labels("train-labels-idx1-ubyte", false);
    expect_refusal("train-images-idx3-ubyte", NULL, line);
}

static void expect_labels_refused(Bytes labels, const char *line) {
    write_good_images("train-images-idx3-ubyte", false);
    write_and_free("train-labels-idx1-ubyte", labels, false);
    expect_refusal("train-images-idx3-ubyte", NULL, line);
}

static void test_pairs_are_found_by_name(void **state) {
    (void)state;
    static const char *const pairs[][2] = {
        {"train-images-idx3-ubyte", "train-labels-idx1-ubyte"},
        {"train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"},
        {"t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte"},
        {"t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte.gz"},
        {"train-images.idx3-ubyte", "train-labels.idx1-ubyte"},
        {"my.images", "my.labels"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        write_good_images(pairs[i][0], strstr(pairs[i][0], ".gz") != NULL);
        write_good_labels(pairs[i][1], strstr(pairs[i][1], ".gz") != NULL);
        expect_made_import(pairs[i][0], ROWS);
        unlink(pairs[i][0]);
        unlink(pairs[i][1]);
    }
}

static void test_test_part_with_and_without_labels(void **state) {
    (void)state;
    void *memory = NULL;
    write_good_images("train-images-idx3-ubyte", false);
    write_good_labels("train-labels-idx1-ubyte", false);
    write_good_images("t10k-images-idx3-ubyte", false);
    assert_false(expect_import("train-images-idx3-ubyte", "t10k-images-idx3-ubyte").test_labelled);
    write_good_labels("t10k-labels-idx1-ubyte", false);
    assert_true(expect_import("train-images-idx3-ubyte", "t10k-images-idx3-ubyte").test_labelled);
    Dataset dataset = read_digits(&memory);
    expect_made_rows(dataset.test_images, dataset.test_labels, ROWS, true);
    free(memory);
}

static void test_missing_labels_are_refused(void **state) {
    (void)state;
    write_good_images("train-images-idx3-ubyte.gz", true);
    expect_refusal("train-images-idx3-ubyte.gz", NULL,
                   "train-images-idx3-ubyte.gz: its labels are not beside it; "
                   "train-labels-idx1-ubyte.gz is missing");
    write_good_images("digits", false);
    expect_refusal("digits", NULL,
                   "digits: its name does not tell that of its labels; call the two "
                   "X-images-idx3-ubyte and X-labels-idx1-ubyte");
}

static void test_wrong_magic_is_refused(void **state) {
    (void)state;
    expect_images_refused(made_images(0x0d03, ROWS, 28, 28, ROWS),
                          "train-images-idx3-ubyte: IDX magic 0x00000d03 where images begin with "
                          "0x00000803");
    expect_images_refused(made_labels(0x801, ROWS, ROWS),
                          "train-images-idx3-ubyte: IDX magic 0x00000801 where images begin with "
                          "0x00000803 (it holds labels: name the file of the images)");
    expect_labels_refused(made_images(0x803, ROWS, 28, 28, ROWS),
                          "train-labels-idx1-ubyte: IDX magic 0x00000803 where labels begin with "
                          "0x00000801 (it holds images)");
}

static void test_wrong_dimensions_are_refused(void **state) {
    (void)state;
    expect_images_refused(made_images(0x803, ROWS, 32, 28, ROWS),
                          "train-images-idx3-ubyte: images of 32x28 pixels; 28x28 are read");
    expect_images_refused(made_images(0x803, ROWS, 0xffffffff, 0xffffffff, ROWS),
                          "train-images-idx3-ubyte: images of 4294967295x4294967295 pixels; 28x28 "
                          "are read");
    expect_images_refused(made_images(0x803, 0, 28, 28, 0),
                          "train-images-idx3-ubyte: holds no images");
}

static void test_count_mismatch_is_refused(void **state) {
    (void)state;
    expect_labels_refused(made_labels(0x801, ROWS - 1, ROWS - 1),
                          "train-labels-idx1-ubyte: 5 labels for the 6 images of "
                          "train-images-idx3-ubyte; both must be of one set");
}

static void test_claim_of_terabytes_is_refused(void **state) {
    (void)state;
    write_and_free("train-images-idx3-ubyte", made_images(0x803, 0xffffffff, 28, 28, ROWS), false);
    write_and_free("train-labels-idx1-ubyte", made_labels(0x801, 0xffffffff, 2 * ROWS), false);
    expect_refusal("train-images-idx3-ubyte", NULL,
                   "train-images-idx3-ubyte: ends in row 7 of 4294967295: it was cut short; fetch "
                   "it again");
}

static void test_short_files_are_refused(void **state) {
    (void)state;
    Bytes images = made_images(0x803, ROWS, 28, 28, ROWS);
    images.count--;
    expect_images_refused(images, "train-images-idx3-ubyte: ends in row 6 of 6: it was cut short; "
                                  "fetch it again");
    expect_labels_refused(made_labels(0x801, ROWS, 2),
                          "train-labels-idx1-ubyte: ends in row 3 of 6: it was cut short; fetch it "
                          "again");
    for (size_t count = 2; count < 16; count++) {
        images = made_images(0x803, ROWS, 28, 28, 0);
        images.count = count;
        expect_images_refused(images, "train-images-idx3-ubyte: ends within its IDX header; fetch "
                                      "it again");
    }
}

static void test_trailing_bytes_are_refused(void **state) {
    (void)state;
    Bytes images = made_images(0x803, ROWS, 28, 28, ROWS);
    bytes_add(&images, "", 1);
    expect_images_refused(images, "train-images-idx3-ubyte: goes on after the last of its 6 rows; "
                                  "fetch it again");
    expect_labels_refused(made_labels(0x801, ROWS, ROWS + 1),
                          "train-labels-idx1-ubyte: goes on after the last of its 6 rows; fetch it "
                          "again");
}

static void test_label_above_9_is_refused(void **state) {
    (void)state;
    Bytes labels = made_labels(0x801, ROWS, ROWS);
    labels.data[8 + 3] = 10;
    expect_labels_refused(labels, "train-labels-idx1-ubyte: row 4: label 10 is above 9");
}

/* What unpacks to 64 MiB is left as soon as its header's rows are read. */
static void test_gzip_bomb_is_bounded(void **state) {
    (void)state;
    size_t count = 64u << 20;
    Bytes images = made_images(0x803, ROWS, 28, 28, ROWS);
    uint8_t *zeros = calloc(count, 1);
    bytes_add(&images, zeros, count);
    free(zeros);
    write_and_free("train-images-idx3-ubyte.gz", images, true);
    write_good_labels("train-labels-idx1-ubyte", false);
    expect_refusal("train-images-idx3-ubyte.gz", NULL,
                   "train-images-idx3-ubyte.gz: goes on after the last of its 6 rows; fetch it "
                   "again");
}

static void test_fashion_mnist_of_debian(void **state) {
    (void)state;
    const char *train = "/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz";
    if (access(train, R_OK) != 0) skip();
    ImportSummary summary =
        expect_import(train, "/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz");
    assert_int_equal(summary.train_rows, 60000);
    assert_int_equal(summary.test_rows, 10000);
    assert_true(summary.test_labelled);
    for (size_t i = 0; i < 10; i++) assert_int_equal(summary.train_labels[i], 6000);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, enter_folder, leave_folder)
    const struct CMUnitTest tests[] = {
        TEST(test_pairs_are_found_by_name),       TEST(test_test_part_with_and_without_labels),
        TEST(test_missing_labels_are_refused),    TEST(test_wrong_magic_is_refused),
        TEST(test_wrong_dimensions_are_refused),  TEST(test_count_mismatch_is_refused),
        TEST(test_claim_of_terabytes_is_refused), TEST(test_short_files_are_refused),
        TEST(test_trailing_bytes_are_refused),    TEST(test_label_above_9_is_refused),
        TEST(test_gzip_bomb_is_bounded),          TEST(test_fashion_mnist_of_debian),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
