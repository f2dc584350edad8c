/* An image in tiles of 4x4 outputs, and tiles at their 36 or 64 points: the transforms of
 * winograd_lines.h in two dimensions, downwards and then across. */
#pragma once

#include "mnist_dist/base/minmax.h"
#include "mnist_dist/nn/kernels.h"
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

/* A convolution of (rows, columns, in) to (h, w, out) cut into tiles. in and out are multiples of
 * LANES. */
typedef struct Tiling {
    size_t h, w, in, out;
    size_t rows, columns;
    size_t border;                   /* zeros above and to the left */
    size_t across, per_image, count; /* tiles */
    size_t points;                   /* of a tile: 36 or 64 */
    const float *zeros;              /* (columns, in): stands for rows outside the image */
} Tiling;

/* Of n images; reversed, of their dy to dx. The kernel is square, so a border has one width. */
static Tiling tiling_make(const ConvShape *shape, bool reversed, size_t n, const float *zeros) {
    const ConvEdges edges = conv_edges(shape);
    const size_t side = OUTPUTS + shape->kh - 1;
    Tiling tiling = reversed ? (Tiling){.h = shape->h,
                                        .w = shape->w,
                                        .in = shape->out,
                                        .out = shape->in,
                                        .rows = edges.h,
                                        .columns = edges.w,
                                        .border = shape->kh - 1 - edges.top}
                             : (Tiling){.h = edges.h,
                                        .w = edges.w,
                                        .in = shape->in,
                                        .out = shape->out,
                                        .rows = shape->h,
                                        .columns = shape->w,
                                        .border = edges.top};
    tiling.across = (tiling.w + OUTPUTS - 1) / OUTPUTS;
    tiling.per_image = tiling.across * ((tiling.h + OUTPUTS - 1) / OUTPUTS);
    tiling.count = tiling.per_image * n;
    tiling.points = side * side;
    tiling.zeros = zeros;
    return tiling;
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
        size_t row = place.row + (size_t)i - tiling->border; /* wraps when above the image */
        rows[i] = row < tiling->rows
                      ? x + (place.image * tiling->rows + row) * tiling->columns * tiling->in
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
        size_t column = place.column + j - tiling->border;
        bool inside = column < tiling->columns;
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
