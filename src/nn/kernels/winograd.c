/* Convolution by Winograd's minimal filtering, F(4x4, 3x3) and F(4x4, 5x5): an image is cut into
 * tiles of 4x4 outputs, tiles and kernel are taken to 36 or 64 points (winograd_lines.h), and at
 * each point the channels are multiplied as a matrix.
 *
 * This is the fastest way here by far, since the 5x5 layer of the default model is three fifths of
 * its arithmetic: 64 products replace 400. What it costs is rounding: the transforms of 8 points
 * magnify it. FIGURES
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
#include "nn/kernels/tile.h"
#include "nn/kernels/winograd_lines.h"

enum {
    BLOCK = TILE_ROWS >= 12 ? TILE_ROWS : 2 * TILE_ROWS, /* tiles at a time in forward */
    GRADIENT_BLOCK = 28,                                 /* at most, in the weights' gradient */
    GRADIENT_ROWS = LANES >= 16 ? 8 : 4,                 /* of the register tile there */
    MOST_TAPS = 5,
    RUN = 7, /* tiles side by side, at most, whose columns are shared */
    STRIP = RUN * OUTPUTS + MOST_TAPS - 1, /* and those columns */
};

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

/* A convolution cut into tiles. in and out are multiples of LANES. */
typedef struct Tiling {
    size_t h, w, in, out;
    size_t across, per_image, count; /* tiles */
    size_t points;                   /* of a tile: 36 or 64 */
    const float *zeros;              /* (w, in): stands for rows outside the image */
} Tiling;

static Tiling tiling_make(const ConvShape *shape, size_t n, const float *zeros) {
    size_t across = (shape->w + OUTPUTS - 1) / OUTPUTS, down = (shape->h + OUTPUTS - 1) / OUTPUTS;
    size_t side = OUTPUTS + shape->kh - 1;
    return (Tiling){shape->h,      shape->w,          shape->in,   shape->out, across,
                    across * down, across * down * n, side * side, zeros};
}

/* A vector more than the tiles of a panel: at a distance of a whole number of pages, or nearly so,
 * the points would crowd into few sets of the first-level cache (a tenth slower). */
INLINE size_t plane_size(size_t block) {
    return block * TILE_COLUMNS + LANES;
}

/* Blocks of tiles lie as (panels, points, block, TILE_COLUMNS), a panel being TILE_COLUMNS
 * channels: then all points of a tile, and all tiles of a point, are at constant distances. The
 * first number of a channel's panel: */
INLINE size_t panel_begin(const Tiling *tiling, size_t channel, size_t block) {
    return channel / TILE_COLUMNS * tiling->points * plane_size(block) + channel % TILE_COLUMNS;
}

/* Where a tile's outputs begin. */
typedef struct Place {
    size_t image, row, column;
} Place;

static Place place_of(const Tiling *tiling, size_t tile) {
    size_t within = tile % tiling->per_image;
    return (Place){tile / tiling->per_image, within / tiling->across * OUTPUTS,
                   within % tiling->across * OUTPUTS};
}

/* u (points, in, out) from kernel (taps, taps, in, out). */
INLINE void transform_kernel(float *u, const float *kernel, size_t in, size_t out, int taps) {
    const int side = line_points(taps);
    for (size_t at = 0; at < in * out; at += LANES) {
        Vector half[MOST_POINTS][MOST_TAPS], line[MOST_POINTS], taken[MOST_TAPS];
        for (int j = 0; j < taps; j++) {
            for (int i = 0; i < taps; i++)
                taken[i] = vector_load(kernel + (size_t)(i * taps + j) * in * out + at);
            line_kernel(line, taken, taps);
            for (int i = 0; i < side; i++) half[i][j] = line[i];
        }
        for (int i = 0; i < side; i++) {
            line_kernel(line, half[i], taps);
            for (int j = 0; j < side; j++)
                vector_store(u + (size_t)(i * side + j) * in * out + at, line[j]);
        }
    }
}

/* The adjoint: dkernel (taps, taps, in, out) from du (points, in, out). */
INLINE void gather_kernel(float *dkernel, const float *du, size_t in, size_t out, int taps) {
    const int side = line_points(taps);
    for (size_t at = 0; at < in * out; at += LANES) {
        Vector half[MOST_TAPS][MOST_POINTS], line[MOST_POINTS], taken[MOST_POINTS];
        for (int j = 0; j < side; j++) {
            for (int i = 0; i < side; i++)
                taken[i] = vector_load(du + (size_t)(i * side + j) * in * out + at);
            line_kernel_gradient(line, taken, taps);
            for (int i = 0; i < taps; i++) half[i][j] = line[i];
        }
        for (int i = 0; i < taps; i++) {
            line_kernel_gradient(line, half[i], taps);
            for (int j = 0; j < taps; j++)
                vector_store(dkernel + (size_t)(i * taps + j) * in * out + at, line[j]);
        }
    }
}

/* The rows of x under a tile; those outside the image are zeros. */
INLINE void find_rows(const float *rows[MOST_POINTS], const float *x, const Tiling *tiling,
                      Place place, int taps) {
    for (int i = 0; i < line_points(taps); i++) {
        size_t row = place.row + (size_t)i - (size_t)(taps / 2); /* wraps when above the image */
        rows[i] = row < tiling->h ? x + (place.image * tiling->h + row) * tiling->w * tiling->in
                                  : tiling->zeros;
    }
}

/* One vector of channels of `columns` columns from the place's on, taken to the points downwards.
 * Neighbouring tiles share half of their columns, so this is done for a run of tiles at once. */
INLINE void transform_columns(Vector half[STRIP][MOST_POINTS], const float *const rows[MOST_POINTS],
                              size_t columns, size_t channel, const Tiling *tiling, Place place,
                              int taps) {
    Vector taken[MOST_POINTS];
    for (size_t j = 0; j < columns; j++) {
        size_t column = place.column + j - (size_t)(taps / 2);
        bool inside = column < tiling->w;
        UNROLL
        for (int i = 0; i < line_points(taps); i++)
            taken[i] = inside ? vector_load(rows[i] + column * tiling->in + channel) : (Vector){0};
        line_input(half[j], taken, taps);
    }
}

/* A tile's columns taken to the points across. */
INLINE void transform_rows(float *v, size_t plane, Vector half[STRIP][MOST_POINTS], int taps) {
    const int side = line_points(taps);
    UNROLL
    for (int i = 0; i < side; i++) {
        Vector line[MOST_POINTS], taken[MOST_POINTS];
        UNROLL
        for (int j = 0; j < side; j++) taken[j] = half[j][i];
        line_input(line, taken, taps);
        UNROLL
        for (int j = 0; j < side; j++) vector_store(v + (size_t)(i * side + j) * plane, line[j]);
    }
}

/* `run` neighbouring tiles of one row of tiles. */
INLINE void transform_run(float *v, const float *x, const Tiling *tiling, Place place, size_t run,
                          size_t block, int taps) {
    const float *rows[MOST_POINTS];
    Vector half[STRIP][MOST_POINTS];
    find_rows(rows, x, tiling, place, taps);
    for (size_t c = 0; c < tiling->in; c += LANES) {
        float *to = v + panel_begin(tiling, c, block);
        transform_columns(half, rows, run * OUTPUTS + (size_t)taps - 1, c, tiling, place, taps);
        for (size_t t = 0; t < run; t++)
            transform_rows(to + t * TILE_COLUMNS, plane_size(block), half + t * OUTPUTS, taps);
    }
}

/* v: `count` tiles from tile `first` on. */
INLINE void transform_inputs(float *v, const float *x, const Tiling *tiling, size_t first,
                             size_t count, size_t block, int taps) {
    for (size_t t = 0, run; t < count; t += run) {
        Place place = place_of(tiling, first + t);
        run = smaller(smaller(count - t, RUN), tiling->across - place.column / OUTPUTS);
        transform_run(v + t * TILE_COLUMNS, x, tiling, place, run, block, taps);
    }
}

/* Memory that is asked for while a product is made, a part at each point. */
typedef struct Fetch {
    const float *from;
    size_t floats; /* of a part */
} Fetch;

enum { FETCHES = 2 };

/* The pixels, of so many channels, of `count` tiles from `first` on; or of those there are. */
static Fetch fetch_tiles(const float *images, size_t channels, const Tiling *tiling, size_t first,
                         size_t count) {
    size_t size = tiling->h * tiling->w * channels, last = smaller(first + count, tiling->count);
    if (first >= last) return (Fetch){NULL, 0};
    size_t begin = first * size / tiling->per_image, end = last * size / tiling->per_image;
    return (Fetch){images + begin, (end - begin) / tiling->points};
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

/* What becomes of a sum: a bias is added and negative ones may be cut off. */
typedef struct Epilogue {
    const float *bias; /* NULL: none */
    bool relu;
} Epilogue;

INLINE Vector finish(Vector sum, Vector bias, bool relu) {
    sum += bias;
    return relu ? vector_relu(sum) : sum;
}

/* One vector of channels of a tile's outputs from its products at all points. */
INLINE void transform_output(float *y, const float *m, const Tiling *tiling, Place place,
                             Vector bias, bool relu, int taps) {
    const int side = line_points(taps);
    const size_t plane = plane_size(BLOCK);
    Vector half[OUTPUTS][MOST_POINTS], line[OUTPUTS], taken[MOST_POINTS];
    UNROLL
    for (int j = 0; j < side; j++) {
        UNROLL
        for (int i = 0; i < side; i++) taken[i] = vector_load(m + (size_t)(i * side + j) * plane);
        line_output(line, taken, taps);
        UNROLL
        for (int i = 0; i < OUTPUTS; i++) half[i][j] = line[i];
    }
    size_t rows = tiling->h - place.row, columns = tiling->w - place.column;
    UNROLL
    for (size_t i = 0; i < OUTPUTS; i++) {
        line_output(line, half[i], taps);
        UNROLL
        for (size_t j = 0; j < OUTPUTS; j++)
            if (i < rows && j < columns)
                vector_store(y + (i * tiling->w + j) * tiling->out, finish(line[j], bias, relu));
    }
}

INLINE void transform_outputs(float *y, const float *m, const Tiling *tiling, size_t first,
                              size_t count, const Epilogue *epilogue, int taps) {
    for (size_t t = 0; t < count; t++) {
        Place place = place_of(tiling, first + t);
        size_t pixel = (place.image * tiling->h + place.row) * tiling->w + place.column;
        for (size_t c = 0; c < tiling->out; c += LANES) {
            Vector bias = epilogue->bias == NULL ? (Vector){0} : vector_load(epilogue->bias + c);
            transform_output(y + pixel * tiling->out + c,
                             m + panel_begin(tiling, c, BLOCK) + t * TILE_COLUMNS, tiling, place,
                             bias, epilogue->relu, taps);
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
        const Fetch fetches[FETCHES] = {fetch_tiles(x, tiling->in, tiling, first + count, BLOCK),
                                        fetch_tiles(y, tiling->out, tiling, first, count)};
        multiply(parts->m, parts->v, parts->u, tiling, fetches);
        transform_outputs(y, parts->m, tiling, first, count, epilogue, taps);
    }
}

/* y from x by a kernel of the shape's taps, in parts->kernel or elsewhere. */
static void run(float *y, const float *x, const float *kernel, const ConvShape *shape, size_t n,
                const Parts *parts, Epilogue epilogue) {
    Tiling tiling = tiling_make(shape, n, parts->zeros);
    memset(parts->zeros, 0, shape->w * shape->in * sizeof(float));
    if (shape->kh == 5) {
        transform_kernel(parts->u, kernel, shape->in, shape->out, 5);
        convolve(y, x, &tiling, parts, &epilogue, 5);
    } else {
        transform_kernel(parts->u, kernel, shape->in, shape->out, 3);
        convolve(y, x, &tiling, parts, &epilogue, 3);
    }
}

static void forward(const ConvCall *call) {
    Parts parts = parts_of(call);
    run(call->y, call->x, call->kernel, &call->shape, call->n, &parts,
        (Epilogue){call->bias, call->activation == ACTIVATION_RELU});
}

/* reversed (kh, kw, out, in) from kernel (kh, kw, in, out), both sides turned round. */
static void reverse_kernel(float *restrict reversed, const float *restrict kernel,
                           const ConvShape *shape) {
    size_t taps = shape->kh * shape->kw, in = shape->in, out = shape->out;
    for (size_t t = 0; t < taps; t++, kernel += in * out)
        for (size_t o = 0; o < out; o++)
            for (size_t i = 0; i < in; i++)
                reversed[((taps - 1 - t) * out + o) * in + i] = kernel[i * out + o];
}

static void backward_input(const ConvCall *call) {
    const ConvShape *shape = &call->shape;
    Parts parts = parts_of(call);
    ConvShape back = {shape->h, shape->w, shape->out, shape->in, shape->kh, shape->kw};
    reverse_kernel(parts.kernel, call->kernel, shape);
    run(call->dx, call->dy, parts.kernel, &back, call->n, &parts, (Epilogue){NULL, false});
}

/* One vector of channels of a tile of dy at all points. */
INLINE void transform_gradient(float *z, const float *dy, const Tiling *tiling, Place place,
                               int taps) {
    const int side = line_points(taps);
    size_t rows = tiling->h - place.row, columns = tiling->w - place.column;
    Vector half[MOST_POINTS][OUTPUTS], line[MOST_POINTS], taken[OUTPUTS];
    UNROLL
    for (size_t j = 0; j < OUTPUTS; j++) {
        UNROLL
        for (size_t i = 0; i < OUTPUTS; i++)
            taken[i] = i < rows && j < columns ? vector_load(dy + (i * tiling->w + j) * tiling->out)
                                               : (Vector){0};
        line_output_gradient(line, taken, taps);
        UNROLL
        for (int i = 0; i < side; i++) half[i][j] = line[i];
    }
    UNROLL
    for (int i = 0; i < side; i++) {
        line_output_gradient(line, half[i], taps);
        UNROLL
        for (int j = 0; j < side; j++)
            vector_store(z + (size_t)(i * side + j) * plane_size(GRADIENT_BLOCK), line[j]);
    }
}

INLINE void transform_gradients(float *z, const float *dy, const Tiling *tiling, size_t first,
                                size_t count, int taps) {
    for (size_t t = 0; t < count; t++) {
        Place place = place_of(tiling, first + t);
        size_t pixel = (place.image * tiling->h + place.row) * tiling->w + place.column;
        for (size_t c = 0; c < tiling->out; c += LANES)
            transform_gradient(z + panel_begin(tiling, c, GRADIENT_BLOCK) + t * TILE_COLUMNS,
                               dy + pixel * tiling->out + c, tiling, place, taps);
    }
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
            const Fetch fetches[FETCHES] = {
                fetch_tiles(call->x, tiling->in, tiling, next, block),
                fetch_tiles(call->dy, tiling->out, tiling, next, block)};
            add_products(parts->u, parts->v, parts->m, tiling, count, fetches);
        }
    gather_kernel(dkernel, parts->u, tiling->in, tiling->out, taps);
}

static void backward_weights(const ConvCall *call) {
    const ConvShape *shape = &call->shape;
    Parts parts = parts_of(call);
    Tiling tiling = tiling_make(shape, call->n, parts.zeros);
    memset(parts.zeros, 0, shape->w * shape->in * sizeof(float));
    if (shape->kh == 5)
        sum_gradients(call->dkernel, call, &tiling, &parts, 5);
    else
        sum_gradients(call->dkernel, call, &tiling, &parts, 3);
}

static bool suits(const ConvShape *shape) {
    return shape->kh == shape->kw && (shape->kh == 3 || shape->kh == 5) && shape->in % LANES == 0 &&
           shape->out % LANES == 0;
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
