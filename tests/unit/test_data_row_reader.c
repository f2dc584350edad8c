/* Rows as they are needed are those that are read all at once, and no damage goes unseen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>

#include "data_files.h"
#include "mnist_dist/base/digits.h"
#include "mnist_dist/data/row_reader.h"
#include "mnist_dist/data/sampler.h"
#include "mnist_dist/data/synth.h"

enum { TRAIN = 5000, TEST = 1500, BLOCK = 700 };

static Dataset dataset; /* of digits.h5, in memory */
static void *memory;

static int make_digits(void **state) {
    const SynthOptions options = {1, TRAIN, TEST, 1};
    DatasetInfo info;
    if (enter_folder(state) != 0 || synth_write("digits.h5", &options, NULL) != STATUS_OK ||
        dataset_inspect(&info, "digits.h5") != STATUS_OK)
        return -1;
    memory = malloc(dataset_bytes(&info));
    for (size_t i = 0; i < 3; i++) /* in shares, as the ranks of a node do it */
        if (dataset_read(memory, &info, "digits.h5", (DatasetShare){i, 3}) != STATUS_OK) return -1;
    dataset_view(&dataset, &info, memory);
    return 0;
}

static int drop_digits(void **state) {
    free(memory);
    return leave_folder(state);
}

static RowReader *open_reader(void) {
    RowReader *reader = NULL;
    assert_int_equal(row_reader_open(&reader, &dataset.info, "digits.h5"), STATUS_OK);
    return reader;
}

static void expect_image(const uint8_t *image, DataPart part, size_t row) {
    const uint8_t *all = part == DATA_TRAIN ? dataset.train_images : dataset.test_images;
    assert_memory_equal(image, all + row * DIGIT_PIXELS, DIGIT_PIXELS);
}

static void rows_come_by_number_and_in_a_row(void **state) {
    (void)state;
    static uint8_t images[3000 * DIGIT_PIXELS];
    const uint32_t rows[] = {0, 1023, 1024, 4999, 4096, 3, 2047};
    RowReader *reader = open_reader();
    assert_int_equal(row_reader_images(reader, DATA_TRAIN, images, rows, 0, 7), STATUS_OK);
    for (size_t i = 0; i < 7; i++) expect_image(images + i * DIGIT_PIXELS, DATA_TRAIN, rows[i]);
    assert_int_equal(row_reader_images(reader, DATA_TRAIN, images, NULL, 1900, 3000), STATUS_OK);
    for (size_t i = 0; i < 3000; i++) expect_image(images + i * DIGIT_PIXELS, DATA_TRAIN, 1900 + i);
    assert_int_equal(row_reader_images(reader, DATA_TEST, images, NULL, 0, TEST), STATUS_OK);
    for (size_t i = 0; i < TEST; i++) expect_image(images + i * DIGIT_PIXELS, DATA_TEST, i);
    row_reader_close(reader);
}

/* Every third row is another side's. */
static void shares_of_a_block_make_it_whole(void **state) {
    (void)state;
    static uint8_t images[BLOCK * DIGIT_PIXELS];
    uint32_t rows[BLOCK];
    RowReader *reader = open_reader();
    for (uint32_t first = 0; first + BLOCK * 3 / 2 < TRAIN; first += 777) {
        const RowBlock block = {rows, images, BLOCK};
        for (uint32_t i = 0; i < BLOCK; i++) rows[i] = first + i + i / 2;
        for (size_t of = 1; of < 5; of++) {
            memset(images, 0, sizeof images);
            for (size_t i = 0; i < of; i++)
                assert_int_equal(row_reader_block(reader, &block, (DatasetShare){i, of}),
                                 STATUS_OK);
            for (size_t i = 0; i < BLOCK; i++)
                expect_image(images + i * DIGIT_PIXELS, DATA_TRAIN, rows[i]);
        }
    }
    row_reader_close(reader);
}

static void labels_alone_are_the_same(void **state) {
    (void)state;
    uint8_t labels[TRAIN + TEST];
    Dataset alone;
    assert_int_equal(dataset_label_bytes(&dataset.info), sizeof labels);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(
            dataset_read_labels(labels, &dataset.info, "digits.h5", (DatasetShare){i, 4}),
            STATUS_OK);
    dataset_view_labels(&alone, &dataset.info, labels);
    assert_null(alone.train_images);
    assert_memory_equal(alone.train_labels, dataset.train_labels, TRAIN);
    assert_memory_equal(alone.test_labels, dataset.test_labels, TEST);
}

/* Where an image lies in the file. */
static off_t find_row(int file, size_t row) {
    Bytes bytes = {0};
    char piece[4096];
    for (ssize_t got; (got = read(file, piece, sizeof piece)) > 0;)
        bytes_add(&bytes, piece, (size_t)got);
    uint8_t *found =
        memmem(bytes.data, bytes.count, dataset.train_images + row * DIGIT_PIXELS, DIGIT_PIXELS);
    assert_non_null(found);
    const off_t place = found - bytes.data;
    bytes_free(&bytes);
    return place;
}

static void damage_under_way_is_named(void **state) {
    (void)state;
    uint8_t image[DIGIT_PIXELS], byte = 0;
    RowReader *reader = open_reader();
    int file = open("digits.h5", O_RDWR);
    const off_t place = find_row(file, 2500) + 300;
    assert_int_equal(pread(file, &byte, 1, place), 1);
    byte ^= 0x10;
    assert_int_equal(pwrite(file, &byte, 1, place), 1);
    const uint32_t good = 4500, bad = 2048;
    assert_int_equal(row_reader_images(reader, DATA_TRAIN, image, &good, 0, 1), STATUS_OK);
    assert_int_equal(row_reader_images(reader, DATA_TRAIN, image, &bad, 0, 1), STATUS_DATA);
    assert_string_equal(status_message(),
                        "digits.h5: damaged: rows 2049 to 3072 of /train are not what was written; "
                        "make it anew with data/get.sh or `mnist_dist import`");
    status_clear();
    byte ^= 0x10;
    assert_int_equal(pwrite(file, &byte, 1, place), 1);
    close(file);
    row_reader_close(reader);
}

static void a_file_of_the_same_name_is_another(void **state) {
    (void)state;
    const SynthOptions options = {2, 50, 0, 1};
    uint8_t image[DIGIT_PIXELS];
    RowReader *reader = open_reader(), *late = NULL;
    assert_int_equal(synth_write("digits.h5", &options, NULL), STATUS_OK);
    assert_int_equal(row_reader_images(reader, DATA_TRAIN, image, NULL, 3333, 1), STATUS_OK);
    expect_image(image, DATA_TRAIN, 3333);
    row_reader_close(reader);
    assert_int_equal(row_reader_open(&late, &dataset.info, "digits.h5"), STATUS_DATA);
    assert_non_null(strstr(status_message(), "was replaced"));
    assert_null(late);
    status_clear();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_by_number_and_in_a_row),
        cmocka_unit_test(shares_of_a_block_make_it_whole),
        cmocka_unit_test(labels_alone_are_the_same),
        cmocka_unit_test(damage_under_way_is_named),
        cmocka_unit_test(a_file_of_the_same_name_is_another),
    };
    return cmocka_run_group_tests(tests, make_digits, drop_digits);
}
