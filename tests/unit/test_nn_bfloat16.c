/* The bfloat16 kernels against sums in double of operands that were rounded here, another way: so
 * close a match that no wrong index hides in what bfloat16 itself loses. AMX's kernels are tried
 * with emulated tiles on any machine, and with real ones where there are some. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KERNEL_SET test
#include "nn/families.h"
#include "nn/kernels/bfloat16.h"

DECLARE_BFLOAT16_KERNELS(amx_emulated);

enum { GUARD = 64, IMAGES = 3 };

static const float CANARY = 12345.0F;

/* An array between guards, which must be whole when it is released. */
typedef struct Guarded {
    float *memory, *data;
    size_t count;
} Guarded;

static Guarded guarded(size_t count) {
    Guarded array = {.count = count};
    array.memory = aligned_alloc(64, round_up(count + 2 * GUARD, 16) * sizeof(float));
    assert_non_null(array.memory);
    array.data = array.memory + GUARD;
    for (size_t i = 0; i < count + 2 * GUARD; i++) array.memory[i] = CANARY;
    for (size_t i = 0; i < count; i++) array.data[i] = NAN;
    return array;
}

static void release(Guarded array) {
    for (size_t i = 0; i < GUARD; i++) {
        assert_true(array.memory[i] == CANARY);
        assert_true(array.data[array.count + i] == CANARY);
    }
    free(array.memory);
}

static uint32_t random_state = 1;

static float random_value(void) {
    random_state = random_state * 1664525U + 1013904223U;
    return (float)(random_state >> 8) * 0x1p-23F - 1.0F;
}

static Guarded random_array(size_t count) {
    Guarded array = guarded(count);
    for (size_t i = 0; i < count; i++) array.data[i] = random_value();
    return array;
}

/* To 8 significant bits, by arithmetic. */
static double rounded(float value) {
    int exponent;
    double mantissa = frexp(value, &exponent);
    return ldexp(nearbyint(mantissa * 256.0), exponent - 8);
}

static void expect_near(double actual, double expected, size_t depth) {
    double allowed = 2e-6 * sqrt((double)depth);
    if (!(fabs(actual - expected) <= allowed))
        fail_msg("%.9g, expected %.9g within %.2g", actual, expected, allowed);
}

static uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void rounding_is_to_nearest_even(void **state) {
    (void)state;
    assert_int_equal(bfloat16_bits(1.0F), 0x3F80);
    assert_int_equal(bfloat16_bits(-1.0F), 0xBF80);
    assert_int_equal(bfloat16_bits(0.0F), 0);
    assert_int_equal(bfloat16_bits(-0.0F), 0x8000);
    assert_int_equal(bfloat16_bits(float_of(0x3F808000)), 0x3F80);
    assert_int_equal(bfloat16_bits(float_of(0x3F818000)), 0x3F82);
    assert_int_equal(bfloat16_bits(float_of(0x3F807FFF)), 0x3F80);
    assert_int_equal(bfloat16_bits(float_of(0x3F808001)), 0x3F81);
    assert_int_equal(bfloat16_bits(float_of(0x00000001)), 0);
    assert_int_equal(bfloat16_bits(float_of(0x00018000)), 0x0002);
}

static void rounding_keeps_what_is_no_number(void **state) {
    (void)state;
    assert_int_equal(bfloat16_bits(INFINITY), 0x7F80);
    assert_int_equal(bfloat16_bits(-INFINITY), 0xFF80);
    assert_int_equal(bfloat16_bits(float_of(0x7F7FFFFF)), 0x7F80);
    assert_int_equal(bfloat16_bits(float_of(0x7F800001)), 0x7FC0);
    assert_int_equal(bfloat16_bits(float_of(0x7FFFFFFF)), 0x7FFF);
    assert_int_equal(bfloat16_bits(float_of(0xFFFFFFFF)), 0xFFFF);
}

static void rounding_agrees_with_arithmetic(void **state) {
    (void)state;
    for (int i = 0; i < 100000; i++) {
        float value = random_value() * ldexpf(1.0F, i % 200 - 100);
        assert_true(float_of(bfloat16_bits(value) << 16) == (float)rounded(value));
    }
}

static void rows_are_packed_in_pairs(void **state) {
    (void)state;
    enum { ROWS = 5, PITCH = 40, DEPTH = 8, USED = 19 };
    Guarded matrix = random_array(ROWS * PITCH), packed = guarded(DEPTH / 2 * COLUMNS);
    bfloat16_pack((Pair *)packed.data, matrix.data, PITCH, ROWS, DEPTH, USED);
    for (size_t k = 0; k < DEPTH; k++)
        for (size_t c = 0; c < COLUMNS; c++) {
            uint32_t pair = bits_of(packed.data[k / 2 * COLUMNS + c]);
            uint32_t actual = k % 2 == 0 ? pair & 0xFFFF : pair >> 16;
            bool there = k < ROWS && c < USED;
            assert_int_equal(actual, there ? bfloat16_bits(matrix.data[k * PITCH + c]) : 0);
        }
    release(matrix), release(packed);
}

static void squares_are_transposed(void **state) {
    (void)state;
    Pairs square[PAIR_LANES];
    for (uint32_t r = 0; r < PAIR_LANES; r++)
        for (uint32_t c = 0; c < PAIR_LANES; c++) square[r][c] = 100 * r + c;
    transpose_pairs(square);
    for (uint32_t r = 0; r < PAIR_LANES; r++)
        for (uint32_t c = 0; c < PAIR_LANES; c++) assert_int_equal(square[r][c], 100 * c + r);
}

/* A convolution's arrays; `n` images in each. */
typedef struct Trial {
    ConvShape shape;
    Guarded kernel, bias, x, y, dy, dx, dkernel, workspace;
    ConvCall call;
} Trial;

static Trial trial_make(const ConvKernel *conv, ConvShape s) {
    Trial t = {.shape = s};
    size_t taps = s.kh * s.kw * s.in * s.out, pixels = IMAGES * s.h * s.w;
    t.kernel = random_array(taps), t.bias = random_array(s.out);
    t.x = random_array(pixels * s.in), t.dy = random_array(pixels * s.out);
    t.y = guarded(pixels * s.out), t.dx = guarded(pixels * s.in), t.dkernel = guarded(taps);
    t.workspace = guarded(conv->workspace(&s));
    t.call =
        (ConvCall){s,        IMAGES,    t.kernel.data, t.bias.data,    ACTIVATION_LINEAR, t.x.data,
                   t.y.data, t.dy.data, t.dx.data,     t.dkernel.data, t.workspace.data};
    return t;
}

static void trial_end(Trial *t) {
    release(t->kernel), release(t->bias), release(t->x), release(t->y);
    release(t->dy), release(t->dx), release(t->dkernel), release(t->workspace);
}

typedef struct Place {
    size_t image, j, i, ky, kx; /* of y, and of the tap */
    size_t x_pixel, y_pixel, tap;
} Place;

/* Whether the tap of that output pixel lies in the image, and at which pixel. */
static bool place_tap(Place *p, const ConvShape *s) {
    size_t j = p->j + p->ky, i = p->i + p->kx, top = (s->kh - 1) / 2, left = (s->kw - 1) / 2;
    if (j < top || i < left || j - top >= s->h || i - left >= s->w) return false;
    p->x_pixel = (p->image * s->h + j - top) * s->w + i - left;
    p->y_pixel = (p->image * s->h + p->j) * s->w + p->i;
    p->tap = p->ky * s->kw + p->kx;
    return true;
}

/* Operands and results; the operands are rounded. */
typedef struct Expected {
    double *kernel, *x, *dy;
    double *y, *dx, *dkernel;
} Expected;

static double *zeros(size_t count) {
    double *array = calloc(count, sizeof *array);
    assert_non_null(array);
    return array;
}

static double *operand(Guarded array) {
    double *copy = zeros(array.count);
    for (size_t i = 0; i < array.count; i++) copy[i] = rounded(array.data[i]);
    return copy;
}

static void expect_tap(Expected *e, const ConvShape *s, const Place *p) {
    for (size_t i = 0; i < s->in; i++)
        for (size_t o = 0; o < s->out; o++) {
            size_t k = (p->tap * s->in + i) * s->out + o;
            size_t x = p->x_pixel * s->in + i, y = p->y_pixel * s->out + o;
            e->y[y] += e->x[x] * e->kernel[k];
            e->dx[x] += e->dy[y] * e->kernel[k];
            e->dkernel[k] += e->x[x] * e->dy[y];
        }
}

static Expected expected_make(const Trial *t) {
    const ConvShape *s = &t->shape;
    Expected e = {operand(t->kernel), operand(t->x),     operand(t->dy),
                  zeros(t->y.count),  zeros(t->x.count), zeros(t->kernel.count)};
    Place p = {0};
    for (p.image = 0; p.image < IMAGES; p.image++)
        for (p.j = 0; p.j < s->h; p.j++)
            for (p.i = 0; p.i < s->w; p.i++)
                for (p.ky = 0; p.ky < s->kh; p.ky++)
                    for (p.kx = 0; p.kx < s->kw; p.kx++)
                        if (place_tap(&p, s)) expect_tap(&e, s, &p);
    for (size_t y = 0; y < t->y.count; y++) e.y[y] += t->bias.data[y % s->out];
    return e;
}

static void expect_conv(const Trial *t, bool relu) {
    const ConvShape *s = &t->shape;
    Expected e = expected_make(t);
    for (size_t i = 0; i < t->y.count; i++)
        expect_near(t->y.data[i], relu ? fmax(e.y[i], 0.0) : e.y[i], s->kh * s->kw * s->in);
    for (size_t i = 0; i < t->dx.count; i++)
        expect_near(t->dx.data[i], e.dx[i], s->kh * s->kw * s->out);
    for (size_t i = 0; i < t->dkernel.count; i++)
        expect_near(t->dkernel.data[i], e.dkernel[i], IMAGES * s->h * s->w);
    free(e.kernel), free(e.x), free(e.dy), free(e.y), free(e.dx), free(e.dkernel);
}

/* Each call begins with a workspace of NaNs, for it may hold anything. */
static void run(void (*function)(const ConvCall *), const Trial *t, const ConvCall *call) {
    for (size_t i = 0; i < t->workspace.count; i++) t->workspace.data[i] = NAN;
    function(call);
}

static void try_conv(const ConvKernel *conv, ConvShape shape, bool relu) {
    Trial t = trial_make(conv, shape);
    t.call.activation = relu ? ACTIVATION_RELU : ACTIVATION_LINEAR;
    run(conv->forward, &t, &t.call);
    run(conv->backward_input, &t, &t.call);
    run(conv->backward_weights, &t, &t.call);
    expect_conv(&t, relu);
    trial_end(&t);
}

/* The last image alone gives the bits that it has as the last of several. */
static void try_alone(const ConvKernel *conv, ConvShape shape) {
    Trial t = trial_make(conv, shape), alone = trial_make(conv, shape);
    ConvCall call = alone.call;
    size_t x = t.x.count / IMAGES, y = t.y.count / IMAGES;
    call.n = 1, call.kernel = t.call.kernel, call.bias = t.call.bias;
    call.x = t.call.x + (IMAGES - 1) * x, call.dy = t.call.dy + (IMAGES - 1) * y;
    run(conv->forward, &t, &t.call), run(conv->backward_input, &t, &t.call);
    run(conv->forward, &alone, &call), run(conv->backward_input, &alone, &call);
    assert_memory_equal(call.y, t.call.y + (IMAGES - 1) * y, y * sizeof(float));
    assert_memory_equal(call.dx, t.call.dx + (IMAGES - 1) * x, x * sizeof(float));
    trial_end(&t), trial_end(&alone);
}

/* Widths and channels that fill tiles and vectors, that fall short of them and that go beyond. */
static const ConvShape shapes[] = {
    {28, 28, 1, 32, 5, 5, 1, false},  {9, 28, 32, 32, 5, 5, 1, false},
    {14, 14, 32, 64, 3, 3, 1, false}, {7, 14, 64, 64, 3, 3, 1, false},
    {1, 1, 1, 1, 1, 1, 1, false},     {1, 1, 3, 5, 3, 3, 1, false},
    {2, 3, 4, 7, 5, 5, 1, false},     {5, 17, 2, 33, 3, 3, 1, false},
    {6, 15, 17, 16, 2, 4, 1, false},  {3, 33, 34, 31, 1, 7, 1, false},
    {4, 5, 48, 65, 3, 2, 1, false},   {8, 8, 1, 3, 4, 4, 1, false},
    {3, 29, 45, 8, 1, 1, 1, false},   {2, 40, 16, 40, 3, 9, 1, false},
    {11, 13, 5, 32, 3, 3, 1, false},  {3, 2, 30, 30, 1, 20, 1, false},
};

/* The emulated kernels, then those that this machine has. */
static const ConvKernel *bfloat16_conv(size_t index) {
    if (index == 0) return &conv_bfloat16_amx_emulated;
    for (size_t i = 0; kernels_conv(i) != NULL; i++)
        if (kernels_conv(i)->compute == COMPUTE_BFLOAT16 && --index == 0) return kernels_conv(i);
    return NULL;
}

static void convolutions_match_the_reference(void **state) {
    (void)state;
    for (size_t k = 0; bfloat16_conv(k) != NULL; k++)
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
            if (bfloat16_conv(k)->suits(&shapes[i]))
                try_conv(bfloat16_conv(k), shapes[i], i % 2 == 0);
}

static void an_image_keeps_its_bits_in_any_company(void **state) {
    (void)state;
    for (size_t k = 0; bfloat16_conv(k) != NULL; k++)
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
            if (bfloat16_conv(k)->suits(&shapes[i])) try_alone(bfloat16_conv(k), shapes[i]);
}

static void a_nan_stays_one_through_relu(void **state) {
    (void)state;
    const ConvShape shape = {3, 5, 2, 3, 1, 1, 1, false};
    for (size_t k = 0; bfloat16_conv(k) != NULL; k++) {
        Trial t = trial_make(bfloat16_conv(k), shape);
        t.call.activation = ACTIVATION_RELU;
        t.x.data[0] = NAN;
        run(bfloat16_conv(k)->forward, &t, &t.call);
        for (size_t o = 0; o < shape.out; o++) assert_true(isnan(t.y.data[o]));
        trial_end(&t);
    }
}

/* More samples than any kernel takes at a time. */
enum { SAMPLES = 107 };

typedef struct DenseTrial {
    Guarded kernel, bias, x, y, dy, dx, dkernel, workspace;
    DenseCall call;
} DenseTrial;

static DenseTrial dense_make(const DenseKernel *dense, size_t n, size_t in, size_t out) {
    DenseTrial t = {.kernel = random_array(in * out), .bias = random_array(out)};
    t.x = random_array(n * in), t.dy = random_array(n * out);
    t.y = guarded(n * out), t.dx = guarded(n * in), t.dkernel = guarded(in * out);
    t.workspace = guarded(dense->workspace(in, out));
    t.call =
        (DenseCall){n,        in,       out,       t.kernel.data, t.bias.data,    ACTIVATION_LINEAR,
                    t.x.data, t.y.data, t.dy.data, t.dx.data,     t.dkernel.data, t.workspace.data};
    return t;
}

static void dense_end(DenseTrial *t) {
    release(t->kernel), release(t->bias), release(t->x), release(t->y);
    release(t->dy), release(t->dx), release(t->dkernel), release(t->workspace);
}

static void dense_run(void (*function)(const DenseCall *), const DenseTrial *t,
                      const DenseCall *call) {
    for (size_t i = 0; i < t->workspace.count; i++) t->workspace.data[i] = NAN;
    function(call);
}

static void expect_dense(const DenseTrial *t, bool relu) {
    size_t n = t->call.n, in = t->call.in, out = t->call.out;
    Expected e = {operand(t->kernel), operand(t->x),     operand(t->dy),
                  zeros(t->y.count),  zeros(t->x.count), zeros(t->kernel.count)};
    for (size_t s = 0; s < n; s++)
        for (size_t i = 0; i < in; i++)
            for (size_t o = 0; o < out; o++) {
                e.y[s * out + o] += e.x[s * in + i] * e.kernel[i * out + o];
                e.dx[s * in + i] += e.dy[s * out + o] * e.kernel[i * out + o];
                e.dkernel[i * out + o] += e.x[s * in + i] * e.dy[s * out + o];
            }
    for (size_t i = 0; i < t->y.count; i++) {
        double y = e.y[i] + t->bias.data[i % out];
        expect_near(t->y.data[i], relu ? fmax(y, 0.0) : y, in);
    }
    for (size_t i = 0; i < t->dx.count; i++) expect_near(t->dx.data[i], e.dx[i], out);
    for (size_t i = 0; i < t->dkernel.count; i++) expect_near(t->dkernel.data[i], e.dkernel[i], n);
    free(e.kernel), free(e.x), free(e.dy), free(e.y), free(e.dx), free(e.dkernel);
}

static void try_dense(const DenseKernel *dense, size_t n, size_t in, size_t out) {
    DenseTrial t = dense_make(dense, n, in, out);
    bool relu = n % 2 == 0;
    t.call.activation = relu ? ACTIVATION_RELU : ACTIVATION_LINEAR;
    dense_run(dense->forward, &t, &t.call);
    dense_run(dense->backward_input, &t, &t.call);
    dense_run(dense->backward_weights, &t, &t.call);
    expect_dense(&t, relu);
    dense_end(&t);
}

static void try_sample_alone(const DenseKernel *dense, size_t in, size_t out) {
    DenseTrial t = dense_make(dense, SAMPLES, in, out), alone = dense_make(dense, 1, in, out);
    DenseCall call = alone.call;
    size_t last = SAMPLES - 1;
    call.kernel = t.call.kernel, call.bias = t.call.bias;
    call.x = t.call.x + last * in, call.dy = t.call.dy + last * out;
    dense_run(dense->forward, &t, &t.call), dense_run(dense->backward_input, &t, &t.call);
    dense_run(dense->forward, &alone, &call), dense_run(dense->backward_input, &alone, &call);
    assert_memory_equal(call.y, t.call.y + last * out, out * sizeof(float));
    assert_memory_equal(call.dx, t.call.dx + last * in, in * sizeof(float));
    dense_end(&t), dense_end(&alone);
}

static const DenseKernel *bfloat16_dense(size_t index) {
    if (index == 0) return &dense_bfloat16_amx_emulated;
    for (size_t i = 0; kernels_dense(i) != NULL; i++)
        if (kernels_dense(i)->compute == COMPUTE_BFLOAT16 && --index == 0) return kernels_dense(i);
    return NULL;
}

static void dense_layers_match_the_reference(void **state) {
    (void)state;
    for (size_t k = 0; bfloat16_dense(k) != NULL; k++) {
        try_dense(bfloat16_dense(k), 11, 320, 256);
        try_dense(bfloat16_dense(k), 1, 3136, 32);
        try_dense(bfloat16_dense(k), 34, 257, 301);
        try_dense(bfloat16_dense(k), 14, 30, 2203);
        try_dense(bfloat16_dense(k), SAMPLES, 2211, 31);
    }
}

static void a_sample_keeps_its_bits_in_any_company(void **state) {
    (void)state;
    for (size_t k = 0; bfloat16_dense(k) != NULL; k++) {
        try_sample_alone(bfloat16_dense(k), 320, 256);
        try_sample_alone(bfloat16_dense(k), 333, 257);
    }
}

static void few_weights_stay_in_float32(void **state) {
    (void)state;
    const KernelOptions options = {.compute = COMPUTE_BFLOAT16};
    assert_int_equal(kernels_choose_dense(&options, 128, 10)->compute, COMPUTE_FLOAT32);
    assert_int_equal(kernels_choose_dense(&options, 3136, 256)->compute, COMPUTE_BFLOAT16);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounding_is_to_nearest_even),
        cmocka_unit_test(rounding_keeps_what_is_no_number),
        cmocka_unit_test(rounding_agrees_with_arithmetic),
        cmocka_unit_test(rows_are_packed_in_pairs),
        cmocka_unit_test(squares_are_transposed),
        cmocka_unit_test(convolutions_match_the_reference),
        cmocka_unit_test(an_image_keeps_its_bits_in_any_company),
        cmocka_unit_test(a_nan_stays_one_through_relu),
        cmocka_unit_test(dense_layers_match_the_reference),
        cmocka_unit_test(a_sample_keeps_its_bits_in_any_company),
        cmocka_unit_test(few_weights_stay_in_float32),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
