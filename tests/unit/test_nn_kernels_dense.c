/* Every dense kernel that this machine can run against OpenBLAS, over sizes that fill no vector, no
 * tile and no block. */
#include "nn_kernel_vectors.h"

typedef struct DenseShape {
    size_t n, in, out;
} DenseShape;

static const DenseShape dense_shapes[] = {
    {1, 1, 1},     {3, 5, 7},      {2, 17, 33},     {15, 31, 16},  {90, 20, 128},
    {100, 20, 65}, {29, 100, 65},  {40, 64, 48},    {58, 65, 40},  {86, 130, 9},
    {11, 128, 10}, {11, 256, 128}, {11, 3136, 256}, {16, 128, 10},
};

enum { DENSE_SHAPES = sizeof dense_shapes / sizeof *dense_shapes };

typedef struct DenseData {
    DenseShape shape;
    Input kernel, bias, x, dy;
} DenseData;

static DenseData dense_data_new(const DenseShape *shape) {
    return (DenseData){.shape = *shape,
                       .kernel = input_new(shape->in * shape->out, 5),
                       .bias = input_new(shape->out, 6),
                       .x = input_new(shape->n * shape->in, 7),
                       .dy = input_new(shape->n * shape->out, 8)};
}

static void dense_data_destroy(DenseData *data) {
    free(data->kernel.memory);
    free(data->bias.memory);
    free(data->x.memory);
    free(data->dy.memory);
}

static DenseCall dense_call(const DenseData *data, size_t first, size_t n) {
    return (DenseCall){.n = n,
                       .in = data->shape.in,
                       .out = data->shape.out,
                       .activation = ACTIVATION_RELU,
                       .kernel = data->kernel.values,
                       .bias = data->bias.values,
                       .x = data->x.values + first * data->shape.in,
                       .dy = data->dy.values + first * data->shape.out};
}

static Output dense_run(const DenseKernel *kernel, Way way, const DenseData *data, size_t first,
                        size_t n) {
    size_t in = data->shape.in, out = data->shape.out;
    void (*const ways[WAYS])(const DenseCall *call) = {kernel->forward, kernel->backward_input,
                                                       kernel->backward_weights};
    const size_t counts[WAYS] = {n * out, n * in, in * out};
    Output output = output_new(counts[way]), workspace = output_new(kernel->workspace(in, out));
    DenseCall call = dense_call(data, first, n);
    call.workspace = workspace.values;
    if (way == FORWARD) call.y = output.values;
    if (way == INPUT) call.dx = output.values;
    if (way == WEIGHTS) call.dkernel = output.values;
    ways[way](&call);
    output_destroy(&workspace);
    return output;
}

typedef void DenseCheck(const DenseKernel *kernel, Way way, DenseData *data);

static void check_dense(const DenseKernel *kernel, const DenseShape *h, DenseCheck *check) {
    DenseData data = dense_data_new(h);
    for (Way way = FORWARD; way < WAYS; way++) {
        snprintf(subject, sizeof subject, "%s, %zu of %zu to %zu, %s", kernel->name, h->n, h->in,
                 h->out, way_names[way]);
        check(kernel, way, &data);
    }
    dense_data_destroy(&data);
}

static void for_each_dense(DenseCheck *check) {
    for (size_t k = 0; kernels_dense(k) != NULL; k++)
        for (size_t s = 0; s < DENSE_SHAPES; s++)
            if (kernels_dense(k)->suits(dense_shapes[s].in, dense_shapes[s].out))
                check_dense(kernels_dense(k), &dense_shapes[s], check);
}

static void dense_agrees(const DenseKernel *kernel, Way way, DenseData *data) {
    Output expected = dense_run(&dense_blas, way, data, 0, data->shape.n);
    Output ours = dense_run(kernel, way, data, 0, data->shape.n);
    check_close(&ours, &expected, tolerance_of(kernel->compute, CONVOLUTION_DIRECT));
    output_destroy(&ours);
    output_destroy(&expected);
}

static void test_dense_layers_agree_with_blas(void **state) {
    (void)state;
    for_each_dense(dense_agrees);
}

static void dense_is_alone(const DenseKernel *kernel, Way way, DenseData *data) {
    if (way == WEIGHTS) return;
    size_t total = data->shape.n;
    Output all = dense_run(kernel, way, data, 0, total);
    for (size_t n = 1; n < total; n += n < 4 ? 1 : 7) {
        Output some = dense_run(kernel, way, data, total - n, n);
        check_same(some.values, all.values + all.count - some.count, some.count);
        output_destroy(&some);
    }
    output_destroy(&all);
}

static void test_a_rows_bits_hang_on_no_other_row(void **state) {
    (void)state;
    for_each_dense(dense_is_alone);
}

/* The whole gradient in blocks of `step` rows, which are gathered. */
static void gather_rows(float *whole, const DenseKernel *kernel, const DenseData *data,
                        size_t step) {
    size_t in = data->shape.in, out = data->shape.out;
    for (size_t begin = 0; begin < in; begin += step) {
        size_t end = begin + step < in ? begin + step : in;
        Output block = output_new((end - begin) * out);
        Output workspace = output_new(kernel->workspace(in, out));
        DenseCall call = dense_call(data, 0, data->shape.n);
        call.dkernel = block.values;
        call.workspace = workspace.values;
        kernel->backward_weights_rows(&call, begin, end);
        memcpy(whole + begin * out, block.values, block.count * sizeof(float));
        output_destroy(&workspace);
        output_destroy(&block);
    }
}

static void dense_has_rows(const DenseKernel *kernel, Way way, DenseData *data) {
    if (way != WEIGHTS || kernel->backward_weights_rows == NULL) return;
    Output all = dense_run(kernel, way, data, 0, data->shape.n);
    Output parts = output_new(all.count);
    for (size_t step = 1; step < 2 * data->shape.in; step = 3 * step + 1) {
        gather_rows(parts.values, kernel, data, step);
        check_same(parts.values, all.values, all.count);
    }
    output_destroy(&parts);
    output_destroy(&all);
}

static void test_blocks_of_rows_are_those_of_the_whole_gradient(void **state) {
    (void)state;
    for_each_dense(dense_has_rows);
}

/* (1 + e)(1 + e) - (1 + 2e) is e squared, and nothing if the product is rounded first. A build that
 * loses the option for it would be slower by a tenth, and give other bits. */
static void test_kernels_with_fma_round_once(void **state) {
    (void)state;
    const float e = 0x1p-12F;
    for (size_t k = 0; kernels_dense(k) != NULL; k++) {
        const DenseKernel *kernel = kernels_dense(k);
        if (kernel->compute != COMPUTE_FLOAT32 || kernel->instructions < INSTRUCTIONS_AVX2)
            continue;
        DenseData data = dense_data_new(&(DenseShape){1, 1, 1});
        data.x.values[0] = data.kernel.values[0] = 1.0F + e;
        data.bias.values[0] = -(1.0F + 2.0F * e);
        Output y = dense_run(kernel, FORWARD, &data, 0, 1);
        if (!(y.values[0] == e * e)) fail_msg("%s: %g", kernel->name, (double)y.values[0]);
        output_destroy(&y);
        dense_data_destroy(&data);
    }
}

int main(void) {
    blas_start();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dense_layers_agree_with_blas),
        cmocka_unit_test(test_a_rows_bits_hang_on_no_other_row),
        cmocka_unit_test(test_blocks_of_rows_are_those_of_the_whole_gradient),
        cmocka_unit_test(test_kernels_with_fma_round_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
