/* Softmax and cross-entropy: known values, large logits, soft targets, ties, NaN. */
#include <math.h>

#include "nn_net.h"

enum { K = DIGIT_CLASSES };

static void test_equal_logits_lose_the_logarithm_of_ten(void **state) {
    (void)state;
    const float logits[2 * K] = {0}, targets[2 * K] = {[3] = 1.0F, [K + 5] = 0.5F, [K + 6] = 0.5F};
    const uint8_t labels[2] = {0, 5};
    Tally tally = loss_cross_entropy(logits, targets, labels, 2);
    assert_true(fabs(tally.loss - 2.0 * log(10.0)) < 1e-15);
    assert_int_equal(tally.correct, 1); /* the lowest index wins a tie */
    assert_int_equal(tally.count, 2);
}

static void test_large_logits_overflow_nothing(void **state) {
    (void)state;
    const float logits[K] = {1e30F, -1e30F}, targets[K] = {[1] = 1.0F};
    const uint8_t label = 0;
    float probabilities[K], gradient[K];
    assert_true(fabs(loss_cross_entropy(logits, targets, &label, 1).loss / 2e30 - 1.0) < 1e-6);
    loss_softmax(probabilities, logits, 1);
    assert_true(probabilities[0] == 1.0F && probabilities[1] == 0.0F);
    loss_cross_entropy_gradient(gradient, logits, targets, 1, 0.5F);
    assert_true(gradient[0] == 0.5F && gradient[1] == -0.5F);
}

static void test_a_small_loss_keeps_its_digits(void **state) {
    (void)state;
    const float logits[K] = {20.0F}, targets[K] = {1.0F};
    const uint8_t label = 0;
    double loss = loss_cross_entropy(logits, targets, &label, 1).loss;
    assert_true(fabs(loss / (9.0 * exp(-20.0)) - 1.0) < 1e-7);
}

static void test_softmax_is_in_place_and_sums_to_one(void **state) {
    (void)state;
    float values[3 * K];
    net_fill(values, 3 * K, 1, 5.0F);
    loss_softmax(values, values, 3);
    for (size_t i = 0; i < 3; i++) {
        double sum = 0.0;
        for (size_t k = 0; k < K; k++) sum += (double)values[i * K + k];
        assert_true(fabs(sum - 1.0) < 1e-6);
    }
}

static double scaled_loss(const float logits[K], const float targets[K]) {
    const uint8_t label = 0;
    return 0.25 * loss_cross_entropy(logits, targets, &label, 1).loss;
}

/* Targets that sum to 1.3: the gradient weighs the softmax with their sum. */
static void test_gradient_by_differences(void **state) {
    (void)state;
    float logits[K], gradient[K];
    const float targets[K] = {0.7F, 0.0F, 0.4F, 0.2F}, step = 1.0F / 128;
    net_fill(logits, K, 2, 2.0F);
    loss_cross_entropy_gradient(gradient, logits, targets, 1, 0.25F);
    for (size_t k = 0; k < K; k++) {
        float kept = logits[k];
        logits[k] = kept + step;
        double above = scaled_loss(logits, targets);
        logits[k] = kept - step;
        double below = scaled_loss(logits, targets);
        logits[k] = kept;
        assert_true(fabs((above - below) * 64 - (double)gradient[k]) < 1e-5);
    }
}

static void test_rows_without_a_label_lose_and_hit_nothing(void **state) {
    (void)state;
    const float logits[K] = {1.0F}, targets[K] = {0};
    const uint8_t label = DIGIT_UNLABELLED;
    Tally tally = loss_cross_entropy(logits, targets, &label, 1);
    assert_true(tally.loss == 0.0);
    assert_int_equal(tally.correct, 0);
}

static void test_nan_reaches_the_loss(void **state) {
    (void)state;
    const float logits[K] = {[4] = NAN}, targets[K] = {1.0F};
    const uint8_t label = 0;
    assert_true(isnan(loss_cross_entropy(logits, targets, &label, 1).loss));
}

static void test_argmax(void **state) {
    (void)state;
    const float values[2 * K] = {[7] = 1.0F, [8] = 1.0F, [K + 9] = 0.5F};
    uint8_t classes[2];
    loss_argmax(classes, values, 2);
    assert_int_equal(classes[0], 7);
    assert_int_equal(classes[1], 9);
}

/* Of probabilities: a hit, a miss, a label whose probability is 0, and an image without a label. */
static void test_tally_of_probabilities(void **state) {
    (void)state;
    const float probabilities[4][DIGIT_CLASSES] = {
        {[3] = 0.75F, [5] = 0.25F}, {[3] = 0.75F, [5] = 0.25F}, {[0] = 1.0F}, {[0] = 1.0F}};
    const uint8_t labels[4] = {3, 5, 9, DIGIT_UNLABELLED};
    Tally tally = loss_of_probabilities(&probabilities[0][0], labels, 4);
    assert_int_equal(tally.count, 4);
    assert_int_equal(tally.correct, 1);
    assert_true(fabs(tally.loss - (log(1 / 0.75) + log(1 / 0.25) + log(1e7))) < 1e-9);
    const float lost[DIGIT_CLASSES] = {[3] = NAN}; /* divergence is to be seen */
    assert_true(isnan(loss_of_probabilities(lost, labels, 1).loss));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tally_of_probabilities),
        cmocka_unit_test(test_equal_logits_lose_the_logarithm_of_ten),
        cmocka_unit_test(test_large_logits_overflow_nothing),
        cmocka_unit_test(test_a_small_loss_keeps_its_digits),
        cmocka_unit_test(test_softmax_is_in_place_and_sums_to_one),
        cmocka_unit_test(test_gradient_by_differences),
        cmocka_unit_test(test_rows_without_a_label_lose_and_hit_nothing),
        cmocka_unit_test(test_nan_reaches_the_loss),
        cmocka_unit_test(test_argmax),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
