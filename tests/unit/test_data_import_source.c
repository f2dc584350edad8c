/* What all importers share: gzip in all its damages, files that are none, telling formats apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "data_expect.h"

enum { ROWS = 300 };

/* A packed CSV of made-up rows. */
static Bytes packed_csv(void) {
    Bytes csv = made_csv(ROWS, (CsvStyle){0});
    Bytes packed = pack(csv.data, csv.count);
    bytes_free(&csv);
    return packed;
}

static Status import_bytes(const Bytes *bytes) {
    ImportSummary summary;
    write_file("train.csv.gz", bytes->data, bytes->count);
    status_clear();
    Status status = import_files(&summary, "train.csv.gz", NULL, "digits.h5", NULL);
    if (status != STATUS_OK) assert_int_equal(count_files(), 1);
    return status;
}

static void test_gzip_is_read(void **state) {
    (void)state;
    Bytes packed = packed_csv();
    write_file("train.csv.gz", packed.data, packed.count);
    expect_made_import("train.csv.gz", ROWS);
    bytes_free(&packed);
}

static void test_gzip_members_are_one_stream(void **state) {
    (void)state;
    Bytes csv = made_csv(ROWS, (CsvStyle){0});
    size_t half = csv.count / 2;
    Bytes first = pack(csv.data, half), second = pack(csv.data + half, csv.count - half);
    bytes_add(&first, second.data, second.count);
    write_file("train.csv.gz", first.data, first.count);
    expect_made_import("train.csv.gz", ROWS);
    bytes_free(&csv);
    bytes_free(&first);
    bytes_free(&second);
}

static void test_truncated_gzip_is_refused_wherever_it_ends(void **state) {
    (void)state;
    Bytes packed = packed_csv();
    size_t whole = packed.count;
    for (size_t count = 2; count < whole; count += count < 30 || whole - count < 30 ? 1 : 9973) {
        packed.count = count;
        assert_int_equal(import_bytes(&packed), STATUS_DATA);
        assert_string_equal(status_message(), "train.csv.gz: truncated: the file ends within its "
                                              "gzip data; fetch it again");
    }
    status_clear();
    bytes_free(&packed);
}

static void test_trailing_garbage_is_refused(void **state) {
    (void)state;
    Bytes packed = packed_csv();
    bytes_print(&packed, "x");
    assert_int_equal(import_bytes(&packed), STATUS_DATA);
    assert_string_equal(status_message(),
                        "train.csv.gz: something that is no gzip follows the gzip "
                        "data; fetch the file again");
    status_clear();
    bytes_free(&packed);
}

static void test_wrong_checksum_is_refused(void **state) {
    (void)state;
    Bytes packed = packed_csv();
    packed.data[packed.count - 6] ^= 1;
    assert_int_equal(import_bytes(&packed), STATUS_DATA);
    assert_string_equal(status_message(), "train.csv.gz: damaged gzip data (incorrect data check); "
                                          "fetch the file again");
    status_clear();
    bytes_free(&packed);
}

/* A flipped bit is found wherever it is, but for the header's name, time and system. */
static void test_flipped_bits_are_refused(void **state) {
    (void)state;
    Bytes packed = packed_csv();
    for (size_t at = 10; at < packed.count; at += 4001) {
        packed.data[at] ^= 0x10;
        assert_int_equal(import_bytes(&packed), STATUS_DATA);
        assert_int_equal(strncmp(status_message(), "train.csv.gz:", 13), 0);
        packed.data[at] ^= 0x10;
    }
    status_clear();
    bytes_free(&packed);
}

static void test_other_formats_are_named(void **state) {
    (void)state;
    static const struct {
        const char *bytes, *line;
    } cases[] = {
        {"PK\x03\x04 and so on", "input: is a zip archive; unpack it and name the files in it"},
        {"BZh91AY&SY", "input: is packed with bzip2; unpack it"},
        {"\xfd"
         "7zXZ",
         "input: is packed with xz; unpack it"},
        {"\x28\xb5\x2f\xfd....", "input: is packed with zstd; unpack it"},
        {"\x89HDF\r\n\x1a\n", "input: is HDF5; a digits.h5 needs no import"},
        {"\xff\xfel", "input: is UTF-16; save it as UTF-8"},
        {"\xff\xd8\xff\xe0", "input: is a JPEG; sheets of digits are PNG"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_file("input", cases[i].bytes, strlen(cases[i].bytes));
        expect_refusal("input", NULL, cases[i].line);
    }
}

static void test_gzip_within_gzip_is_refused(void **state) {
    (void)state;
    Bytes packed = packed_csv(), twice = pack(packed.data, packed.count);
    write_file("train.csv.gz", twice.data, twice.count);
    expect_refusal("train.csv.gz", NULL, "train.csv.gz: is gzip within gzip; unpack it once");
    bytes_free(&packed);
    bytes_free(&twice);
}

static void test_files_that_cannot_be_read_are_refused(void **state) {
    (void)state;
    expect_refusal("none.csv", NULL, "none.csv: cannot be opened: No such file or directory");
    expect_refusal("/", NULL, "/: is a folder; name a file in it");
    write_csv("train.csv", 2, (CsvStyle){0});
    expect_refusal("train.csv", "none.csv",
                   "none.csv: cannot be opened: No such file or directory");
}

static void test_output_must_not_be_an_input(void **state) {
    (void)state;
    ImportSummary summary;
    write_csv("train.csv", 2, (CsvStyle){0});
    assert_int_equal(import_files(&summary, "train.csv", NULL, "./train.csv", NULL), STATUS_USAGE);
    assert_string_equal(status_message(),
                        "./train.csv: is both input and output; name another output");
    status_clear();
    expect_made_import("train.csv", 2);
}

static void test_output_that_cannot_be_written_is_an_error(void **state) {
    (void)state;
    ImportSummary summary;
    write_csv("train.csv", 2, (CsvStyle){0});
    assert_int_equal(import_files(&summary, "train.csv", NULL, "none/digits.h5", NULL),
                     STATUS_FAILED);
    assert_string_not_equal(status_message(), "");
    status_clear();
    assert_int_equal(count_files(), 1);
}

static double last_share;
static int progress_calls;

static void remember_progress(const char *path, double share) {
    assert_string_equal(path, "train.csv.gz");
    assert_true(share >= last_share && share <= 1.0);
    last_share = share;
    progress_calls++;
}

static void test_progress_goes_up_to_1(void **state) {
    (void)state;
    Bytes packed = packed_csv();
    ImportSummary summary;
    write_file("train.csv.gz", packed.data, packed.count);
    assert_int_equal(import_files(&summary, "train.csv.gz", NULL, "digits.h5", remember_progress),
                     STATUS_OK);
    assert_true(progress_calls > 2);
    assert_true(last_share == 1.0);
    bytes_free(&packed);
}

static void test_a_fifo_is_read(void **state) {
    (void)state;
    Bytes packed = packed_csv();
    ImportSummary summary;
    assert_int_equal(mkfifo("fifo", 0600), 0);
    pid_t child = fork();
    if (child == 0) {
        write_file("fifo", packed.data, packed.count);
        _exit(0);
    }
    assert_int_equal(import_files(&summary, "fifo", NULL, "digits.h5", NULL), STATUS_OK);
    assert_int_equal(summary.train_rows, ROWS);
    bytes_free(&packed);
}

/* Threads of this program. */
static int count_threads(void) {
    DIR *threads = opendir("/proc/self/task");
    int count = 0;
    assert_non_null(threads);
    for (struct dirent *entry = readdir(threads); entry != NULL; entry = readdir(threads))
        count += entry->d_name[0] != '.';
    closedir(threads);
    return count;
}

/* Whoever unpacks must give up as well, even if it waits for more that does not come. The first of
 * the two blocks that this file unpacks to is handed over, the second never is. */
static void test_an_error_ends_the_wait_for_a_fifo(void **state) {
    (void)state;
    ImportSummary summary;
    int threads = count_threads();
    Bytes csv = made_csv(100, (CsvStyle){0});
    memcpy(csv.data, "lapel", 5);
    Bytes packed = pack(csv.data, csv.count);
    assert_int_equal(mkfifo("fifo", 0600), 0);
    pid_t child = fork();
    if (child == 0) {
        alarm(30); /* should the parent be gone by then */
        int fifo = open("fifo", O_WRONLY);
        if (write(fifo, packed.data, packed.count - 1) < 0) _exit(1);
        pause();
        _exit(0);
    }
    alarm(20);
    assert_int_equal(import_files(&summary, "fifo", NULL, "digits.h5", NULL), STATUS_DATA);
    alarm(0);
    assert_non_null(strstr(status_message(), "column 1 is called \"lapel\""));
    assert_int_equal(count_threads(), threads);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    status_clear();
    bytes_free(&csv);
    bytes_free(&packed);
}

static void test_no_thread_is_left_whatever_happens(void **state) {
    (void)state;
    int threads = count_threads();
    Bytes packed = packed_csv(), half = packed;
    half.count /= 2;
    assert_int_equal(import_bytes(&packed), STATUS_OK);
    assert_int_equal(count_threads(), threads);
    unlink("digits.h5");
    assert_int_equal(import_bytes(&half), STATUS_DATA);
    assert_int_equal(count_threads(), threads);
    status_clear();
    bytes_free(&packed);
}

static void test_left_over_of_a_killed_import_is_removed(void **state) {
    (void)state;
    write_csv("train.csv", 2, (CsvStyle){0});
    write_file(".digits.h5.999999999.tmp", "x", 1);
    write_file(".digits.h5.999999998.tmp", "x", 1); /* may be another host's, under way */
    assert_int_equal(
        utimensat(AT_FDCWD, ".digits.h5.999999999.tmp", (struct timespec[2]){{0}, {0}}, 0), 0);
    write_file(".other.h5.999999999.tmp", "x", 1);
    ImportSummary summary;
    assert_int_equal(import_files(&summary, "train.csv", NULL, "digits.h5", NULL), STATUS_OK);
    assert_int_equal(access(".digits.h5.999999999.tmp", F_OK), -1);
    assert_int_equal(access(".digits.h5.999999998.tmp", F_OK), 0);
    assert_int_equal(access(".other.h5.999999999.tmp", F_OK), 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, enter_folder, leave_folder)
    const struct CMUnitTest tests[] = {
        TEST(test_gzip_is_read),
        TEST(test_gzip_members_are_one_stream),
        TEST(test_truncated_gzip_is_refused_wherever_it_ends),
        TEST(test_trailing_garbage_is_refused),
        TEST(test_wrong_checksum_is_refused),
        TEST(test_flipped_bits_are_refused),
        TEST(test_other_formats_are_named),
        TEST(test_gzip_within_gzip_is_refused),
        TEST(test_files_that_cannot_be_read_are_refused),
        TEST(test_output_must_not_be_an_input),
        TEST(test_output_that_cannot_be_written_is_an_error),
        TEST(test_progress_goes_up_to_1),
        TEST(test_a_fifo_is_read),
        TEST(test_an_error_ends_the_wait_for_a_fifo),
        TEST(test_no_thread_is_left_whatever_happens),
        TEST(test_left_over_of_a_killed_import_is_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
