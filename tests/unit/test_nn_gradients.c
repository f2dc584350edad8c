/* Every layer's gradients against finite differences of the loss. The network counts in single
 * precision and its loss in double, so a central difference with step h is off by about 1e-7 / h
 * from rounding and by h^2 from curvature. Nets with relu or maxpool have kinks: there the
 * step is smaller and the tolerance wider. The input's gradient of a layer is checked by the
 * weights of the layer before it. */
#include <math.h>

#include "nn_net.h"

typedef struct Check {
    const char *list;
    Shape input;
    size_t samples;
    float step;
    double tolerance; /* of the tensor's largest gradient */
} Check;

static double difference_quotient(Net *net, const Check *check, size_t i) {
    float kept = net->params[i];
    net->params[i] = kept + check->step;
    float above = net->params[i];
    double loss_above = net_loss(net, check->samples, true);
    net->params[i] = kept - check->step;
    double width = (double)above - (double)net->params[i];
    double loss_below = net_loss(net, check->samples, true);
    net->params[i] = kept;
    return (loss_above - loss_below) / width;
}

static double largest(const float *values, size_t count) {
    double most = 0.0;
    for (size_t i = 0; i < count; i++) most = fmax(most, fabs((double)values[i]));
    return most;
}

static void check_tensor(Net *net, const Check *check, ModelTensor tensor) {
    double scale = largest(net->gradients + tensor.offset, tensor.count);
    assert_true(scale > 1e-3);
    for (size_t e = 0; e < tensor.count; e++) {
        double ours = (double)net->gradients[tensor.offset + e];
        double quotient = difference_quotient(net, check, tensor.offset + e);
        if (!(fabs(ours - quotient) <= check->tolerance * scale))
            fail_msg("%s %s [%zu]: gradient %g, quotient %g, largest %g", tensor.layer, tensor.name,
                     e, ours, quotient, scale);
    }
}

static void run(Check check) {
    Net net = net_new(check.list, check.input, check.samples);
    net_gradients(&net, check.samples, true);
    for (size_t t = 0; t < model_tensor_count(net.model); t++)
        if (!model_tensor(net.model, t).buffer)
            check_tensor(&net, &check, model_tensor(net.model, t));
    net_destroy(&net);
}

#define SMOOTH .step = 1e-2F, .tolerance = 1e-3
#define KINKED .step = 1e-3F, .tolerance = 1e-2

static void test_dense(void **state) {
    (void)state;
    run((Check){"flatten, dense 6, dense 10 softmax", {3, 2, 2, false}, 3, SMOOTH});
}

static void test_dense_over_more_rows_than_a_block(void **state) {
    (void)state;
    run((Check){"flatten, dense 4, dense 10 softmax", {2, 2, 1, false}, 35, SMOOTH});
}

static void test_dense_relu(void **state) {
    (void)state;
    run((Check){"flatten, dense 9 relu, dense 10 softmax", {3, 2, 2, false}, 3, KINKED});
}

static void test_conv(void **state) {
    (void)state;
    run((Check){"conv 3x3 3, conv 3x3 2, flatten, dense 10 softmax", {5, 4, 2, false}, 2, SMOOTH});
}

static void test_conv_with_an_oblong_even_kernel(void **state) {
    (void)state;
    run((Check){"conv 2x3 3, conv 4x1 2, flatten, dense 10 softmax", {5, 4, 2, false}, 2, SMOOTH});
}

static void test_conv_larger_than_its_image(void **state) {
    (void)state;
    run((Check){"conv 5x5 2, conv 5x5 3, flatten, dense 10 softmax", {2, 3, 1, false}, 2, SMOOTH});
}

static void test_conv_with_strides_and_without_padding(void **state) {
    (void)state;
    run((Check){"conv 3x3 3 valid, conv 3x2 2 stride 2, flatten, dense 10 softmax",
                {7, 8, 2, false},
                2,
                SMOOTH});
    run((Check){"conv 2x2 3 stride 2, conv 2x3 2 valid stride 3 nobias, flatten, dense 10 softmax",
                {9, 13, 1, false},
                2,
                SMOOTH});
}

static void test_conv_relu(void **state) {
    (void)state;
    run((Check){"conv 3x3 3 relu, conv 3x3 2 relu, flatten, dense 10 softmax",
                {5, 4, 2, false},
                2,
                KINKED});
}

static void test_maxpool(void **state) {
    (void)state;
    run((Check){"conv 3x3 3, maxpool 2x2, flatten, dense 10 softmax", {6, 4, 1, false}, 2, KINKED});
}

static void test_maxpool_that_leaves_pixels_over(void **state) {
    (void)state;
    run((Check){
        "conv 3x3 18, maxpool 2x3, flatten, dense 10 softmax", {5, 7, 1, false}, 2, KINKED});
}

static void test_average_pools(void **state) {
    (void)state;
    run((Check){"conv 3x3 3, avgpool 2x3, conv 2x2 19, globalavgpool, dense 10 softmax",
                {5, 7, 1, false},
                2,
                SMOOTH});
}

static void test_rectifiers(void **state) {
    (void)state;
    run((Check){"conv 3x3 3, relu, conv 2x2 4, leakyrelu 0.2, flatten, dense 7, leakyrelu, "
                "dense 10 softmax",
                {5, 4, 1, false},
                2,
                KINKED});
}

static void test_residual_block(void **state) {
    (void)state;
    run((Check){"conv 3x3 3, save a, conv 3x3 3, conv 1x1 3, add a, flatten, dense 10 softmax",
                {4, 5, 1, false},
                2,
                SMOOTH});
}

/* One output with three readers, blocks within blocks, saved behind flatten and behind an
 * activation that is a layer for Keras. */
static void test_residual_blocks_of_every_kind(void **state) {
    (void)state;
    run((Check){"conv 3x3 3 nobias, batchnorm relu, save a, conv 3x3 3, save b, conv 1x1 3, add b "
                "relu, add a, conv 1x1 3, add a, flatten, save c, dense 36, add c, "
                "dense 10 softmax",
                {3, 4, 1, false},
                3,
                KINKED});
}

static void test_dropout(void **state) {
    (void)state;
    run((Check){"conv 3x3 2, dropout 0.3, flatten, dense 7, dropout .5, dense 10 softmax",
                {5, 5, 1, false},
                3,
                SMOOTH});
}

static void test_no_bias(void **state) {
    (void)state;
    run((Check){"conv 3x3 3 nobias, flatten, dense 5 nobias, dense 10 softmax nobias",
                {5, 4, 2, false},
                2,
                SMOOTH});
}

static void test_batchnorm(void **state) {
    (void)state;
    run((Check){
        "conv 3x3 3 nobias, batchnorm, flatten, dense 10 softmax", {5, 4, 2, false}, 3, SMOOTH});
}

/* Channels that fill both kinds of lanes and leave some over, rows that leave a group unfilled. */
static void test_batchnorm_of_many_channels(void **state) {
    (void)state;
    run((Check){"conv 1x1 27 nobias, batchnorm, flatten, dense 10 softmax",
                {5, 3, 1, false},
                5,
                .step = 3e-3F,
                .tolerance = 1e-3});
}

static void test_batchnorm_of_a_row_of_numbers(void **state) {
    (void)state;
    run((Check){"flatten, batchnorm epsilon 0.5, dense 9 nobias, dense 10 softmax",
                {2, 2, 2, false},
                6,
                SMOOTH});
}

static void test_batchnorm_relu(void **state) {
    (void)state;
    run((Check){"conv 3x3 2 nobias, batchnorm relu, conv 2x2 5 nobias, batchnorm relu, flatten, "
                "dense 10 softmax",
                {4, 5, 1, false},
                3,
                KINKED});
}

static void test_whole_net(void **state) {
    (void)state;
    run((Check){"conv 3x3 2 same relu, conv 3x3 3 same relu, maxpool 2x2, dropout 0.25, "
                "flatten, dense 8 relu, dropout 0.5, dense 10 softmax",
                {6, 6, 1, false},
                6,
                KINKED});
}

static void test_no_sample_gives_zero_gradients(void **state) {
    (void)state;
    Net net = net_new("conv 3x3 2, flatten, dense 10 softmax", (Shape){4, 4, 1, false}, 2);
    ModelPass pass = {.training = true, .count = 0};
    net_fill(net.gradients, net.parameters, 9, 1.0F);
    model_forward(net.model, net.params, net.scratch, &pass);
    model_backward(net.model, net.params, net.scratch, &pass, net.dlogits,
                   &(ModelGradients){.dparams = net.gradients});
    assert_true(largest(net.gradients, net.parameters) == 0.0);
    net_destroy(&net);
}

static void test_gradients_are_written_and_not_added(void **state) {
    (void)state;
    Net net = net_new("conv 3x3 2, flatten, dense 10 softmax", (Shape){4, 4, 1, false}, 2);
    size_t bytes = net.parameters * sizeof(float);
    float *first = malloc(bytes);
    assert_non_null(first);
    net_gradients(&net, 2, true);
    memcpy(first, net.gradients, bytes);
    net_fill(net.gradients, net.parameters, 9, 1.0F);
    net_gradients(&net, 2, true);
    assert_memory_equal(net.gradients, first, bytes);
    free(first);
    net_destroy(&net);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dense),
        cmocka_unit_test(test_dense_over_more_rows_than_a_block),
        cmocka_unit_test(test_dense_relu),
        cmocka_unit_test(test_conv),
        cmocka_unit_test(test_conv_with_an_oblong_even_kernel),
        cmocka_unit_test(test_conv_larger_than_its_image),
        cmocka_unit_test(test_conv_with_strides_and_without_padding),
        cmocka_unit_test(test_conv_relu),
        cmocka_unit_test(test_maxpool),
        cmocka_unit_test(test_maxpool_that_leaves_pixels_over),
        cmocka_unit_test(test_average_pools),
        cmocka_unit_test(test_rectifiers),
        cmocka_unit_test(test_residual_block),
        cmocka_unit_test(test_residual_blocks_of_every_kind),
        cmocka_unit_test(test_dropout),
        cmocka_unit_test(test_no_bias),
        cmocka_unit_test(test_batchnorm),
        cmocka_unit_test(test_batchnorm_of_many_channels),
        cmocka_unit_test(test_batchnorm_of_a_row_of_numbers),
        cmocka_unit_test(test_batchnorm_relu),
        cmocka_unit_test(test_whole_net),
        cmocka_unit_test(test_no_sample_gives_zero_gradients),
        cmocka_unit_test(test_gradients_are_written_and_not_added),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
