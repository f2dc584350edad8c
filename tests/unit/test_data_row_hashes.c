/* Images are known again by their bytes, whichever file and place they are in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "mnist_dist/base/digits.h"
#include "mnist_dist/data/row_hashes.h"

enum { ROWS = 40 };

static uint8_t images[ROWS][DIGIT_PIXELS];

static int set_up(void **state) {
    (void)state;
    for (size_t row = 0; row < ROWS; row++)
        for (size_t i = 0; i < DIGIT_PIXELS; i++) images[row][i] = (uint8_t)(row * 7 + i * 31);
    return 0;
}

static void trained_rows_are_counted_wherever_they_are(void **state) {
    (void)state;
    const uint32_t trained[] = {3, 4, 17, 39}, judged[] = {39, 5, 3};
    uint8_t others[3][DIGIT_PIXELS];
    RowHashes hashes;
    assert_int_equal(row_hashes_new(&hashes, images[0], trained, 4), STATUS_OK);
    assert_int_equal(hashes.count, 4);
    assert_int_equal(row_hashes_known(&hashes, images[0], judged, 3), 2);
    assert_int_equal(row_hashes_known(&hashes, images[0], NULL, ROWS), 4);
    memcpy(others[0], images[17], DIGIT_PIXELS);
    memcpy(others[1], images[17], DIGIT_PIXELS);
    memcpy(others[2], images[4], DIGIT_PIXELS);
    others[1][DIGIT_PIXELS - 1] ^= 1;
    assert_int_equal(row_hashes_known(&hashes, others[0], NULL, 3), 2);
    for (size_t i = 1; i < 4; i++) assert_true(hashes.values[i - 1] < hashes.values[i]);
    row_hashes_free(&hashes);
}

static void none_are_known_by_none(void **state) {
    (void)state;
    RowHashes hashes;
    assert_int_equal(row_hashes_new(&hashes, images[0], NULL, 0), STATUS_OK);
    assert_int_equal(row_hashes_known(&hashes, images[0], NULL, ROWS), 0);
    row_hashes_free(&hashes);
    row_hashes_free(&hashes);
}

static void added_hashes_are_in_it_once(void **state) {
    (void)state;
    const uint32_t some[] = {9, 3, 17}, others[] = {3, 5};
    RowHashes hashes, more;
    assert_int_equal(row_hashes_new(&hashes, images[0], some, 3), STATUS_OK);
    assert_int_equal(row_hashes_new(&more, images[0], others, 2), STATUS_OK);
    assert_int_equal(row_hashes_add(&hashes, more.values, more.count), STATUS_OK);
    assert_int_equal(row_hashes_add(&hashes, NULL, 0), STATUS_OK);
    assert_int_equal(hashes.count, 4);
    assert_int_equal(row_hashes_known(&hashes, images[0], NULL, ROWS), 4);
    row_hashes_free(&hashes);
    row_hashes_free(&more);
}

static void of_many_rows_a_sample_is_kept(void **state) {
    (void)state;
    assert_int_equal(row_hashes_mask(0), 0);
    assert_int_equal(row_hashes_mask(ROW_HASHES_MOST), 0);
    assert_int_equal(row_hashes_mask(ROW_HASHES_MOST + 2), 1);
    assert_int_equal(row_hashes_mask(10000000), 15);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(added_hashes_are_in_it_once),
        cmocka_unit_test(of_many_rows_a_sample_is_kept),
        cmocka_unit_test(trained_rows_are_counted_wherever_they_are),
        cmocka_unit_test(none_are_known_by_none),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
