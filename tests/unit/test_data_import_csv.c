/* CSV import: every form that is accepted, and every mistake with its line, row and column. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "data_expect.h"

/* Writes train.csv of five made-up rows with `text` in place of one field of one line. Line 1 is
 * the header, columns count from 1. */
static void write_with_field(size_t line, size_t column, const char *text, size_t length) {
    Bytes csv = made_csv(5, (CsvStyle){0}), changed = {0};
    size_t at_line = 1, at_column = 1;
    bool written = false;
    for (size_t i = 0; i < csv.count; i++) {
        char byte = (char)csv.data[i];
        bool separator = byte == ',' || byte == '\n';
        bool here = at_line == line && at_column == column && !separator;
        if (here && !written) {
            bytes_add(&changed, text, length);
            written = true;
        }
        if (!here) bytes_add(&changed, &byte, 1);
        at_column = byte == '\n' ? 1 : at_column + (byte == ',');
        at_line += byte == '\n';
    }
    write_file("train.csv", changed.data, changed.count);
    bytes_free(&csv);
    bytes_free(&changed);
}

static void expect_field_refused(size_t line, size_t column, const char *text,
                                 const char *message) {
    write_with_field(line, column, text, strlen(text));
    expect_refusal("train.csv", NULL, message);
}

static void import_with_style(CsvStyle style) {
    write_csv("train.csv", 5, style);
    expect_made_import("train.csv", 5);
}

static void test_plain_file_is_read(void **state) {
    (void)state;
    import_with_style((CsvStyle){0});
}

static void test_crlf_is_accepted(void **state) {
    (void)state;
    import_with_style((CsvStyle){.line_end = "\r\n"});
    import_with_style((CsvStyle){.line_end = "\r\n", .no_last_newline = true});
}

static void test_missing_last_newline_is_accepted(void **state) {
    (void)state;
    import_with_style((CsvStyle){.no_last_newline = true});
}

static void test_quoted_header_is_accepted(void **state) {
    (void)state;
    import_with_style((CsvStyle){.quoted = true});
}

static void test_names_from_1_are_accepted(void **state) {
    (void)state;
    import_with_style((CsvStyle){.first_name = 1});
}

static void test_missing_header_is_accepted(void **state) {
    (void)state;
    import_with_style((CsvStyle){.headless = true});
}

static void test_byte_order_mark_is_accepted(void **state) {
    (void)state;
    Bytes csv = made_csv(5, (CsvStyle){0}), marked = {0};
    bytes_print(&marked, "\xef\xbb\xbf");
    bytes_add(&marked, csv.data, csv.count);
    write_file("train.csv", marked.data, marked.count);
    expect_made_import("train.csv", 5);
    bytes_free(&csv);
    bytes_free(&marked);
}

static void test_blank_lines_at_the_end_are_accepted(void **state) {
    (void)state;
    Bytes csv = made_csv(5, (CsvStyle){0});
    bytes_print(&csv, "\n\r\n\n");
    write_file("train.csv", csv.data, csv.count);
    expect_made_import("train.csv", 5);
    bytes_free(&csv);
}

static void test_quoted_number_is_accepted(void **state) {
    (void)state;
    char text[16];
    snprintf(text, sizeof text, "\"%u\"", made_pixel(2, 9));
    write_with_field(4, 11, text, strlen(text));
    expect_made_import("train.csv", 5);
}

static void test_many_rows_fill_many_chunks(void **state) {
    (void)state;
    static const size_t counts[] = {1023, 1024, 1025, 2500};
    for (size_t i = 0; i < 4; i++) {
        write_csv("train.csv", counts[i], (CsvStyle){0});
        expect_made_import("train.csv", counts[i]);
    }
}

static void test_unlabelled_test_part(void **state) {
    (void)state;
    void *memory = NULL;
    write_csv("train.csv", 5, (CsvStyle){0});
    write_csv("test.csv", 1500, (CsvStyle){.unlabelled = true});
    ImportSummary summary = expect_import("train.csv", "test.csv");
    assert_int_equal(summary.test_rows, 1500);
    assert_false(summary.test_labelled);
    assert_int_equal(summary.train_labels[7], 1);
    assert_int_equal(summary.train_labels[9], 0);
    Dataset dataset = read_digits(&memory);
    expect_made_rows(dataset.train_images, dataset.train_labels, 5, true);
    expect_made_rows(dataset.test_images, dataset.test_labels, 1500, false);
    assert_false(dataset.info.test_labelled);
    free(memory);
}

static void test_labelled_test_part_keeps_labels(void **state) {
    (void)state;
    void *memory = NULL;
    write_csv("train.csv", 5, (CsvStyle){0});
    write_csv("test.csv", 7, (CsvStyle){.headless = true});
    assert_true(expect_import("train.csv", "test.csv").test_labelled);
    Dataset dataset = read_digits(&memory);
    assert_true(dataset.info.test_labelled);
    expect_made_rows(dataset.test_images, dataset.test_labels, 7, true);
    free(memory);
}

static void test_wrong_pixels_are_refused(void **state) {
    (void)state;
    static const char *const wrong[] = {"256", "1e3", "-1",  "3.7",  "NaN", "",   " 1", "1 ",
                                        "+1",  "0x1", "999", "0256", "1;2", "\"", "''"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char line[128];
        snprintf(line, sizeof line,
                 "train.csv:4: column 5 (\"pixel3\"): \"%s\" is no integer from 0 to 255",
                 wrong[i]);
        expect_field_refused(4, 5, wrong[i], line);
    }
}

static void test_first_and_last_pixel_are_named(void **state) {
    (void)state;
    expect_field_refused(2, 2, "300",
                         "train.csv:2: column 2 (\"pixel0\"): \"300\" is no integer "
                         "from 0 to 255");
    expect_field_refused(6, 785, "x",
                         "train.csv:6: column 785 (\"pixel783\"): \"x\" is no integer "
                         "from 0 to 255");
}

static void test_wrong_labels_are_refused(void **state) {
    (void)state;
    static const char *const wrong[] = {"10", "-1", "", "a", "2.0"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char line[128];
        snprintf(line, sizeof line,
                 "train.csv:3: column 1 (\"label\"): \"%s\" is no label from 0 to 9", wrong[i]);
        expect_field_refused(3, 1, wrong[i], line);
    }
}

static void test_nul_byte_is_refused(void **state) {
    (void)state;
    write_with_field(5, 3, "1\0", 2);
    expect_refusal("train.csv", NULL,
                   "train.csv:5: column 3 (\"pixel1\"): \"1\\x00\" is no integer from 0 to 255 (a "
                   "NUL byte: the file is damaged)");
}

static void test_foreign_bytes_are_shown_harmlessly(void **state) {
    (void)state;
    expect_field_refused(2, 2, "\x1b[31mred\xff and much longer than a number is",
                         "train.csv:2: column 2 (\"pixel0\"): \"\\x1b[31mred\\xff and much longer "
                         "than a...\" is no integer from 0 to 255");
}

static void test_wrong_column_counts_are_refused(void **state) {
    (void)state;
    expect_field_refused(4, 5, "1,2", "train.csv:4: 786 columns where 785 are expected");
    expect_field_refused(1, 785, "pixel783,more",
                         "train.csv:1: 786 columns where 785 are expected");
    write_file("train.csv", "1 2 3\n", 6);
    expect_refusal("train.csv", NULL, "train.csv:1: 1 column where 784 are expected");
    Bytes csv = made_csv(2, (CsvStyle){0});
    write_file("train.csv", csv.data, csv.count - 20);
    ImportSummary summary;
    assert_int_equal(import_files(&summary, "train.csv", NULL, "digits.h5", NULL), STATUS_DATA);
    assert_non_null(strstr(status_message(), "train.csv:3: 7"));
    assert_non_null(strstr(status_message(), " columns where 785 are expected"));
    status_clear();
    bytes_free(&csv);
}

/* Zeros are taken four at a time: not beyond the last column. */
static void test_comma_after_the_last_zero_is_refused(void **state) {
    (void)state;
    Bytes csv = made_csv(1, (CsvStyle){.headless = true});
    bytes_print(&csv, "7");
    for (int i = 0; i < 784; i++) bytes_print(&csv, ",0");
    bytes_print(&csv, ",\n");
    write_file("train.csv", csv.data, csv.count);
    expect_refusal("train.csv", NULL, "train.csv:2: 786 columns where 785 are expected");
    bytes_free(&csv);
}

static void test_wrong_names_are_refused(void **state) {
    (void)state;
    expect_field_refused(1, 12, "pixel11",
                         "train.csv:1: column 12 is called \"pixel11\" where \"pixel10\" is "
                         "expected; put the columns in order, or leave out the header");
    expect_field_refused(1, 1, "digit",
                         "train.csv:1: column 1 is called \"digit\" where \"label\" is expected; "
                         "put the columns in order, or leave out the header");
}

static void test_blank_line_in_the_middle_is_refused(void **state) {
    (void)state;
    Bytes csv = made_csv(2, (CsvStyle){0}), rows = made_csv(1, (CsvStyle){.headless = true});
    bytes_print(&csv, "\n\n");
    bytes_add(&csv, rows.data, rows.count);
    write_file("train.csv", csv.data, csv.count);
    expect_refusal("train.csv", NULL, "train.csv:4: an empty line; remove it");
    bytes_free(&csv);
    bytes_free(&rows);
}

static void test_files_without_rows_are_refused(void **state) {
    (void)state;
    Bytes header = {0};
    csv_header(&header, &(CsvStyle){0});
    write_file("train.csv", "", 0);
    expect_refusal("train.csv", NULL, "train.csv: is empty");
    write_file("train.csv", "\n\n", 2);
    expect_refusal("train.csv", NULL, "train.csv: is empty");
    write_file("train.csv", header.data, header.count);
    expect_refusal("train.csv", NULL, "train.csv: has a header and no rows");
    bytes_free(&header);
}

static void test_huge_line_is_refused(void **state) {
    (void)state;
    size_t count = 3u << 20;
    char *line = malloc(count);
    memset(line, '1', count);
    write_file("train.csv", line, count);
    expect_refusal("train.csv", NULL,
                   "train.csv:1: a line of 65536 bytes or more; a CSV file has one image a line, "
                   "of 784 numbers");
    free(line);
}

static void test_training_without_labels_is_refused(void **state) {
    (void)state;
    const char *line = "train.csv:1: has no column \"label\"; training rows are the label and 784 "
                       "pixels (is this the test file?)";
    write_csv("train.csv", 5, (CsvStyle){.unlabelled = true});
    expect_refusal("train.csv", NULL, line);
    write_csv("train.csv", 5, (CsvStyle){.unlabelled = true, .headless = true});
    expect_refusal("train.csv", NULL, line);
}

static void test_headless_mistake_has_no_column_name(void **state) {
    (void)state;
    Bytes csv = made_csv(1, (CsvStyle){.headless = true});
    bytes_print(&csv, "3,x");
    for (int i = 0; i < 783; i++) bytes_print(&csv, ",0");
    write_file("train.csv", csv.data, csv.count);
    expect_refusal("train.csv", NULL, "train.csv:2: column 2: \"x\" is no integer from 0 to 255");
    bytes_free(&csv);
}

static void test_failure_in_the_test_file_leaves_nothing(void **state) {
    (void)state;
    write_csv("train.csv", 1500, (CsvStyle){0});
    write_file("test.csv", "5\n", 2);
    expect_refusal("train.csv", "test.csv", "test.csv:1: 1 column where 784 are expected");
}

static void test_failure_keeps_the_old_output(void **state) {
    (void)state;
    import_with_style((CsvStyle){0});
    write_file("bad.csv", "5\n", 2);
    expect_refusal("bad.csv", NULL, "bad.csv:1: 1 column where 784 are expected");
    void *memory = NULL;
    assert_int_equal(read_digits(&memory).info.train_rows, 5);
    free(memory);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, enter_folder, leave_folder)
    const struct CMUnitTest tests[] = {
        TEST(test_plain_file_is_read),
        TEST(test_crlf_is_accepted),
        TEST(test_missing_last_newline_is_accepted),
        TEST(test_quoted_header_is_accepted),
        TEST(test_names_from_1_are_accepted),
        TEST(test_missing_header_is_accepted),
        TEST(test_byte_order_mark_is_accepted),
        TEST(test_blank_lines_at_the_end_are_accepted),
        TEST(test_quoted_number_is_accepted),
        TEST(test_many_rows_fill_many_chunks),
        TEST(test_unlabelled_test_part),
        TEST(test_labelled_test_part_keeps_labels),
        TEST(test_wrong_pixels_are_refused),
        TEST(test_first_and_last_pixel_are_named),
        TEST(test_wrong_labels_are_refused),
        TEST(test_nul_byte_is_refused),
        TEST(test_foreign_bytes_are_shown_harmlessly),
        TEST(test_wrong_column_counts_are_refused),
        TEST(test_comma_after_the_last_zero_is_refused),
        TEST(test_wrong_names_are_refused),
        TEST(test_blank_line_in_the_middle_is_refused),
        TEST(test_files_without_rows_are_refused),
        TEST(test_huge_line_is_refused),
        TEST(test_training_without_labels_is_refused),
        TEST(test_headless_mistake_has_no_column_name),
        TEST(test_failure_in_the_test_file_leaves_nothing),
        TEST(test_failure_keeps_the_old_output),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
