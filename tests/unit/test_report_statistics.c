/* What is read off predictions, against numbers worked out by hand; McNemar's test against exact
 * sums of binomial coefficients in whole numbers (Python's math.comb). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mnist_dist/report/statistics.h"

static void assert_near(double value, double expected, double relative) {
    if (fabs(value - expected) > relative * fabs(expected))
        fail_msg("%.17g is not %.17g", value, expected);
}

/* An image: its label, what is predicted, and with which probability; the rest is spread evenly. */
typedef struct Case {
    uint8_t label, prediction;
    float share;
} Case;

static void make(Predictions *predictions, const Case cases[], size_t count) {
    assert_int_equal(predictions_new(predictions, count, 0), STATUS_OK);
    for (size_t i = 0; i < count; i++) {
        float *row = predictions->probabilities + i * DIGIT_CLASSES;
        for (int c = 0; c < DIGIT_CLASSES; c++) row[c] = (1.0F - cases[i].share) / 9.0F;
        row[cases[i].prediction] = cases[i].share;
        predictions->validation.labels[i] = cases[i].label;
        predictions->validation.rows[i] = (uint32_t)(10 * i);
    }
}

static const Case EXAMPLE[] = {
    {3, 3, 0.9375F}, {3, 5, 0.875F}, {3, 3, 1.0F},    {5, 3, 0.25F},
    {5, 5, 0.8125F}, {7, 7, 0.5F},   {7, 1, 0.9375F}, {DIGIT_UNLABELLED, 2, 0.75F},
};
enum { EXAMPLES = sizeof EXAMPLE / sizeof *EXAMPLE };

static void confusion_counts_labelled_images(void **state) {
    (void)state;
    Predictions predictions;
    Confusion confusion;
    int64_t sum = 0;
    make(&predictions, EXAMPLE, EXAMPLES);
    predictions_confusion(&confusion, &predictions);
    for (int i = 0; i < DIGIT_CLASSES * DIGIT_CLASSES; i++) sum += confusion.cells[i / 10][i % 10];
    assert_int_equal(sum, 7);
    assert_int_equal(confusion.cells[3][3], 2);
    assert_int_equal(confusion.cells[3][5], 1);
    assert_int_equal(confusion.cells[5][3], 1);
    assert_int_equal(confusion.cells[7][1], 1);
    predictions_free(&predictions);
}

static void classes_have_precision_recall_and_f1(void **state) {
    (void)state;
    Predictions predictions;
    Confusion confusion;
    ClassFigures figures[DIGIT_CLASSES];
    make(&predictions, EXAMPLE, EXAMPLES);
    predictions_confusion(&confusion, &predictions);
    class_figures(figures, &confusion);
    assert_int_equal(figures[3].count, 3);
    assert_near(figures[3].precision, 2.0 / 3, 1e-15);
    assert_near(figures[3].recall, 2.0 / 3, 1e-15);
    assert_near(figures[3].f1, 2.0 / 3, 1e-15);
    assert_near(figures[7].precision, 1, 1e-15);
    assert_near(figures[7].recall, 0.5, 1e-15);
    assert_near(figures[7].f1, 2.0 / 3, 1e-15);
    assert_near(figures[1].precision + 1, 1, 1e-15); /* one prediction, no such label */
    assert_true(isnan(figures[1].recall));
    assert_true(isnan(figures[0].precision) && isnan(figures[0].f1));
    predictions_free(&predictions);
}

static void errors_and_unsure_are_in_order(void **state) {
    (void)state;
    Predictions predictions;
    uint32_t *images;
    size_t count;
    static const uint32_t errors[] = {6, 1, 3}, unsure[] = {3, 5, 4, 1, 0, 6, 2};
    make(&predictions, EXAMPLE, EXAMPLES);
    assert_int_equal(predictions_errors(&images, &count, &predictions), STATUS_OK);
    assert_int_equal(count, 3);
    assert_memory_equal(images, errors, sizeof errors);
    free(images);
    assert_int_equal(predictions_unsure(&images, &count, &predictions), STATUS_OK);
    assert_int_equal(count, 7);
    assert_memory_equal(images, unsure, sizeof unsure);
    free(images);
    predictions_free(&predictions);
}

/* Bins: .25 miss | .5 hit | .875 miss, .8125 hit | .9375 hit, 1 hit, .9375 miss. The gaps, by
 * count: .25, .5, |1 - 1.6875|, |2 - 2.875|; their sum 2.3125 over 7 images. */
static void calibration_is_by_hand(void **state) {
    (void)state;
    Predictions predictions;
    Calibration calibration;
    make(&predictions, EXAMPLE, EXAMPLES);
    calibration_of(&calibration, &predictions);
    assert_int_equal(calibration.bins[2].count, 1);
    assert_int_equal(calibration.bins[5].count, 1);
    assert_int_equal(calibration.bins[8].count, 2);
    assert_int_equal(calibration.bins[9].count, 3);
    assert_true(isnan(calibration.bins[0].accuracy));
    assert_near(calibration.bins[8].confidence, 0.84375, 1e-15);
    assert_near(calibration.bins[8].accuracy, 0.5, 1e-15);
    assert_near(calibration.bins[9].accuracy, 2.0 / 3, 1e-15);
    assert_near(calibration.error, 2.3125 / 7, 1e-15);
    predictions_free(&predictions);
    make(&predictions, EXAMPLE, 0);
    calibration_of(&calibration, &predictions);
    assert_true(isnan(calibration.error));
    predictions_free(&predictions);
}

static void mcnemar_is_exact(void **state) {
    (void)state;
    assert_near(mcnemar_exact(0, 0), 1, 1e-15);
    assert_near(mcnemar_exact(7, 7), 1, 1e-15);
    assert_near(mcnemar_exact(0, 1), 1, 1e-12);
    assert_near(mcnemar_exact(10, 2), 0.03857421875, 1e-12);
    assert_near(mcnemar_exact(2, 10), 0.03857421875, 1e-12);
    assert_near(mcnemar_exact(0, 10), 0.001953125, 1e-12);
    assert_near(mcnemar_exact(400, 500), 0.000956444136918946, 1e-10);
    assert_near(mcnemar_exact(3000, 3300), 0.00016475607669748, 1e-9);
    assert_true(mcnemar_exact(1, 30000) < 1e-300);
}

static void pairs_are_of_the_same_images(void **state) {
    (void)state;
    Predictions a, b;
    PairedCounts counts = {0};
    Case other[EXAMPLES];
    memcpy(other, EXAMPLE, sizeof other);
    other[0].prediction = 8; /* only a is right */
    other[1].prediction = 3; /* only b */
    other[3].prediction = 5; /* only b */
    make(&a, EXAMPLE, EXAMPLES);
    make(&b, other, EXAMPLES);
    assert_true(paired_add(&counts, &a, &b));
    assert_int_equal(counts.only_a, 1);
    assert_int_equal(counts.only_b, 2);
    assert_int_equal(counts.both, 3);
    assert_int_equal(counts.neither, 1);
    b.validation.rows[2]++;
    assert_false(paired_add(&counts, &a, &b));
    b.validation.rows[2]--;
    b.validation.labels[2]++;
    assert_false(paired_add(&counts, &a, &b));
    assert_int_equal(counts.both, 3);
    predictions_free(&a);
    predictions_free(&b);
}

static void spread_is_of_the_sample(void **state) {
    (void)state;
    Spread spread = spread_of((double[]){2, NAN, 4, 9}, 4);
    assert_int_equal(spread.count, 3);
    assert_near(spread.mean, 5, 1e-15);
    assert_near(spread.deviation, sqrt(13), 1e-15); /* (9 + 1 + 16) / 2 */
    assert_near(spread.least, 2, 1e-15);
    assert_near(spread.most, 9, 1e-15);
    assert_true(isnan(spread_of((double[]){3}, 1).deviation));
    assert_true(isnan(spread_of(NULL, 0).mean));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(confusion_counts_labelled_images),
        cmocka_unit_test(classes_have_precision_recall_and_f1),
        cmocka_unit_test(errors_and_unsure_are_in_order),
        cmocka_unit_test(calibration_is_by_hand),
        cmocka_unit_test(mcnemar_is_exact),
        cmocka_unit_test(pairs_are_of_the_same_images),
        cmocka_unit_test(spread_is_of_the_sample),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
