/* Every convolution kernel that this machine can run against the plain one (im2col), over shapes
 * that fill no vector, no tile and no image. */
#include "nn_kernel_vectors.h"

enum { MOST = 5 }; /* images */

static const ConvShape conv_shapes[] = {
    {1, 1, 1, 1, 1, 1, 1, false},
    {1, 1, 3, 5, 3, 3, 1, false},
    {1, 1, 17, 33, 5, 5, 1, false},
    {2, 3, 1, 2, 5, 5, 1, false},
    {5, 4, 2, 3, 2, 3, 1, false},
    {4, 5, 3, 7, 4, 1, 1, false},
    {7, 7, 16, 16, 3, 3, 1, false},
    {6, 15, 5, 18, 3, 3, 1, false},
    {9, 13, 33, 31, 3, 5, 1, false},
    {10, 29, 8, 48, 5, 5, 1, false},
    {3, 100, 2, 20, 1, 7, 1, false},
    {8, 8, 15, 17, 1, 1, 1, false},
    {13, 11, 64, 10, 3, 3, 1, false},
    {7, 7, 64, 128, 3, 3, 1, false},
    {28, 28, 1, 16, 3, 3, 1, false},
    {5, 5, 40, 65, 2, 2, 1, false},
    {28, 28, 1, 32, 5, 5, 1, false},
    {28, 28, 32, 32, 5, 5, 1, false},
    {14, 14, 32, 64, 3, 3, 1, false},
    {14, 14, 64, 64, 3, 3, 1, false},
    {1, 30, 4, 4, 3, 3, 1, false},
    {30, 1, 4, 4, 3, 3, 1, false},
    {12, 12, 24, 40, 5, 5, 1, false},
    {6, 6, 32, 32, 7, 7, 1, false},
    /* strides and no padding */
    {1, 1, 2, 3, 1, 1, 2, false},
    {4, 5, 2, 3, 1, 1, 3, false},
    {5, 6, 3, 17, 3, 3, 2, false},
    {28, 28, 1, 32, 5, 5, 2, false},
    {14, 14, 32, 64, 3, 3, 2, false},
    {7, 8, 5, 6, 2, 3, 2, false},
    {9, 9, 16, 16, 3, 3, 4, false},
    {9, 8, 33, 5, 3, 2, 1, true},
    {28, 28, 1, 32, 3, 3, 1, true},
    {12, 11, 16, 16, 5, 5, 2, true},
    {3, 5, 16, 20, 3, 5, 1, true},
    {10, 9, 7, 8, 4, 4, 3, true},
    {26, 26, 32, 32, 3, 3, 1, true},
    {10, 11, 64, 32, 3, 3, 1, true},
    {3, 6, 16, 32, 3, 3, 1, true},
    {9, 12, 32, 16, 5, 5, 1, true},
};

enum { CONV_SHAPES = sizeof conv_shapes / sizeof *conv_shapes };

typedef struct ConvData {
    ConvShape shape;
    Input kernel, bias, x, dy;
    size_t in, out; /* floats of an image */
} ConvData;

static size_t out_pixels(const ConvShape *shape) {
    ConvEdges edges = conv_edges(shape);
    return edges.h * edges.w;
}

static ConvData conv_data_new(const ConvShape *shape) {
    ConvData data = {.shape = *shape};
    data.in = shape->h * shape->w * shape->in;
    data.out = out_pixels(shape) * shape->out;
    data.kernel = input_new(shape->kh * shape->kw * shape->in * shape->out, 1);
    data.bias = input_new(shape->out, 2);
    data.x = input_new(MOST * data.in, 3);
    data.dy = input_new(MOST * data.out, 4);
    return data;
}

static void conv_data_destroy(ConvData *data) {
    free(data->kernel.memory);
    free(data->bias.memory);
    free(data->x.memory);
    free(data->dy.memory);
}

static size_t conv_count(const ConvShape *shape, Way way, size_t n) {
    if (way == WEIGHTS) return shape->kh * shape->kw * shape->in * shape->out;
    return n * (way == FORWARD ? out_pixels(shape) * shape->out : shape->h * shape->w * shape->in);
}

/* The output of one call for n images from the `first` on. */
static Output conv_run(const ConvKernel *kernel, Way way, const ConvData *data, size_t first,
                       size_t n) {
    void (*const ways[WAYS])(const ConvCall *call) = {kernel->forward, kernel->backward_input,
                                                      kernel->backward_weights};
    Output output = output_new(conv_count(&data->shape, way, n));
    Output workspace = output_new(kernel->workspace(&data->shape));
    ConvCall call = {.shape = data->shape, .n = n, .activation = ACTIVATION_RELU};
    call.kernel = data->kernel.values;
    call.bias = data->bias.values;
    call.x = data->x.values + first * data->in;
    call.dy = data->dy.values + first * data->out;
    call.workspace = workspace.values;
    if (way == FORWARD) call.y = output.values;
    if (way == INPUT) call.dx = output.values;
    if (way == WEIGHTS) call.dkernel = output.values;
    ways[way](&call);
    output_destroy(&workspace);
    return output;
}

typedef void ConvCheck(const ConvKernel *kernel, Way way, ConvData *data);

static void check_conv(const ConvKernel *kernel, const ConvShape *h, ConvCheck *check) {
    ConvData data = conv_data_new(h);
    for (Way way = FORWARD; way < WAYS; way++) {
        snprintf(subject, sizeof subject, "%s, %zux%zu, %zux%zu %zu to %zu stride %zu%s, %s",
                 kernel->name, h->h, h->w, h->kh, h->kw, h->in, h->out, h->stride,
                 h->valid ? " valid" : "", way_names[way]);
        check(kernel, way, &data);
    }
    conv_data_destroy(&data);
}

static void for_each_conv(ConvCheck *check) {
    for (size_t k = 0; kernels_conv(k) != NULL; k++)
        for (size_t s = 0; s < CONV_SHAPES; s++)
            if (kernels_conv(k)->suits(&conv_shapes[s]))
                check_conv(kernels_conv(k), &conv_shapes[s], check);
}

static void conv_agrees(const ConvKernel *kernel, Way way, ConvData *data) {
    Output expected = conv_run(&conv_im2col, way, data, 0, 2);
    Output ours = conv_run(kernel, way, data, 0, 2);
    check_close(&ours, &expected, tolerance_of(kernel->compute, kernel->convolution));
    output_destroy(&ours);
    output_destroy(&expected);
}

static void test_convolutions_agree_with_im2col(void **state) {
    (void)state;
    for_each_conv(conv_agrees);
}

static void conv_is_alone(const ConvKernel *kernel, Way way, ConvData *data) {
    if (way == WEIGHTS) return;
    Output all = conv_run(kernel, way, data, 0, MOST);
    for (size_t n = 1; n < MOST; n += 2) {
        Output some = conv_run(kernel, way, data, MOST - n, n);
        check_same(some.values, all.values + all.count - some.count, some.count);
        output_destroy(&some);
    }
    output_destroy(&all);
}

static void test_an_images_bits_hang_on_no_other_image(void **state) {
    (void)state;
    for_each_conv(conv_is_alone);
}

/* One image among others that give nothing. */
static void conv_weights_have_no_place(const ConvKernel *kernel, Way way, ConvData *data) {
    if (way != WEIGHTS) return;
    ConvData one = conv_data_new(&data->shape);
    Output alone = conv_run(kernel, way, data, 0, 1);
    for (size_t place = 0; place < MOST; place += 2) {
        memset(one.dy.values, 0, MOST * one.out * sizeof(float));
        memcpy(one.dy.values + place * one.out, data->dy.values, one.out * sizeof(float));
        memcpy(one.x.values + place * one.in, data->x.values, one.in * sizeof(float));
        Output among = conv_run(kernel, way, &one, 0, MOST);
        check_same(among.values, alone.values, alone.count);
        output_destroy(&among);
    }
    output_destroy(&alone);
    conv_data_destroy(&one);
}

static void test_an_images_weight_gradient_is_the_same_in_any_place(void **state) {
    (void)state;
    for_each_conv(conv_weights_have_no_place);
}

/* In the last pixel, where all of them are read; else in the first, which always is. */
static void conv_keeps_nan(const ConvKernel *kernel, Way way, ConvData *data) {
    if (way != FORWARD) return;
    bool plain = conv_is_plain(&data->shape);
    float *pixel = data->x.values + (plain ? data->in - 1 : 0), kept = *pixel;
    *pixel = NAN;
    Output y = conv_run(kernel, way, data, 0, 1);
    *pixel = kept;
    if (!isnan(y.values[plain ? y.count - 1 : 0])) fail_msg("%s: a NaN was lost", subject);
    output_destroy(&y);
}

static void test_a_nan_is_seen_behind_relu(void **state) {
    (void)state;
    for_each_conv(conv_keeps_nan);
}

int main(void) {
    blas_start();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_convolutions_agree_with_im2col),
        cmocka_unit_test(test_an_images_bits_hang_on_no_other_image),
        cmocka_unit_test(test_an_images_weight_gradient_is_the_same_in_any_place),
        cmocka_unit_test(test_a_nan_is_seen_behind_relu),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
