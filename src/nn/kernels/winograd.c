/* Convolution by Winograd's minimal filtering, F(4x4, 3x3) and F(4x4, 5x5): an image is cut into
 * tiles of 4x4 outputs, tiles and kernel are taken to 36 or 64 points (winograd_lines.h), and at
 * each point the channels are multiplied as a matrix.
 *
 * This is the fastest way here by far, since the 5x5 layer of the default model is three fifths of
 * its arithmetic: 64 products replace 400. Forward and both gradients of that layer take 240 us an
 * image on a Zen 4 core where direct.c, at 95 % of the peak, takes 1,085; the 3x3 layers 241
 * instead of 586. What it costs is rounding: the largest difference to OpenBLAS's sums, in units of
 * the largest sum, is 5e-6 for 5x5 and 7e-6 for 3x3, direct's up to 1e-6; bfloat16's is 2e-3.
 *
 * Tiles are taken in blocks whose transformed inputs and products stay in the second-level cache
 * together with the transformed kernel. Transformed inputs are not kept for backward: making them
 * again is an eighth of the work and they would be four times the image. The input's gradient is
 * the convolution of dy with the kernel turned round. Refused: tiles of 6x6 outputs (14 is no
 * multiple, and the error grows), and the transposed form of the input gradient with its
 * overlapping sums; relu's derivative in the epilogue of the input's gradient, and the bias's
 * gradient taken from point (1, 1) of dy's tiles, which is each tile's sum: neither moved a whole
 * step by as much as runs of the same code differ, 1 %.
 *
 * A shard's activations fill megabytes, so what the transforms will touch is fetched while products
 * are made. With W fetched likewise (dense.c) a pass over a shard takes 3 % less time.
 */
#include "nn/families.h"
#include "nn/kernels/winograd_tiles.h"

/* Memory that is asked for while a product is made, a part at each point. */
typedef struct Fetch {
    const float *from;
    size_t floats; /* of a part */
} Fetch;

enum { FETCHES = 2 };

/* The part, of images of `size` floats, of `count` tiles from `first` on; or of those there are. */
static Fetch fetch_tiles(const float *images, size_t size, const Tiling *tiling, size_t first,
                         size_t count) {
    size_t last = smaller(first + count, tiling->count);
    if (first >= last) return (Fetch){NULL, 0};
    size_t begin = first * size / tiling->per_image, end = last * size / tiling->per_image;
    return (Fetch){images + begin, (end - begin) / tiling->points};
}

static Fetch fetch_inputs(const float *x, const Tiling *tiling, size_t first, size_t count) {
    return fetch_tiles(x, tiling->rows * tiling->columns * tiling->in, tiling, first, count);
}

static Fetch fetch_outputs(const float *y, const Tiling *tiling, size_t first, size_t count) {
    return fetch_tiles(y, tiling->h * tiling->w * tiling->out, tiling, first, count);
}

INLINE void fetch_parts(const Fetch fetches[FETCHES], size_t point) {
    for (int i = 0; i < FETCHES; i++)
        if (fetches[i].floats > 0)
            prefetch(fetches[i].from + point * fetches[i].floats, fetches[i].floats);
}

/* One point of TILE_ROWS tiles of m, for the panel of columns from `o` on: v times u (in, out). */
INLINE void multiply_panel(float *m, const float *v, const float *u, const Tiling *tiling, size_t o,
                           int vectors) {
    const size_t in = tiling->in, out = tiling->out;
    Vector sums[TILE_ROWS][TILE_VECTORS];
    tile_zero(sums, TILE_ROWS, vectors);
    for (size_t c = 0; c < in; c += TILE_COLUMNS)
        tile_multiply(sums, TILE_ROWS, vectors, v + panel_begin(tiling, c, BLOCK), TILE_COLUMNS, 1,
                      u + c * out + o, out, smaller(in - c, TILE_COLUMNS));
    tile_store(m + panel_begin(tiling, o, BLOCK), TILE_COLUMNS, sums, TILE_ROWS, vectors);
}

static void multiply(float *m, const float *v, const float *u, const Tiling *tiling,
                     const Fetch fetches[FETCHES]) {
    const size_t plane = plane_size(BLOCK), weights = tiling->in * tiling->out;
    for (size_t p = 0; p < tiling->points; p++, m += plane, v += plane, u += weights) {
        fetch_parts(fetches, p);
        for (size_t r = 0; r < BLOCK * TILE_COLUMNS; r += TILE_ROWS * TILE_COLUMNS) {
            size_t o = 0;
            for (; o + TILE_COLUMNS <= tiling->out; o += TILE_COLUMNS)
                multiply_panel(m + r, v + r, u, tiling, o, TILE_VECTORS);
            if (o < tiling->out) multiply_panel(m + r, v + r, u, tiling, o, 1);
        }
    }
}

/* A call's workspace: the row of zeros, a kernel turned round, and what the kernel, a block of
 * inputs and a block of outputs are at all points. */
typedef struct Parts {
    float *zeros, *kernel, *u, *v, *m;
} Parts;

static size_t lay_out(size_t begins[5], const ConvShape *shape) {
    size_t side = OUTPUTS + shape->kh - 1, points = side * side;
    size_t most = shape->in > shape->out ? shape->in : shape->out, weights = shape->in * shape->out;
    size_t block = BLOCK > GRADIENT_BLOCK ? BLOCK : GRADIENT_BLOCK;
    size_t panels = (most + TILE_COLUMNS - 1) / TILE_COLUMNS;
    size_t planes = panels * points * plane_size(block);
    begins[0] = 0;
    begins[1] = begins[0] + shape->w * most;
    begins[2] = begins[1] + shape->kh * shape->kw * weights;
    begins[3] = begins[2] + points * weights;
    begins[4] = begins[3] + planes;
    return begins[4] + planes;
}

static Parts parts_of(const ConvCall *call) {
    size_t begins[5];
    lay_out(begins, &call->shape);
    float *workspace = call->workspace;
    return (Parts){workspace + begins[0], workspace + begins[1], workspace + begins[2],
                   workspace + begins[3], workspace + begins[4]};
}

INLINE void convolve(float *y, const float *x, const Tiling *tiling, const Parts *parts,
                     const Epilogue *epilogue, int taps) {
    for (size_t first = 0; first < tiling->count; first += BLOCK) {
        size_t count = smaller(tiling->count - first, BLOCK);
        transform_inputs(parts->v, x, tiling, first, count, BLOCK, taps);
        const Fetch fetches[FETCHES] = {fetch_inputs(x, tiling, first + count, BLOCK),
                                        fetch_outputs(y, tiling, first, count)};
        multiply(parts->m, parts->v, parts->u, tiling, fetches);
        transform_outputs(y, parts->m, tiling, first, count, epilogue, taps);
    }
}

/* The tiling, with its row of zeros. */
static Tiling tile_call(const ConvCall *call, bool reversed, const Parts *parts) {
    Tiling tiling = tiling_make(&call->shape, reversed, call->n, parts->zeros);
    memset(parts->zeros, 0, tiling.columns * tiling.in * sizeof(float));
    return tiling;
}

/* y from x by a kernel of so many taps, in parts->kernel or elsewhere. */
static void run(float *y, const float *x, const float *kernel, size_t taps, const Tiling *tiling,
                const Parts *parts, Epilogue epilogue) {
    if (taps == 5) {
        transform_kernel(parts->u, kernel, tiling->in, tiling->out, 5);
        convolve(y, x, tiling, parts, &epilogue, 5);
    } else {
        transform_kernel(parts->u, kernel, tiling->in, tiling->out, 3);
        convolve(y, x, tiling, parts, &epilogue, 3);
    }
}

static void forward(const ConvCall *call) {
    Parts parts = parts_of(call);
    Tiling tiling = tile_call(call, false, &parts);
    run(call->y, call->x, call->kernel, call->shape.kh, &tiling, &parts,
        (Epilogue){call->bias, call->activation == ACTIVATION_RELU});
}

static void backward_input(const ConvCall *call) {
    Parts parts = parts_of(call);
    Tiling tiling = tile_call(call, true, &parts);
    conv_reverse_kernel(parts.kernel, call->kernel, &call->shape);
    run(call->dx, call->dy, parts.kernel, call->shape.kh, &tiling, &parts, (Epilogue){NULL, false});
}

/* du (GRADIENT_ROWS of in, a panel of out) += v' z over a block of tiles. */
INLINE void add_panel(float *du, const float *v, const float *z, size_t count, size_t out,
                      int vectors) {
    Vector sums[TILE_ROWS][TILE_VECTORS];
    tile_zero(sums, GRADIENT_ROWS, vectors);
    tile_multiply(sums, GRADIENT_ROWS, vectors, v, 1, TILE_COLUMNS, z, TILE_COLUMNS, count);
    tile_add(du, out, sums, GRADIENT_ROWS, vectors);
}

static void add_products(float *du, const float *v, const float *z, const Tiling *tiling,
                         size_t count, const Fetch fetches[FETCHES]) {
    const size_t in = tiling->in, out = tiling->out;
    const size_t plane = plane_size(GRADIENT_BLOCK);
    for (size_t p = 0; p < tiling->points; p++, v += plane, z += plane) {
        fetch_parts(fetches, p);
        for (size_t i = 0; i < in; i += GRADIENT_ROWS, du += GRADIENT_ROWS * out) {
            const float *rows = v + panel_begin(tiling, i, GRADIENT_BLOCK);
            size_t o = 0;
            for (; o + TILE_COLUMNS <= out; o += TILE_COLUMNS)
                add_panel(du + o, rows, z + panel_begin(tiling, o, GRADIENT_BLOCK), count, out,
                          TILE_VECTORS);
            if (o < out)
                add_panel(du + o, rows, z + panel_begin(tiling, o, GRADIENT_BLOCK), count, out, 1);
        }
    }
}

/* Blocks end with an image, so that a sample's part of the sum does not hang on its place. */
INLINE void sum_gradients(float *dkernel, const ConvCall *call, const Tiling *tiling,
                          const Parts *parts, int taps) {
    size_t blocks = (tiling->per_image + GRADIENT_BLOCK - 1) / GRADIENT_BLOCK;
    size_t block = (tiling->per_image + blocks - 1) / blocks;
    memset(parts->u, 0, tiling->points * tiling->in * tiling->out * sizeof(float));
    for (size_t image = 0; image < tiling->count; image += tiling->per_image)
        for (size_t t = 0; t < tiling->per_image; t += block) {
            size_t count = smaller(tiling->per_image - t, block);
            transform_inputs(parts->v, call->x, tiling, image + t, count, GRADIENT_BLOCK, taps);
            transform_gradients(parts->m, call->dy, tiling, image + t, count, taps);
            const size_t next = image + t + count;
            const Fetch fetches[FETCHES] = {fetch_inputs(call->x, tiling, next, block),
                                            fetch_outputs(call->dy, tiling, next, block)};
            add_products(parts->u, parts->v, parts->m, tiling, count, fetches);
        }
    gather_kernel(dkernel, parts->u, tiling->in, tiling->out, taps);
}

static void backward_weights(const ConvCall *call) {
    Parts parts = parts_of(call);
    Tiling tiling = tile_call(call, false, &parts);
    if (call->shape.kh == 5)
        sum_gradients(call->dkernel, call, &tiling, &parts, 5);
    else
        sum_gradients(call->dkernel, call, &tiling, &parts, 3);
}

static bool suits(const ConvShape *shape) {
    return shape->stride == 1 && shape->kh == shape->kw && (shape->kh == 3 || shape->kh == 5) &&
           shape->in % LANES == 0 && shape->out % LANES == 0;
}

static size_t workspace(const ConvShape *shape) {
    size_t begins[5];
    return lay_out(begins, shape);
}

const ConvKernel KERNEL(conv_winograd) = {
    .name = "winograd " KERNEL_SET_NAME,
    .compute = COMPUTE_FLOAT32,
    .convolution = CONVOLUTION_WINOGRAD,
    .instructions = KERNEL_INSTRUCTIONS,
    .suits = suits,
    .workspace = workspace,
    .forward = forward,
    .backward_input = backward_input,
    .backward_weights = backward_weights,
};
