/* Each layer's numbers against its definition, written out in the plainest way. */
#include <math.h>

#include "mnist_dist/base/rng.h"
#include "nn_alone.h"

/* What one tap of a convolution joins; indices into x, kernel and y of one image. */
typedef void (*TapVisitor)(const Bench *bench, size_t n, size_t x, size_t k, size_t y,
                           double *sums);

/* TensorFlow's zeros before the image: half of what ceil(in / stride) windows reach beyond it. */
static size_t zeros_before(const Layer *layer, size_t in, size_t taps) {
    size_t end = ((in + layer->stride - 1) / layer->stride - 1) * layer->stride + taps;
    return layer->valid || end < in ? 0 : (end - in) / 2;
}

static void visit_pixel(const Bench *bench, size_t n, size_t j, size_t i, TapVisitor visit,
                        double *sums) {
    const Layer *layer = &bench->layer;
    Shape in = layer->in, out = layer->out;
    size_t kh = layer->window[0], kw = layer->window[1];
    for (size_t tap = 0; tap < kh * kw; tap++) {
        size_t row = j * layer->stride + tap / kw - zeros_before(layer, in.h, kh);
        size_t column = i * layer->stride + tap % kw - zeros_before(layer, in.w, kw);
        if (row >= in.h || column >= in.w) continue; /* negative ones wrap round to large ones */
        for (size_t c = 0; c < in.c * out.c; c++)
            visit(bench, n, (row * in.w + column) * in.c + c / out.c, tap * in.c * out.c + c,
                  (j * out.w + i) * out.c + c % out.c, sums);
    }
}

static void visit_taps(const Bench *bench, TapVisitor visit, double *sums) {
    for (size_t n = 0; n < SAMPLES; n++)
        for (size_t j = 0; j < bench->layer.out.h; j++)
            for (size_t i = 0; i < bench->layer.out.w; i++)
                visit_pixel(bench, n, j, i, visit, sums);
}

static void tap_forward(const Bench *bench, size_t n, size_t x, size_t k, size_t y, double *sums) {
    size_t in = n * shape_size(bench->layer.in), out = n * shape_size(bench->layer.out);
    sums[out + y] += (double)bench->x[in + x] * (double)bench->params[k];
}

static void tap_input(const Bench *bench, size_t n, size_t x, size_t k, size_t y, double *sums) {
    size_t in = n * shape_size(bench->layer.in), out = n * shape_size(bench->layer.out);
    sums[in + x] += (double)bench->dy[out + y] * (double)bench->params[k];
}

static void tap_weights(const Bench *bench, size_t n, size_t x, size_t k, size_t y, double *sums) {
    size_t in = n * shape_size(bench->layer.in), out = n * shape_size(bench->layer.out);
    sums[k] += (double)bench->x[in + x] * (double)bench->dy[out + y];
}

static void expect_close(const float *ours, const double *sums, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!(fabs((double)ours[i] - sums[i]) <= 1e-4 * (1.0 + fabs(sums[i]))))
            fail_msg("[%zu]: %g instead of %g", i, (double)ours[i], sums[i]);
}

static void expect_sums(const Bench *bench, const float *ours, size_t count, TapVisitor visit) {
    double *sums = calloc(count, sizeof *sums);
    assert_non_null(sums);
    visit_taps(bench, visit, sums);
    expect_close(ours, sums, count);
    free(sums);
}

static void check_conv(const char *text, Shape in) {
    Bench bench;
    bench_start(&bench, text, in);
    Layer *layer = &bench.layer;
    memset(bench.params + layer->tensors[1].offset, 0, layer->out.c * sizeof(float));
    LayerCall call = bench_call(&bench);
    layer->kind->forward(&call);
    layer->kind->backward_input(&call);
    layer->kind->backward_weights(&call);
    expect_sums(&bench, bench.y, SAMPLES * shape_size(layer->out), tap_forward);
    expect_sums(&bench, bench.dx, SAMPLES * shape_size(in), tap_input);
    expect_sums(&bench, bench.dparams, layer->tensors[0].count, tap_weights);
    bench_end(&bench);
}

static void test_conv_is_its_definition(void **state) {
    (void)state;
    check_conv("conv 3x3 4", (Shape){6, 5, 3, false});
    check_conv("conv 5x5 7", (Shape){9, 11, 5, false});
    check_conv("conv 1x1 2", (Shape){4, 3, 3, false});
}

static void test_conv_of_a_single_pixel(void **state) {
    (void)state;
    check_conv("conv 1x1 1", (Shape){1, 1, 1, false});
    check_conv("conv 3x3 2", (Shape){1, 1, 3, false});
}

static void test_conv_with_a_kernel_larger_than_the_image(void **state) {
    (void)state;
    check_conv("conv 5x5 3", (Shape){2, 3, 5, false});
    check_conv("conv 7x1 3", (Shape){2, 3, 1, false});
}

static void test_conv_with_an_even_kernel_pads_as_keras(void **state) {
    (void)state;
    check_conv("conv 2x2 3", (Shape){4, 5, 2, false});
    check_conv("conv 4x3 3", (Shape){5, 5, 1, false});
}

static void test_conv_with_strides_and_without_padding(void **state) {
    (void)state;
    check_conv("conv 3x3 4 stride 2", (Shape){6, 5, 3, false});
    check_conv("conv 5x5 7 same stride 2", (Shape){9, 10, 5, false});
    check_conv("conv 1x1 2 stride 2", (Shape){5, 4, 3, false});
    check_conv("conv 2x3 2 stride 3", (Shape){7, 6, 2, false});
    check_conv("conv 3x3 4 valid", (Shape){6, 5, 3, false});
    check_conv("conv 4x2 3 stride 2 valid", (Shape){7, 7, 2, false});
    check_conv("conv 3x5 2 valid", (Shape){3, 5, 2, false});
}

/* Of x = 1, 2, 3 ..., a kernel 1, 2, 3 ... and dy = 1, 2, 3 ..., as keras.ops.conv computes it
 * (Keras 3.9.2 with JAX). */
typedef struct Known {
    const char *text;
    size_t h, w, outputs;
    float y[6], dx[21];
} Known;

static const Known known[] = {
    {"conv 3x3 1 stride 2", 4, 5, 6, {276, 456, 318, 240, 352, 220}, {2,  5,  4,  9,  6,  5,  14,
                                                                      10, 24, 15, 16, 40, 26, 60,
                                                                      36, 20, 44, 25, 54, 30}},
    {"conv 2x3 1 stride 2", 5, 4, 6, {106, 79, 274, 175, 110, 59}, {1,  2,  5, 4,  4,  5,  14,
                                                                    10, 3,  6, 13, 8,  12, 15,
                                                                    34, 20, 5, 10, 21, 12}},
    {"conv 3x2 1 stride 2 valid", 5, 4, 4, {149, 191, 317, 359}, {1,  2,  2,  4,  3,  4, 6,
                                                                  8,  8,  12, 14, 20, 9, 12,
                                                                  12, 16, 15, 18, 20, 24}},
    {"conv 2x2 1 stride 3",
     4,
     4,
     4,
     {44, 28, 41, 16},
     {1, 2, 0, 2, 3, 4, 0, 6, 0, 0, 0, 0, 3, 6, 0, 4}},
    {"conv 3x1 1 stride 3", 7, 3, 3, {14, 66, 54}, {2, 0, 0, 3, 0, 0, 2, 0, 0, 4, 0,
                                                    0, 6, 0, 0, 3, 0, 0, 6, 0, 0}},
};

static void test_strided_conv_has_kerass_numbers(void **state) {
    (void)state;
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        Bench bench;
        bench_start(&bench, known[k].text, (Shape){known[k].h, known[k].w, 1, false});
        assert_int_equal(shape_size(bench.layer.out), known[k].outputs);
        bench.pass.count = 1;
        for (size_t i = 0; i < known[k].h * known[k].w; i++) bench.x[i] = (float)i + 1.0F;
        for (size_t i = 0; i < bench.layer.parameter_count; i++) bench.params[i] = (float)i + 1.0F;
        for (size_t i = 0; i < known[k].outputs; i++) bench.dy[i] = (float)i + 1.0F;
        bench.params[bench.layer.tensors[1].offset] = 0.0F;
        LayerCall call = bench_call(&bench);
        conv_kind.forward(&call);
        conv_kind.backward_input(&call);
        for (size_t i = 0; i < known[k].outputs; i++) assert_true(bench.y[i] == known[k].y[i]);
        for (size_t i = 0; i < known[k].h * known[k].w; i++)
            assert_true(bench.dx[i] == known[k].dx[i]);
        bench_end(&bench);
    }
}

/* Large enough for several blocks of rows, the last one shorter. */
static void test_conv_in_blocks(void **state) {
    (void)state;
    check_conv("conv 5x5 3", (Shape){29, 27, 32, false});
}

static void test_conv_adds_bias_before_relu(void **state) {
    (void)state;
    Bench bench;
    bench_start(&bench, "conv 1x1 2 relu", (Shape){1, 2, 1, false});
    const float x[] = {1.0F, -1.0F, 0.5F, NAN}, params[] = {2.0F, -2.0F, -1.0F, 0.5F};
    const float y[] = {1.0F, 0.0F, 0.0F, 2.5F, 0.0F, 0.0F};
    memcpy(bench.x, x, sizeof x);
    memcpy(bench.params, params, sizeof params);
    LayerCall call = bench_call(&bench);
    bench.layer.kind->forward(&call);
    for (size_t i = 0; i < 6; i++) assert_true(bench.y[i] == y[i]);
    assert_true(isnan(bench.y[6]) && isnan(bench.y[7])); /* divergence is not hidden by relu */
    bench_end(&bench);
}

/* Divergence is not hidden by a maximum, wherever in the window it is. */
static void test_maxpool_keeps_a_nan(void **state) {
    (void)state;
    for (size_t place = 0; place < 4; place++) {
        Bench bench;
        bench_start(&bench, "maxpool 2x2", (Shape){2, 2, 1, false});
        bench.x[place] = NAN;
        LayerCall call = bench_call(&bench);
        bench.layer.kind->forward(&call);
        assert_true(isnan(bench.y[0]));
        bench_end(&bench);
    }
}

static void test_maxpool_gives_the_gradient_to_the_first_of_equals(void **state) {
    (void)state;
    Bench bench;
    bench_start(&bench, "maxpool 2x2", (Shape){2, 5, 1, false});
    const float x[] = {1, 3, 2, 2, 9, 3, 0, 2, 2, 9, -1, -2, 0, 0, 9, -1, -1, 0, 0, 9};
    const float y[] = {3, 2, -1, 0};
    const float dy[] = {10, 20, 30, 40};
    const float dx[] = {0, 10, 20, 0, 0, 0, 0, 0, 0, 0, 30, 0, 40, 0, 0, 0, 0, 0, 0, 0};
    memcpy(bench.x, x, sizeof x);
    memcpy(bench.dy, dy, sizeof dy);
    net_fill(bench.dx, 20, 6, 1.0F);
    LayerCall call = bench_call(&bench);
    bench.layer.kind->forward(&call);
    bench.layer.kind->backward_input(&call);
    for (size_t i = 0; i < 4; i++) assert_true(bench.y[i] == y[i]);
    for (size_t i = 0; i < 20; i++) assert_true(bench.dx[i] == dx[i]);
    bench_end(&bench);
}

/* What the window whose first element is x[first] gives to y and takes of dy, in the plainest way.
 * Returns how many of its elements are the maximum. */
static size_t check_window(const Bench *bench, size_t first, size_t out) {
    size_t c = bench->layer.in.c, w = bench->layer.window[1], maxima = 0;
    size_t taps = bench->layer.window[0] * w;
    for (size_t t = 0; t < taps; t++) {
        size_t at = first + (t / w * bench->layer.in.w + t % w) * c;
        assert_true(bench->x[at] <= bench->y[out]);
        bool is_first = bench->x[at] == bench->y[out] && maxima++ == 0;
        assert_true(bench->dx[at] == (is_first ? bench->dy[out] : 0.0F));
    }
    return maxima;
}

static void check_maxpool(const char *text, Shape in) {
    Bench bench;
    bench_start(&bench, text, in);
    Shape out = bench.layer.out;
    for (size_t i = 0; i < SAMPLES * shape_size(in); i++)
        bench.x[i] = floorf(bench.x[i] * 4.0F); /* some are equal */
    LayerCall call = bench_call(&bench);
    bench.layer.kind->forward(&call);
    bench.layer.kind->backward_input(&call);
    for (size_t i = 0; i < SAMPLES * shape_size(out); i++) {
        size_t pixel = i / out.c % (out.h * out.w), n = i / shape_size(out);
        size_t row = pixel / out.w * bench.layer.window[0];
        size_t column = pixel % out.w * bench.layer.window[1];
        size_t first = n * shape_size(in) + (row * in.w + column) * in.c + i % out.c;
        assert_true(check_window(&bench, first, i) >= 1);
    }
    bench_end(&bench);
}

/* Channels that fill no vector, one, several, and several with a rest; windows usual and not. */
static void test_maxpool_is_its_definition(void **state) {
    (void)state;
    static const size_t channels[] = {1, 7, 16, 32, 33, 70};
    for (size_t i = 0; i < sizeof channels / sizeof *channels; i++) {
        check_maxpool("maxpool 2x2", (Shape){4, 6, channels[i], false});
        check_maxpool("maxpool 2x2", (Shape){5, 7, channels[i], false});
        check_maxpool("maxpool 3x2", (Shape){7, 4, channels[i], false});
        check_maxpool("maxpool 1x3", (Shape){2, 3, channels[i], false});
    }
}

/* Of x = 0, 1, 2 ...: whole numbers, so that nothing is rounded but the division. */
static void check_mean(const char *text, Shape in, size_t outputs, const float y[]) {
    Bench bench;
    bench_start(&bench, text, in);
    bench.pass.count = 1;
    assert_int_equal(shape_size(bench.layer.out), outputs);
    for (size_t i = 0; i < shape_size(in); i++) bench.x[i] = (float)i;
    net_fill(bench.dx, shape_size(in), 6, 1.0F);
    LayerCall call = bench_call(&bench);
    bench.layer.kind->forward(&call);
    bench.layer.kind->backward_input(&call);
    for (size_t i = 0; i < outputs; i++) assert_true(fabsf(bench.y[i] - y[i]) < 1e-5F);
    bench_end(&bench);
}

static void test_average_pools_are_means(void **state) {
    (void)state;
    check_mean("avgpool 2x2", (Shape){2, 5, 1, false}, 2, (const float[]){3.0F, 5.0F});
    check_mean("avgpool 3x1", (Shape){3, 2, 2, false}, 4, (const float[]){4.0F, 5.0F, 6.0F, 7.0F});
    check_mean("globalavgpool", (Shape){3, 5, 2, false}, 2, (const float[]){14.0F, 15.0F});
}

static void test_avgpool_gives_nothing_to_pixels_left_over(void **state) {
    (void)state;
    Bench bench;
    bench_start(&bench, "avgpool 2x2", (Shape){3, 3, 1, false});
    const float dx[] = {0.5F, 0.5F, 0, 0.5F, 0.5F, 0, 0, 0, 0};
    bench.dy[0] = 2.0F;
    net_fill(bench.dx, 9, 6, 1.0F);
    LayerCall call = bench_call(&bench);
    bench.layer.kind->backward_input(&call);
    assert_memory_equal(bench.dx, dx, sizeof dx);
    bench_end(&bench);
}

static void check_rectifier(const char *text, float slope) {
    Bench bench;
    bench_start(&bench, text, (Shape){1, 1, 70, true});
    bench.x[0] = 0.0F;
    bench.x[1] = NAN;
    LayerCall call = bench_call(&bench);
    bench.layer.kind->forward(&call);
    bench.layer.kind->backward_input(&call);
    for (size_t i = 0; i < SAMPLES * 70; i++) {
        float x = bench.x[i], dy = bench.dy[i];
        assert_true(i == 1 ? isnan(bench.y[i]) : bench.y[i] == (x < 0.0F ? slope * x : x));
        assert_true(bench.dx[i] == (x > 0.0F ? dy : slope * dy));
    }
    bench_end(&bench);
}

static void test_rectifiers(void **state) {
    (void)state;
    check_rectifier("relu", 0.0F);
    check_rectifier("leakyrelu 0.25", 0.25F);
    check_rectifier("leakyrelu", 0.3F);
}

static bool is_dropped(const Bench *bench, size_t n, size_t e) {
    RngStream stream = {99, RNG_DROPOUT, 4, 6, bench->ids[n]};
    uint32_t words[4];
    rng_words(words, &stream, (uint32_t)(e / 8));
    uint32_t lane = words[e % 8 / 2] >> (16 * (e % 2)) & 0xffffu;
    return lane < (uint32_t)lround(bench->layer.rate * 65536);
}

static void test_dropout_mask_is_a_pure_function(void **state) {
    (void)state;
    Bench bench;
    bench_start(&bench, "dropout 0.3", (Shape){5, 5, 3, false});
    LayerCall call = bench_call(&bench);
    bench.layer.kind->forward(&call);
    bench.layer.kind->backward_input(&call);
    const float scale = (float)(1.0 / 0.7);
    for (size_t i = 0; i < SAMPLES * 75; i++) {
        bool dropped = is_dropped(&bench, i / 75, i % 75);
        assert_true(bench.y[i] == (dropped ? 0.0F : bench.x[i] * scale));
        assert_true(bench.dx[i] == (dropped ? 0.0F : bench.dy[i] * scale));
    }
    bench_end(&bench);
}

/* The bits of the first and the last elements, as they have been since the first version. */
static void test_dropout_masks_stay_what_they_were(void **state) {
    (void)state;
    static const uint8_t first[] = {0xff, 0xee, 0xef, 0xef, 0xbb, 0xbf, 0xff, 0xff};
    static const uint8_t last[] = {0xcf, 0xfb, 0xdd, 0xfd, 0xfe, 0xbb, 0xfd, 0xff};
    Bench bench;
    bench_start(&bench, "dropout 0.25", (Shape){14, 14, 32, false});
    LayerCall call = bench_call(&bench);
    bench.layer.kind->forward(&call);
    assert_memory_equal(bench.kept, first, sizeof first);
    assert_memory_equal(bench.kept + SAMPLES * 784 - sizeof last, last, sizeof last);
    bench_end(&bench);
}

/* Lengths that fill no group of the loops. */
static void test_dropout_of_any_length(void **state) {
    (void)state;
    static const size_t lengths[] = {1, 7, 8, 9, 16, 31, 32, 33, 70, 511, 513, 1030};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        Bench bench;
        size_t length = lengths[i];
        bench_start(&bench, "dropout 0.5", (Shape){1, 1, length, true});
        LayerCall call = bench_call(&bench);
        bench.layer.kind->forward(&call);
        for (size_t e = 0; e < SAMPLES * length; e++)
            assert_true(bench.y[e] ==
                        (is_dropped(&bench, e / length, e % length) ? 0.0F : bench.x[e] * 2.0F));
        bench_end(&bench);
    }
}

/* So many elements that lanes equal to the threshold are among them. */
static void test_dropout_drops_its_share(void **state) {
    (void)state;
    Bench bench;
    bench_start(&bench, "dropout 0.25", (Shape){100, 100, 10, false});
    LayerCall call = bench_call(&bench);
    bench.layer.kind->forward(&call);
    size_t dropped = 0;
    for (size_t i = 0; i < SAMPLES * 100000; i++) {
        assert_true((bench.y[i] == 0.0F) == is_dropped(&bench, i / 100000, i % 100000));
        dropped += bench.y[i] == 0.0F;
    }
    assert_in_range(dropped, 49000, 51000); /* standard deviation 194 */
    bench_end(&bench);
}

static void test_dropout_is_off_in_evaluation(void **state) {
    (void)state;
    Bench bench;
    bench_start(&bench, "dropout 0.5", (Shape){3, 3, 3, false});
    bench.pass.training = false;
    bench.pass.ids = NULL;
    LayerCall call = bench_call(&bench);
    call.kept = NULL;
    bench.layer.kind->forward(&call);
    assert_memory_equal(bench.y, bench.x, SAMPLES * 27 * sizeof(float));
    bench_end(&bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv_is_its_definition),
        cmocka_unit_test(test_conv_of_a_single_pixel),
        cmocka_unit_test(test_conv_with_a_kernel_larger_than_the_image),
        cmocka_unit_test(test_conv_with_an_even_kernel_pads_as_keras),
        cmocka_unit_test(test_conv_with_strides_and_without_padding),
        cmocka_unit_test(test_strided_conv_has_kerass_numbers),
        cmocka_unit_test(test_conv_in_blocks),
        cmocka_unit_test(test_conv_adds_bias_before_relu),
        cmocka_unit_test(test_maxpool_keeps_a_nan),
        cmocka_unit_test(test_maxpool_gives_the_gradient_to_the_first_of_equals),
        cmocka_unit_test(test_maxpool_is_its_definition),
        cmocka_unit_test(test_average_pools_are_means),
        cmocka_unit_test(test_avgpool_gives_nothing_to_pixels_left_over),
        cmocka_unit_test(test_rectifiers),
        cmocka_unit_test(test_dropout_masks_stay_what_they_were),
        cmocka_unit_test(test_dropout_of_any_length),
        cmocka_unit_test(test_dropout_mask_is_a_pure_function),
        cmocka_unit_test(test_dropout_drops_its_share),
        cmocka_unit_test(test_dropout_is_off_in_evaluation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
