/* Loss, gradients and five steps of every optimizer against PyTorch's numbers, which
 * tests/reference/torch_reference.py has written. */
#include <math.h>
#include <stdio.h>

#include "mnist_dist/train/optimizer.h"
#include "nn_net.h"

#define LIST                                                                                       \
    "conv 3x3 3 same relu, conv 5x5 4 relu, maxpool 2x2, dropout 0, conv 2x3 5 relu, "             \
    "maxpool 2x2, flatten, dense 12 relu, dropout 0, dense 10 softmax"

enum { SAMPLES = 5, STEPS = 5 };

static const Shape input = {9, 8, 2, false};

/* The vector of that name, which must have `count` numbers; the caller frees it. */
static double *read_vector(const char *name, size_t count) {
    FILE *file = fopen(MNIST_DIST_SOURCE_DIR "/tests/reference/torch_reference.txt", "r");
    assert_non_null(file);
    char found[64] = "";
    size_t length = 0;
    double *values = NULL;
    while (strcmp(found, name) != 0) {
        free(values);
        assert_int_equal(fscanf(file, "%63s %zu", found, &length), 2);
        values = calloc(length, sizeof *values);
        assert_non_null(values);
        for (size_t i = 0; i < length; i++) assert_int_equal(fscanf(file, "%lf", &values[i]), 1);
    }
    fclose(file);
    assert_int_equal(length, count);
    return values;
}

static void load(float *into, const char *name, size_t count) {
    double *values = read_vector(name, count);
    for (size_t i = 0; i < count; i++) into[i] = (float)values[i];
    free(values);
}

static Net reference_net(void) {
    Net net = net_new(LIST, input, SAMPLES);
    load(net.images, "images", SAMPLES * net.pixels);
    load(net.targets, "targets", SAMPLES * DIGIT_CLASSES);
    load(net.params, "params", net.parameters);
    return net;
}

static double largest(const double *values, size_t count) {
    double most = 0.0;
    for (size_t i = 0; i < count; i++) most = fmax(most, fabs(values[i]));
    return most;
}

static double largest_difference(const float *ours, const double *theirs, size_t count) {
    double most = 0.0;
    for (size_t i = 0; i < count; i++) most = fmax(most, fabs((double)ours[i] - theirs[i]));
    return most;
}

static void test_loss(void **state) {
    (void)state;
    Net net = reference_net();
    double *loss = read_vector("loss", 1);
    assert_true(fabs(net_loss(&net, SAMPLES, true) - *loss) < 1e-6);
    free(loss);
    net_destroy(&net);
}

static void test_gradients(void **state) {
    (void)state;
    Net net = reference_net();
    double *expected = read_vector("gradients", net.parameters);
    net_gradients(&net, SAMPLES, true);
    for (size_t t = 0; t < model_tensor_count(net.model); t++) {
        ModelTensor tensor = model_tensor(net.model, t);
        const double *theirs = expected + tensor.offset;
        double difference = largest_difference(net.gradients + tensor.offset, theirs, tensor.count);
        if (difference > 1e-5 * largest(theirs, tensor.count))
            fail_msg("%s %s differs by %g of %g", tensor.layer, tensor.name, difference,
                     largest(theirs, tensor.count));
    }
    free(expected);
    net_destroy(&net);
}

static void check_steps(const char *name, const OptimizerOptions *options) {
    Net net = reference_net();
    float *slots[OPTIMIZER_MAX_SLOTS] = {NULL};
    for (int i = 0; i < OPTIMIZER_MAX_SLOTS; i++)
        assert_int_equal(MEMORY_NEW(&slots[i], net.parameters), STATUS_OK);
    for (uint64_t step = 1; step <= STEPS; step++) {
        net_gradients(&net, SAMPLES, true);
        optimizer_step(options, net.params, net.gradients, slots, net.parameters,
                       options->learning_rate, step);
    }
    double *expected = read_vector(name, net.parameters);
    double difference = largest_difference(net.params, expected, net.parameters);
    if (!(difference < 1e-5)) fail_msg("%s differs by %g", name, difference);
    free(expected);
    for (int i = 0; i < OPTIMIZER_MAX_SLOTS; i++) free(slots[i]);
    net_destroy(&net);
}

static const OptimizerOptions adam = {
    .kind = OPTIMIZER_ADAM, .learning_rate = 1e-3, .beta_1 = 0.9, .beta_2 = 0.999, .epsilon = 1e-7};

static void test_adam(void **state) {
    (void)state;
    check_steps("adam", &adam);
}

static void test_adamw(void **state) {
    (void)state;
    OptimizerOptions options = adam;
    options.kind = OPTIMIZER_ADAMW;
    options.weight_decay = 0.02;
    check_steps("adamw", &options);
}

static void test_sgd_with_momentum(void **state) {
    (void)state;
    OptimizerOptions options = {.kind = OPTIMIZER_SGD, .learning_rate = 1e-2, .momentum = 0.9};
    check_steps("sgd", &options);
}

static void test_nesterov(void **state) {
    (void)state;
    OptimizerOptions options = {
        .kind = OPTIMIZER_SGD, .learning_rate = 1e-2, .momentum = 0.9, .nesterov = true};
    check_steps("nesterov", &options);
}

static void test_rmsprop(void **state) {
    (void)state;
    OptimizerOptions options = {
        .kind = OPTIMIZER_RMSPROP, .learning_rate = 1e-3, .rho = 0.9, .epsilon = 1e-7};
    check_steps("rmsprop", &options);
}

static void test_rmsprop_with_momentum(void **state) {
    (void)state;
    OptimizerOptions options = {.kind = OPTIMIZER_RMSPROP,
                                .learning_rate = 1e-3,
                                .rho = 0.9,
                                .momentum = 0.5,
                                .epsilon = 1e-7};
    check_steps("rmsprop_momentum", &options);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loss),
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_adam),
        cmocka_unit_test(test_adamw),
        cmocka_unit_test(test_sgd_with_momentum),
        cmocka_unit_test(test_nesterov),
        cmocka_unit_test(test_rmsprop),
        cmocka_unit_test(test_rmsprop_with_momentum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
