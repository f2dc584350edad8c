/* A late weight gradient is, number for number, what backward would have written. */
#include <math.h>

#include "nn_net.h"

/* 288 x 160 weights, and a smaller dense layer; samples few enough that the former is worth it. */
#define LIST "conv 3x3 8 relu, flatten, dense 160 relu, dense 10 softmax"
enum { SAMPLES = 5, WIDTH = 160 };
static const Shape image = {6, 6, 1, false};

/* Gradients in net->gradients, but for the late range, which is left at NaN, and its factors. */
static void backward_late(Net *net, size_t n, const ModelLate *late, float *factors) {
    ModelPass pass = net_pass(net, n, true);
    for (size_t i = 0; i < net->parameters; i++) net->gradients[i] = NAN;
    model_forward(net->model, net->params, net->scratch, &pass);
    model_backward(net->model, net->params, net->scratch, &pass, net->dlogits,
                   &(ModelGradients){.dparams = net->gradients, .late = late, .factors = factors});
}

static void check_range(Net *net, const ModelLate *late, const float *factors, size_t n,
                        const float *whole, size_t begin, size_t end) {
    float *out = malloc((end - begin + 1) * sizeof *out);
    assert_non_null(out);
    out[end - begin] = 7.0F;
    model_late_gradient(out, net->model, net->scratch, late, factors, n, begin, end);
    assert_memory_equal(out, whole + begin, (end - begin) * sizeof *out);
    assert_true(out[end - begin] == 7.0F);
    free(out);
}

static void check_samples(size_t n) {
    Net net = net_new(LIST, image, SAMPLES);
    ModelLate late;
    assert_true(model_late_kernel(&late, net.model, SAMPLES));
    float *whole = malloc(net.parameters * sizeof *whole);
    float *factors = malloc(late.factors * sizeof *factors);
    assert_true(whole != NULL && factors != NULL);
    net_gradients(&net, n, true);
    memcpy(whole, net.gradients, net.parameters * sizeof *whole);
    backward_late(&net, n, &late, factors);
    for (size_t i = 0; i < net.parameters; i++)
        assert_true(isnan(net.gradients[i]) == (i >= late.begin && i < late.end));
    assert_memory_equal(net.gradients, whole, late.begin * sizeof *whole);
    assert_memory_equal(net.gradients + late.end, whole + late.end,
                        (net.parameters - late.end) * sizeof *whole);
    const size_t at[] = {0, 1, WIDTH - 1, WIDTH, 2 * WIDTH + 3, 5 * WIDTH, late.end - late.begin};
    for (size_t i = 0; i < sizeof at / sizeof *at; i++)
        for (size_t k = i; k < sizeof at / sizeof *at; k++)
            check_range(&net, &late, factors, n, whole, late.begin + at[i], late.begin + at[k]);
    free(whole);
    free(factors);
    net_destroy(&net);
}

static void test_late_numbers_are_backwards(void **state) {
    (void)state;
    for (size_t n = 1; n <= SAMPLES; n++) check_samples(n);
}

static void test_no_sample_gives_zeros(void **state) {
    (void)state;
    Net net = net_new(LIST, image, SAMPLES);
    ModelLate late;
    assert_true(model_late_kernel(&late, net.model, SAMPLES));
    float *factors = calloc(late.factors, sizeof *factors), out[300];
    assert_non_null(factors);
    backward_late(&net, 0, &late, factors);
    for (size_t i = 0; i < net.parameters; i++)
        assert_true(isnan(net.gradients[i]) || net.gradients[i] == 0.0F);
    model_late_gradient(out, net.model, net.scratch, &late, factors, 0, late.begin + 9,
                        late.begin + 309);
    for (size_t i = 0; i < 300; i++) assert_true(out[i] == 0.0F);
    free(factors);
    net_destroy(&net);
}

static void test_factors_must_be_the_smaller(void **state) {
    (void)state;
    Net net = net_new(LIST, image, SAMPLES);
    ModelLate late;
    assert_true(model_late_kernel(&late, net.model, 25)); /* 25 x 448 x 4 = 44,800 < 46,080 */
    assert_int_equal(late.end - late.begin, 288 * WIDTH);
    assert_int_equal(late.factors, 25 * (288 + WIDTH));
    assert_false(model_late_kernel(&late, net.model, 26));
    net_destroy(&net);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_late_numbers_are_backwards),
        cmocka_unit_test(test_no_sample_gives_zeros),
        cmocka_unit_test(test_factors_must_be_the_smaller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
