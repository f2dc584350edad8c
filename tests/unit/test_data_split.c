/* The hold-out: a partition, stratified, the same for all, and never everything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "mnist_dist/base/digits.h"
#include "mnist_dist/base/rng.h"
#include "mnist_dist/data/split.h"

enum { ROWS = 1237, FOLDS = 10 };

/* Unequal classes; class 3 is missing, class 9 has one row. */
static void make_labels(uint8_t labels[ROWS]) {
    const RngStream stream = {11, RNG_AUGMENT, 0, 0, 0};
    for (uint32_t row = 0; row < ROWS; row++) {
        uint32_t words[4];
        rng_words(words, &stream, row);
        labels[row] = (uint8_t)(words[0] % 3 == 0 ? words[1] % 3 : words[1] % 9);
        if (labels[row] == 3) labels[row] = 8;
    }
    labels[500] = 9;
}

static void assert_ascending(const uint32_t *rows, size_t count) {
    for (size_t i = 1; i < count; i++) assert_true(rows[i - 1] < rows[i]);
}

static void the_two_sides_are_a_partition_in_order(void **state) {
    (void)state;
    uint8_t labels[ROWS], seen[ROWS] = {0};
    Split split;
    make_labels(labels);
    assert_int_equal(split_new(&split, labels, ROWS, FOLDS, 4), STATUS_OK);
    assert_int_equal(split.train_count + split.validation_count, ROWS);
    assert_ascending(split.train, split.train_count);
    assert_ascending(split.validation, split.validation_count);
    for (size_t i = 0; i < split.train_count; i++) seen[split.train[i]]++;
    for (size_t i = 0; i < split.validation_count; i++) seen[split.validation[i]]++;
    for (size_t row = 0; row < ROWS; row++) assert_int_equal(seen[row], 1);
    split_destroy(&split);
}

static void each_row_is_held_out_by_one_part(void **state) {
    (void)state;
    uint8_t labels[ROWS], held_out[ROWS] = {0};
    make_labels(labels);
    for (size_t fold = 0; fold < FOLDS; fold++) {
        Split split;
        assert_int_equal(split_new(&split, labels, ROWS, FOLDS, fold), STATUS_OK);
        for (size_t i = 0; i < split.validation_count; i++) held_out[split.validation[i]]++;
        split_destroy(&split);
    }
    for (size_t row = 0; row < ROWS; row++) assert_int_equal(held_out[row], 1);
}

static void assert_within_one(const size_t counts[FOLDS]) {
    size_t least = counts[0], most = counts[0];
    for (int i = 1; i < FOLDS; i++) {
        if (counts[i] < least) least = counts[i];
        if (counts[i] > most) most = counts[i];
    }
    assert_true(most - least <= 1);
}

static void parts_differ_by_one_row_per_class_and_over_all(void **state) {
    (void)state;
    uint8_t labels[ROWS];
    size_t by_class[DIGIT_CLASSES][FOLDS] = {{0}}, all[FOLDS];
    make_labels(labels);
    for (size_t fold = 0; fold < FOLDS; fold++) {
        Split split;
        assert_int_equal(split_new(&split, labels, ROWS, FOLDS, fold), STATUS_OK);
        all[fold] = split.validation_count;
        for (size_t i = 0; i < split.validation_count; i++) {
            by_class[labels[split.validation[i]]][fold]++;
        }
        split_destroy(&split);
    }
    assert_within_one(all);
    for (int c = 0; c < DIGIT_CLASSES; c++) assert_within_one(by_class[c]);
}

static void rows_are_dealt_at_random(void **state) {
    (void)state;
    uint8_t labels[100] = {0};
    Split split;
    size_t gaps_of_ten = 0;
    assert_int_equal(split_new(&split, labels, 100, FOLDS, 0), STATUS_OK);
    assert_int_equal(split.validation_count, 10);
    for (size_t i = 1; i < 10; i++) {
        gaps_of_ten += split.validation[i] - split.validation[i - 1] == 10;
    }
    assert_true(gaps_of_ten < 5);
    split_destroy(&split);
}

static void no_folds_hold_out_nothing(void **state) {
    (void)state;
    uint8_t labels[ROWS];
    Split split;
    make_labels(labels);
    assert_int_equal(split_new(&split, labels, ROWS, 0, 0), STATUS_OK);
    assert_int_equal(split.train_count, ROWS);
    assert_int_equal(split.validation_count, 0);
    for (uint32_t row = 0; row < ROWS; row++) assert_int_equal(split.train[row], row);
    split_destroy(&split);
}

static void a_part_beyond_the_rows_is_empty(void **state) {
    (void)state;
    const uint8_t labels[3] = {1, 2, 1};
    Split split;
    assert_int_equal(split_new(&split, labels, 3, FOLDS, 3), STATUS_OK);
    assert_int_equal(split.validation_count, 0);
    assert_int_equal(split.train_count, 3);
    split_destroy(&split);
}

static void nothing_left_to_train_on_is_an_error(void **state) {
    (void)state;
    const uint8_t labels[3] = {1, 2, 1};
    Split split;
    assert_int_equal(split_new(&split, labels, 3, 1, 0), STATUS_DATA);
    assert_non_null(strstr(status_message(), "data.folds"));
    status_clear();
    assert_int_equal(split_new(&split, labels, 1, FOLDS, 0), STATUS_DATA);
    status_clear();
    assert_int_equal(split_new(&split, labels, 0, 0, 0), STATUS_DATA);
    status_clear();
    split_destroy(&split);
    split_destroy(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_two_sides_are_a_partition_in_order),
        cmocka_unit_test(each_row_is_held_out_by_one_part),
        cmocka_unit_test(parts_differ_by_one_row_per_class_and_over_all),
        cmocka_unit_test(rows_are_dealt_at_random),
        cmocka_unit_test(no_folds_hold_out_nothing),
        cmocka_unit_test(a_part_beyond_the_rows_is_empty),
        cmocka_unit_test(nothing_left_to_train_on_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
