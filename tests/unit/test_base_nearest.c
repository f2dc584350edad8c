/* The word that somebody meant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mnist_dist/base/nearest.h"

static size_t edits(const char *word, const char *candidate) {
    Nearest nearest = {.word = word};
    nearest_offer(&nearest, candidate);
    return nearest.edits;
}

static void test_each_edit_counts_one(void **state) {
    (void)state;
    assert_int_equal(edits("train", "train"), 0);
    assert_int_equal(edits("trai", "train"), 1);
    assert_int_equal(edits("trains", "train"), 1);
    assert_int_equal(edits("trein", "train"), 1);
    assert_int_equal(edits("trian", "train"), 1);
    assert_int_equal(edits("TRAIN", "train"), 0);
    assert_int_equal(edits("", "train"), 5);
    assert_int_equal(edits("kitten", "sitting"), 3);
}

static void test_the_nearest_wins_and_the_first_of_equals(void **state) {
    (void)state;
    Nearest nearest = {.word = "steq"};
    assert_null(nearest.best);
    nearest_offer(&nearest, "cosine");
    nearest_offer(&nearest, "step");
    nearest_offer(&nearest, "stem");
    assert_string_equal(nearest.best, "step");
}

static void test_long_words_are_held_against_each_other_by_their_beginnings(void **state) {
    (void)state;
    char a[500], b[500];
    for (size_t i = 0; i < sizeof a; i++) a[i] = b[i] = 'x';
    a[499] = b[499] = '\0';
    b[300] = 'y';
    assert_int_equal(edits(a, b), 0);
    b[3] = 'y';
    assert_int_equal(edits(a, b), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_edit_counts_one),
        cmocka_unit_test(test_the_nearest_wins_and_the_first_of_equals),
        cmocka_unit_test(test_long_words_are_held_against_each_other_by_their_beginnings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
