/* Batch normalisation's numbers against its definition, and its statistics. Its gradients are in
 * test_nn_gradients.c. */
#include <math.h>

#include "nn_alone.h"

/* Mean and biased variance of channel i, in double, one after the other. */
static double mean_of(const Bench *bench, size_t rows, size_t i) {
    double sum = 0.0;
    for (size_t r = 0; r < rows; r++) sum += (double)bench->x[r * bench->layer.in.c + i];
    return sum / (double)rows;
}

static double variance_of(const Bench *bench, size_t rows, size_t i) {
    double mean = mean_of(bench, rows, i), sum = 0.0;
    for (size_t r = 0; r < rows; r++)
        sum += pow((double)bench->x[r * bench->layer.in.c + i] - mean, 2.0);
    return sum / (double)rows;
}

static void expect_near(float ours, double expected, double tolerance) {
    if (!(fabs((double)ours - expected) <= tolerance))
        fail_msg("%.9g instead of %.9g", (double)ours, expected);
}

static void check_forward(const Bench *bench, size_t rows, bool relu, double tolerance) {
    size_t c = bench->layer.in.c;
    for (size_t i = 0; i < c; i++) {
        double mean = mean_of(bench, rows, i), variance = variance_of(bench, rows, i);
        double scale = (double)bench->params[i] / sqrt(variance + bench->layer.epsilon);
        for (size_t r = 0; r < rows; r++) {
            double y = ((double)bench->x[r * c + i] - mean) * scale + (double)bench->params[c + i];
            expect_near(bench->y[r * c + i], relu ? fmax(y, 0.0) : y, tolerance);
        }
        expect_near(bench->dbuffers[i], mean, tolerance);
        expect_near(bench->dbuffers[c + i], variance, tolerance * (1.0 + variance));
    }
}

/* Numbers about `shift`, which is large beside their deviation. */
static void check(const char *text, Shape in, float shift, double tolerance) {
    Bench bench;
    bench_start(&bench, text, in);
    for (size_t i = 0; i < SAMPLES * shape_size(in); i++) bench.x[i] += shift;
    LayerCall call = bench_call(&bench);
    batchnorm_kind.forward(&call);
    batchnorm_kind.statistics(&call, 1.0);
    check_forward(&bench, SAMPLES * in.h * in.w, strstr(text, "relu") != NULL, tolerance);
    bench_end(&bench);
}

/* Channels that fill every kind of lanes, rows that fill groups and blocks and leave some over. */
static void test_it_is_its_definition(void **state) {
    (void)state;
    static const size_t channels[] = {1, 7, 8, 16, 24, 31, 64};
    for (size_t i = 0; i < sizeof channels / sizeof *channels; i++) {
        check("batchnorm", (Shape){1, 1, channels[i], true}, 0.0F, 1e-5);
        check("batchnorm relu", (Shape){3, 3, channels[i], false}, 0.0F, 1e-5);
        check("batchnorm relu epsilon .1", (Shape){9, 15, channels[i], false}, 0.5F, 1e-5);
    }
}

static void test_a_large_mean_does_not_lose_the_variance(void **state) {
    (void)state;
    check("batchnorm", (Shape){28, 28, 16, false}, 1000.0F, 2e-3);
}

static void test_one_sample_of_one_row_gives_beta(void **state) {
    (void)state;
    Bench bench;
    bench_start(&bench, "batchnorm", (Shape){1, 1, 20, true});
    bench.pass.count = 1;
    LayerCall call = bench_call(&bench);
    batchnorm_kind.forward(&call);
    batchnorm_kind.backward_weights(&call);
    batchnorm_kind.backward_input(&call);
    for (size_t i = 0; i < 20; i++) {
        assert_true(bench.y[i] == bench.params[20 + i]);
        assert_true(bench.dparams[i] == 0.0F && bench.dparams[20 + i] == bench.dy[i]);
        assert_true(bench.dx[i] == 0.0F);
    }
    bench_end(&bench);
}

static void test_evaluation_uses_running_statistics(void **state) {
    (void)state;
    enum { C = 5 };
    Bench bench;
    bench_start(&bench, "batchnorm epsilon .25", (Shape){2, 3, C, false});
    bench.pass.training = false;
    for (size_t i = 0; i < C; i++) bench.buffers[C + i] = (float)i;
    LayerCall call = bench_call(&bench);
    batchnorm_kind.forward(&call);
    for (size_t i = 0; i < SAMPLES * 6 * C; i++) {
        size_t k = i % C;
        double far = (double)bench.x[i] - (double)bench.buffers[k];
        expect_near(bench.y[i],
                    (double)bench.params[k] * far / sqrt((double)k + 0.25) +
                        (double)bench.params[C + k],
                    1e-5);
    }
    bench_end(&bench);
}

/* Divergence is not hidden: what is not a number reaches the loss and the statistics. */
static void test_a_nan_is_seen_behind_relu(void **state) {
    (void)state;
    Bench bench;
    bench_start(&bench, "batchnorm relu", (Shape){8, 9, 17, false});
    bench.x[17 * 50 + 3] = NAN;
    LayerCall call = bench_call(&bench);
    batchnorm_kind.forward(&call);
    batchnorm_kind.statistics(&call, 0.5);
    assert_true(isnan(bench.y[3]) && !isnan(bench.y[4]));
    assert_true(isnan(bench.dbuffers[3]) && isnan(bench.dbuffers[17 + 3]));
    bench_end(&bench);
}

static const char two_norms[] =
    "conv 3x3 3 nobias, batchnorm relu momentum 0.75, flatten, dense 6 nobias, batchnorm momentum "
    "0.5, dense 10 softmax";

/* The running statistics' part of a gradient: the samples' own, times their share of the batch. */
static void test_statistics_are_weighted_by_share(void **state) {
    (void)state;
    Net net = net_new(two_norms, (Shape){5, 4, 1, false}, 4);
    size_t begin = model_buffers_begin(net.model), count = net.parameters - begin;
    float whole[18];
    assert_int_equal(count, 18);
    net_fill(net.gradients, net.parameters, 9, 1.0F);
    net_gradients(&net, 4, true);
    memcpy(whole, net.gradients + begin, sizeof whole);
    ModelPass pass = net_pass(&net, 4, true);
    pass.batch = 16;
    model_statistics(net.model, net.params, net.scratch, &pass, net.gradients);
    for (size_t i = 0; i < count; i++) {
        assert_true(whole[i] != 0.0F);
        assert_true(net.gradients[begin + i] == whole[i] / 4.0F);
    }
    for (size_t i = model_trained_count(net.model); i < begin; i++)
        assert_true(net.gradients[i] == 0.0F);
    net_destroy(&net);
}

/* Any cut of the range gives the same, and each layer its own momentum. */
static void test_buffers_move_by_their_layers_momentum(void **state) {
    (void)state;
    Net net = net_new(two_norms, (Shape){5, 4, 1, false}, 2);
    size_t begin = model_buffers_begin(net.model), end = net.parameters;
    float before[18], *sums = net.gradients + begin;
    memcpy(before, net.params + begin, sizeof before);
    net_fill(sums, 18, 8, 1.0F);
    for (size_t at = begin; at < end; at += 5)
        model_update_buffers(net.model, net.params, net.gradients + at, at,
                             at + 5 < end ? at + 5 : end);
    for (size_t i = 0; i < 18; i++) {
        float gain = i < 6 ? 0.25F : 0.5F;
        assert_true(net.params[begin + i] == before[i] + gain * (sums[i] - before[i]));
    }
    net_destroy(&net);
}

static void test_measuring_is_training_without_dropout(void **state) {
    (void)state;
    Net net =
        net_new("dropout 0.5, batchnorm, flatten, dense 10 softmax", (Shape){4, 4, 2, false}, 3);
    Net plain = net_new("batchnorm, flatten, dense 10 softmax", (Shape){4, 4, 2, false}, 3);
    ModelPass pass = net_pass(&net, 3, false);
    pass.measuring = true;
    model_forward(net.model, net.params, net.scratch, &pass);
    model_statistics(net.model, net.params, net.scratch, &pass, net.gradients);
    net_gradients(&plain, 3, true);
    size_t begin = model_buffers_begin(net.model);
    assert_memory_equal(net.gradients + begin, plain.gradients + begin, 4 * sizeof(float));
    net_destroy(&net);
    net_destroy(&plain);
}

/* Initially they change nothing but by epsilon. */
static void test_initial_values(void **state) {
    (void)state;
    static const float initial[] = {1.0F, 0.0F, 0.0F, 1.0F};
    Net net = net_new("batchnorm, flatten, dense 10 softmax", (Shape){2, 2, 3, false}, 1);
    model_initialize(net.model, net.params, 1);
    for (size_t t = 0; t < 4; t++) {
        ModelTensor tensor = model_tensor(net.model, t);
        assert_int_equal(tensor.buffer, t >= 2);
        assert_int_equal(tensor.offset >= MODEL_BUFFERS_ALIGNMENT, t >= 2);
        for (size_t i = 0; i < 3; i++) assert_true(net.params[tensor.offset + i] == initial[t]);
    }
    net_destroy(&net);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_is_its_definition),
        cmocka_unit_test(test_a_large_mean_does_not_lose_the_variance),
        cmocka_unit_test(test_one_sample_of_one_row_gives_beta),
        cmocka_unit_test(test_evaluation_uses_running_statistics),
        cmocka_unit_test(test_a_nan_is_seen_behind_relu),
        cmocka_unit_test(test_statistics_are_weighted_by_share),
        cmocka_unit_test(test_buffers_move_by_their_layers_momentum),
        cmocka_unit_test(test_measuring_is_training_without_dropout),
        cmocka_unit_test(test_initial_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
