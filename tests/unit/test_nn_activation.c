/* Biases, activations and the sums of bias gradients, for every rest that a loop can have. */
#include <math.h>

#include "nn/activation.h"
#include "nn_net.h"

enum { MOST = 9 * 130 };

/* Channels and rows that fill no vector, one, several, and several with a rest. */
static const size_t channels[] = {1, 7, 16, 31, 32, 33, 64, 70, 130};
static const size_t rows[] = {1, 7, 8, 9};

enum { CHANNELS = sizeof channels / sizeof *channels, ROWS = sizeof rows / sizeof *rows };

static void check_forward(Activation activation, size_t r, size_t c) {
    float y[MOST], x[MOST] = {0}, bias[130] = {0};
    net_fill(x, r * c, 1, 1.0F);
    net_fill(bias, c, 2, 1.0F);
    memcpy(y, x, sizeof y);
    activation_forward(activation, y, bias, r, c);
    for (size_t i = 0; i < r * c; i++) {
        float sum = x[i] + bias[i % c];
        assert_true(y[i] == (activation == ACTIVATION_RELU && sum < 0.0F ? 0.0F : sum));
    }
}

static void test_forward_adds_each_channels_bias(void **state) {
    (void)state;
    for (size_t i = 0; i < CHANNELS * ROWS; i++) {
        check_forward(ACTIVATION_LINEAR, rows[i % ROWS], channels[i / ROWS]);
        check_forward(ACTIVATION_RELU, rows[i % ROWS], channels[i / ROWS]);
        check_forward(ACTIVATION_SOFTMAX, rows[i % ROWS], channels[i / ROWS]);
    }
}

static void test_a_nan_stays_one(void **state) {
    (void)state;
    float y[70], bias[70] = {0};
    for (size_t i = 0; i < 70; i++) y[i] = NAN;
    activation_forward(ACTIVATION_RELU, y, bias, 1, 70);
    for (size_t i = 0; i < 70; i++) assert_true(isnan(y[i]));
}

static void check_backward(size_t count) {
    float y[MOST] = {0}, before[MOST] = {0}, dy[MOST];
    net_fill(y, count, 1, 1.0F);
    net_fill(before, count, 2, 1.0F);
    for (size_t i = 0; i < count; i += 3) y[i] = 0.0F;
    memcpy(dy, before, sizeof dy);
    activation_backward(ACTIVATION_LINEAR, dy, y, count);
    assert_memory_equal(dy, before, count * sizeof *dy);
    activation_backward(ACTIVATION_RELU, dy, y, count);
    for (size_t i = 0; i < count; i++) assert_true(dy[i] == (y[i] > 0.0F ? before[i] : 0.0F));
}

static void test_backward_lets_through_what_was_positive(void **state) {
    (void)state;
    for (size_t i = 0; i < CHANNELS; i++) check_backward(channels[i]);
    check_backward(MOST);
}

/* In the order of the contract, to the bit. */
static void check_bias_gradient(size_t samples, size_t r, size_t c) {
    float dy[3 * MOST] = {0}, dbias[130] = {0};
    net_fill(dy, samples * r * c, 3, 1.0F);
    net_fill(dbias, c, 4, 1.0F);
    activation_bias_gradient(dbias, dy, samples, r, c);
    for (size_t i = 0; i < c; i++) {
        float total = 0.0F;
        for (size_t s = 0; s < samples; s++) {
            float sum = 0.0F;
            for (size_t j = 0; j < r; j++) sum += dy[(s * r + j) * c + i];
            total += sum;
        }
        assert_true(dbias[i] == total);
    }
}

static void test_bias_gradients_are_sums_in_their_order(void **state) {
    (void)state;
    for (size_t i = 0; i < CHANNELS * ROWS; i++) {
        check_bias_gradient(1, rows[i % ROWS], channels[i / ROWS]);
        check_bias_gradient(3, rows[i % ROWS], channels[i / ROWS]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forward_adds_each_channels_bias),
        cmocka_unit_test(test_a_nan_stays_one),
        cmocka_unit_test(test_backward_lets_through_what_was_positive),
        cmocka_unit_test(test_bias_gradients_are_sums_in_their_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
