/* Dense layers as products in register tiles; each of the three calls passes over W once.
 *
 * Forward takes a block of W's rows at a time, small enough for the second-level cache, and goes on
 * with the sums where the block before left them in y. The input's gradient is dx' = W dy', with
 * the samples as vector lanes: W is read along its rows as it lies, and only dy and dx, which are
 * small, are transposed. Refused: dot products with sums across lanes, which use all lanes at any
 * number of samples, but are a second way of doing it, for what was reckoned to be a hundredth of a
 * step. The weights' gradient is x' dy.
 *
 * Against OpenBLAS (dense_blas.c) on 3136 to 256, 11 samples, Zen 4, AVX-512: forward 2.4, input's
 * gradient 2.3, weights' gradient 1.4 times as fast; the last waits for memory. */
#include <string.h>

#include "mnist_dist/base/minmax.h"
#include "nn/families.h"
#include "nn/kernels/product.h"

enum {
    CHUNK = 96, /* samples that are copied at a time, a multiple of any TILE_COLUMNS */
    BLOCK = 64, /* rows of W */
    NEAR = 24 * 1024 / sizeof(float),
    RUN_VECTORS = 8,
    RUN = RUN_VECTORS * LANES,
};

/* to (rows, whole_vectors(columns)) from rows of `columns`, filled up with zeros. */
static void pad_rows(float *to, const float *from, size_t rows, size_t columns) {
    size_t whole = whole_vectors(columns);
    for (size_t r = 0; r < rows; r++) {
        memcpy(to + r * whole, from + r * columns, columns * sizeof *to);
        memset(to + r * whole + columns, 0, (whole - columns) * sizeof *to);
    }
}

/* Rows [first, last) of W, each in whole vectors. */
static const float *weight_rows(float *room, const DenseCall *call, size_t first, size_t last) {
    const float *rows = call->kernel + first * call->out;
    if (whole_vectors(call->out) == call->out) return rows;
    pad_rows(room, rows, last - first, call->out);
    return room;
}

/* Asks for the block of W's rows from row `first` on, if there is one, before work on the block
 * ahead of it: W comes from far away (3136 to 256, in a step: forward takes a third less time). */
static void fetch_rows(const DenseCall *call, size_t first) {
    size_t count = smaller(call->in - first, BLOCK);
    prefetch(call->kernel + first * call->out, count * call->out);
}

/* y of n samples; the sums of blocks but the last are kept in `sums`, whose rows are whole vectors.
 */
static void multiply(float *y, const float *x, size_t n, const DenseCall *call, float *sums,
                     const float *bias, float *room) {
    size_t whole = whole_vectors(call->out);
    for (size_t k = 0; k < call->in; k += BLOCK) {
        bool first = k == 0, last = k + BLOCK >= call->in;
        size_t end = last ? call->in : k + BLOCK;
        fetch_rows(call, end);
        KERNEL(product_run)
        (&(Product){.rows = n,
                    .columns = last ? call->out : whole,
                    .depth = end - k,
                    .segments = 1,
                    .a = x + k,
                    .a_row = call->in,
                    .a_step = 1,
                    .b = weight_rows(room, call, k, end),
                    .b_step = whole,
                    .b_panel = TILE_COLUMNS,
                    .start = first ? bias : sums,
                    .start_row = first ? 0 : whole,
                    .c = last ? y : sums,
                    .c_row = last ? call->out : whole,
                    .finish =
                        last && call->activation == ACTIVATION_RELU ? FINISH_RELU : FINISH_STORE});
    }
}

static void forward(const DenseCall *call) {
    size_t whole = whole_vectors(call->out);
    float *bias = call->workspace, *room = bias + whole_lines(whole), *sums = room + BLOCK * whole;
    pad_rows(bias, call->bias, 1, call->out);
    if (whole == call->out) {
        multiply(call->y, call->x, call->n, call, call->y, bias, room);
        return;
    }
    for (size_t i = 0; i < call->n; i += CHUNK)
        multiply(call->y + i * call->out, call->x + i * call->in, smaller(CHUNK, call->n - i), call,
                 sums, bias, room);
}

/* Panels (columns, TILE_COLUMNS) of the rows' transpose; the last panel is as wide as it must be.
 */
static void transpose_into_panels(float *panels, const float *from, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r += TILE_COLUMNS, panels += columns * TILE_COLUMNS) {
        size_t count = smaller(TILE_COLUMNS, rows - r), width = whole_vectors(count);
        memset(panels, 0, columns * width * sizeof *panels);
        for (size_t i = 0; i < count; i++)
            for (size_t c = 0; c < columns; c++)
                panels[c * width + i] = from[(r + i) * columns + c];
    }
}

/* dx (n, in) in the columns [first, last) from the panels of dy. */
static void input_block(float *dx, const float *panels, size_t n, const DenseCall *call,
                        size_t first, size_t last, float *block) {
    fetch_rows(call, last);
    for (size_t r = 0; r < n; r += TILE_COLUMNS) {
        size_t count = smaller(TILE_COLUMNS, n - r), width = whole_vectors(count);
        KERNEL(product_run)
        (&(Product){.rows = last - first,
                    .columns = width,
                    .depth = call->out,
                    .segments = 1,
                    .a = call->kernel + first * call->out,
                    .a_row = call->out,
                    .a_step = 1,
                    .b = panels + r * call->out,
                    .b_step = width,
                    .c = block,
                    .c_row = width});
        for (size_t i = 0; i < count; i++)
            for (size_t k = first; k < last; k++)
                dx[(r + i) * call->in + k] = block[(k - first) * width + i];
    }
}

static void backward_input(const DenseCall *call) {
    float *panels = call->workspace, *block = panels + CHUNK * call->out;
    for (size_t i = 0; i < call->n; i += CHUNK) {
        size_t n = smaller(CHUNK, call->n - i);
        transpose_into_panels(panels, call->dy + i * call->out, n, call->out);
        for (size_t k = 0; k < call->in; k += BLOCK)
            input_block(call->dx + i * call->in, panels, n, call, k, smaller(k + BLOCK, call->in),
                        block);
    }
}

/* Written or added: the rows [begin, end) of x' dy over n samples, dy in whole vectors. */
static void add_samples(const DenseCall *call, size_t begin, size_t end, const float *x,
                        const float *dy, size_t n, Finish finish) {
    KERNEL(product_run)
    (&(Product){.rows = end - begin,
                .columns = call->out,
                .depth = n,
                .segments = 1,
                .a = x + begin,
                .a_row = 1,
                .a_step = call->in,
                .b = dy,
                .b_step = whole_vectors(call->out),
                .b_panel = TILE_COLUMNS,
                .c = call->dkernel,
                .c_row = call->out,
                .finish = finish});
}

static void rows_by_tiles(const DenseCall *call, size_t begin, size_t end) {
    if (whole_vectors(call->out) == call->out) {
        add_samples(call, begin, end, call->x, call->dy, call->n, FINISH_STORE);
        return;
    }
    for (size_t i = 0; i < call->n; i += CHUNK) {
        size_t n = smaller(CHUNK, call->n - i);
        pad_rows(call->workspace, call->dy + i * call->out, n, call->out);
        add_samples(call, begin, end, call->x + i * call->in, call->workspace, n,
                    i == 0 ? FINISH_STORE : FINISH_ADD);
    }
}

/* Whole rows one after another, as memory likes to be written: tiles, which write every row in
 * pieces, take half as long again. For as many samples as leave dy in the first-level cache. */
static void rows_in_order(const DenseCall *call, size_t begin, size_t end) {
    float *c = call->dkernel;
    for (size_t row = begin; row < end; row++)
        for (size_t column = 0; column < call->out; column += RUN, c += RUN) {
            Vector sums[RUN_VECTORS] = {{0}};
            const float *x = call->x + row, *dy = call->dy + column;
            for (size_t i = 0; i < call->n; i++, x += call->in, dy += call->out) UNROLL
            for (int v = 0; v < RUN_VECTORS; v++) sums[v] += *x * vector_load(dy + v * LANES);
            UNROLL
            for (int v = 0; v < RUN_VECTORS; v++) vector_store(c + v * LANES, sums[v]);
        }
}

static void backward_weights_rows(const DenseCall *call, size_t begin, size_t end) {
    if (call->out % RUN == 0 && call->n * call->out <= NEAR)
        rows_in_order(call, begin, end);
    else
        rows_by_tiles(call, begin, end);
}

static void backward_weights(const DenseCall *call) {
    backward_weights_rows(call, 0, call->in);
}

static bool suits(size_t in, size_t out) {
    (void)in, (void)out;
    return true;
}

static size_t workspace(size_t in, size_t out) {
    (void)in;
    size_t whole = whole_vectors(out);
    size_t ahead = whole_lines(whole) + (BLOCK + CHUNK) * whole, back = CHUNK * (out + BLOCK);
    return ahead > back ? ahead : back;
}

const DenseKernel KERNEL(dense_direct) = {
    .name = "direct " KERNEL_SET_NAME,
    .compute = COMPUTE_FLOAT32,
    .instructions = KERNEL_INSTRUCTIONS,
    .suits = suits,
    .workspace = workspace,
    .forward = forward,
    .backward_input = backward_input,
    .backward_weights = backward_weights,
    .backward_weights_rows = backward_weights_rows,
};
