/* Reading digits.h5: what was written comes back, and no damage goes unseen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>

#include "data_expect.h"
#include "mnist_dist/base/h5file.h"

static const char remedy[] = "; make it anew with data/get.sh or `mnist_dist import`";

/* Makes digits.h5 of made-up rows and reads the file's bytes. */
static Bytes make_digits(size_t train_rows, size_t test_rows) {
    Bytes bytes = {0};
    char piece[4096];
    size_t got = 0;
    write_csv("train.csv", train_rows, (CsvStyle){0});
    write_csv("test.csv", test_rows, (CsvStyle){.unlabelled = true});
    expect_import("train.csv", "test.csv");
    FILE *file = fopen("digits.h5", "rb");
    while ((got = fread(piece, 1, sizeof piece, file)) > 0) bytes_add(&bytes, piece, got);
    fclose(file);
    return bytes;
}

/* Reads bad.h5 into fresh memory; the caller frees. */
static Status read_bad(Dataset *dataset, void **memory) {
    DatasetInfo info;
    *memory = NULL;
    status_clear();
    Status status = dataset_inspect(&info, "bad.h5");
    if (status != STATUS_OK) return status;
    *memory = malloc(dataset_bytes(&info));
    status = dataset_read(*memory, &info, "bad.h5", (DatasetShare){0, 1});
    dataset_view(dataset, &info, *memory);
    return status;
}

/* bad.h5 is refused with a line of its own, or read as it was written. */
static bool refused_or_right(size_t train_rows, size_t test_rows) {
    Dataset dataset;
    void *memory = NULL;
    Status status = read_bad(&dataset, &memory);
    if (status != STATUS_OK) {
        assert_int_equal(status, STATUS_DATA);
        assert_int_equal(strncmp(status_message(), "bad.h5:", 7), 0);
        assert_non_null(strstr(status_message(), remedy));
    } else {
        assert_int_equal(dataset.info.train_rows, train_rows);
        assert_int_equal(dataset.info.test_rows, test_rows);
        expect_made_rows(dataset.train_images, dataset.train_labels, train_rows, true);
        expect_made_rows(dataset.test_images, dataset.test_labels, test_rows, false);
    }
    free(memory);
    return status != STATUS_OK;
}

static void test_fingerprint_tells_data_apart(void **state) {
    (void)state;
    DatasetInfo first, again, other;
    Bytes bytes = make_digits(30, 20);
    assert_int_equal(dataset_inspect(&first, "digits.h5"), STATUS_OK);
    bytes_free(&bytes);
    bytes = make_digits(30, 20);
    assert_int_equal(dataset_inspect(&again, "digits.h5"), STATUS_OK);
    bytes_free(&bytes);
    bytes = make_digits(30, 21);
    assert_int_equal(dataset_inspect(&other, "digits.h5"), STATUS_OK);
    bytes_free(&bytes);
    assert_string_equal(first.fingerprint, again.fingerprint);
    assert_string_not_equal(first.fingerprint, other.fingerprint);
    assert_int_equal(strlen(first.fingerprint), 32);
    assert_int_equal(dataset_bytes(&first), 50 * 785);
}

/* HDF5 notes times with a resolution of a second, unless it is told not to. */
static void test_same_input_is_the_same_file(void **state) {
    (void)state;
    Bytes first = make_digits(30, 20);
    sleep(2);
    Bytes again = make_digits(30, 20);
    assert_int_equal(first.count, again.count);
    assert_memory_equal(first.data, again.data, first.count);
    bytes_free(&first);
    bytes_free(&again);
}

/* Where row 1500 of the training images lies in the file. */
static uint8_t *find_row_1500(const Bytes *bytes) {
    uint8_t row[784];
    for (size_t i = 0; i < sizeof row; i++) row[i] = (uint8_t)made_pixel(1500, i);
    uint8_t *found = memmem(bytes->data, bytes->count, row, sizeof row);
    assert_non_null(found);
    return found;
}

static void expect_chunk_1_refused(const Bytes *bytes) {
    write_file("bad.h5", bytes->data, bytes->count);
    assert_true(refused_or_right(3000, 10));
    assert_string_equal(status_message(),
                        "bad.h5: damaged: rows 1025 to 2048 of /train are not what was written; "
                        "make it anew with data/get.sh or `mnist_dist import`");
    status_clear();
    assert_int_equal(dataset_verify("bad.h5"), STATUS_DATA);
    status_clear();
}

static void test_damaged_chunk_is_named(void **state) {
    (void)state;
    Bytes bytes = make_digits(3000, 10);
    assert_int_equal(dataset_verify("digits.h5"), STATUS_OK);
    find_row_1500(&bytes)[5] ^= 0x40;
    expect_chunk_1_refused(&bytes);
    bytes_free(&bytes);
}

/* HDF5's fletcher32 takes a word of ones for one of zeros; our digest does not. */
static void test_damage_that_hdf5_does_not_see_is_found(void **state) {
    (void)state;
    Bytes bytes = make_digits(3000, 10);
    uint8_t *row = find_row_1500(&bytes);
    size_t i = 0;
    while (row[i] != 0 || row[i + 1] != 0) i += 2;
    row[i] = row[i + 1] = 0xff;
    expect_chunk_1_refused(&bytes);
    bytes_free(&bytes);
}

static void flip(int file, size_t at, uint8_t mask) {
    uint8_t byte = 0;
    assert_int_equal(pread(file, &byte, 1, (off_t)at), 1);
    byte ^= mask;
    assert_int_equal(pwrite(file, &byte, 1, (off_t)at), 1);
}

/* Zeros, which fill the ends of the chunks, are tried less often than what is not zero. */
static void test_flipped_bytes_are_never_read_wrong(void **state) {
    (void)state;
    static const uint8_t masks[] = {0x01, 0x80, 0xff};
    Bytes bytes = make_digits(12, 5);
    size_t refused = 0, tried = 0;
    write_file("bad.h5", bytes.data, bytes.count);
    int file = open("bad.h5", O_RDWR);
    for (size_t at = 0; at < bytes.count; at++) {
        if (at % (bytes.data[at] != 0 ? 13 : 9973) != 0) continue;
        flip(file, at, masks[tried % 3]);
        refused += refused_or_right(12, 5);
        flip(file, at, masks[tried % 3]);
        tried++;
    }
    close(file);
    assert_true(tried > 500);
    assert_true(refused > 500);
    bytes_free(&bytes);
}

static void test_truncated_files_are_refused(void **state) {
    (void)state;
    Bytes bytes = make_digits(12, 5);
    for (size_t part = 0; part < 64; part++) {
        write_file("bad.h5", bytes.data, bytes.count * part / 64);
        assert_true(refused_or_right(12, 5));
    }
    write_file("bad.h5", bytes.data, bytes.count - 1);
    assert_true(refused_or_right(12, 5));
    bytes_free(&bytes);
}

static void expect_refused(const char *path, const char *part_of_line) {
    DatasetInfo info;
    assert_int_equal(dataset_inspect(&info, path), STATUS_DATA);
    assert_non_null(strstr(status_message(), path));
    assert_non_null(strstr(status_message(), part_of_line));
    assert_non_null(strstr(status_message(), remedy));
    status_clear();
}

static void test_files_that_are_no_digits_are_refused(void **state) {
    (void)state;
    write_file("text.h5", "label,pixel0\n", 13);
    expect_refused("text.h5", "text.h5");
    expect_refused("none.h5", "none.h5");
    expect_refused("/tmp", "/tmp");
}

/* Writes made.h5 with the parts of digits.h5 that are asked for. */
static void write_h5(bool labels, size_t label_count, bool digests, bool fingerprint) {
    static const uint8_t zeros[20 * 784];
    const size_t images[3] = {20, 28, 28}, one = 1, two = 2;
    const uint64_t digest = 0;
    H5File *file = NULL;
    assert_int_equal(h5file_create(&file, "made.h5", 0, STATUS_FAILED), STATUS_OK);
    assert_int_equal(h5file_write(file, "/train/images", H5_U8, 3, images, zeros), STATUS_OK);
    if (labels) h5file_write(file, "/train/labels", H5_U8, 1, &label_count, zeros);
    if (digests) h5file_write(file, "/train/digests", H5_U64, 1, &one, &digest);
    if (fingerprint) h5file_write(file, "/fingerprint", H5_U64, 1, &two, (uint64_t[2]){0});
    assert_int_equal(h5file_close(file), STATUS_OK);
}

static void test_foreign_structures_are_refused(void **state) {
    (void)state;
    write_h5(false, 20, true, true);
    expect_refused("made.h5", "/train/labels is missing");
    write_h5(true, 19, true, true);
    expect_refused("made.h5", "/train/labels has 19 entries where 20 are expected");
    write_h5(true, 20, false, true);
    expect_refused("made.h5", "/train/digests");
    write_h5(true, 20, true, false);
    expect_refused("made.h5", "fingerprint");
    write_h5(true, 20, true, true);
    expect_refused("made.h5", "its counts and digests do not match its fingerprint");
}

/* Nothing is allocated for rows that the file cannot hold. */
static void test_claim_of_terabytes_is_refused(void **state) {
    (void)state;
    static const uint8_t zeros[784];
    const size_t dims[3] = {0, 28, 28};
    H5File *file = NULL;
    assert_int_equal(h5file_create(&file, "made.h5", 0, STATUS_FAILED), STATUS_OK);
    assert_int_equal(h5file_make_rows(file, "/train/images", H5_U8, 3, dims, 16), STATUS_OK);
    assert_int_equal(h5file_write_rows(file, "/train/images", 40000000, 1, zeros), STATUS_OK);
    assert_int_equal(h5file_close(file), STATUS_OK);
    expect_refused("made.h5", "/train/images: declares more numbers than the file holds");
}

static void test_replaced_file_is_noticed(void **state) {
    (void)state;
    DatasetInfo info;
    Bytes bytes = make_digits(12, 5);
    assert_int_equal(dataset_inspect(&info, "digits.h5"), STATUS_OK);
    bytes_free(&bytes);
    bytes = make_digits(12, 4);
    void *memory = malloc(dataset_bytes(&info));
    assert_int_equal(dataset_read(memory, &info, "digits.h5", (DatasetShare){0, 1}), STATUS_DATA);
    assert_string_equal(status_message(),
                        "digits.h5: was replaced while it was being read; start again");
    status_clear();
    free(memory);
    bytes_free(&bytes);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, enter_folder, leave_folder)
    const struct CMUnitTest tests[] = {
        TEST(test_fingerprint_tells_data_apart),
        TEST(test_same_input_is_the_same_file),
        TEST(test_damage_that_hdf5_does_not_see_is_found),
        TEST(test_damaged_chunk_is_named),
        TEST(test_flipped_bytes_are_never_read_wrong),
        TEST(test_truncated_files_are_refused),
        TEST(test_files_that_are_no_digits_are_refused),
        TEST(test_foreign_structures_are_refused),
        TEST(test_claim_of_terabytes_is_refused),
        TEST(test_replaced_file_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
