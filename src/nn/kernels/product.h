/* The product that convolutions and dense layers come down to, each way round: a matrix of rows
 * that lie at strides, times a matrix of columns, over a depth that comes in segments.
 *
 *     c[r][v] = finish(start[r][v] + sum over s, k of a[s][k][r] * b[s][k][v])
 *
 * A convolution's patch is kh such segments of its framed image, so patches are never made. The
 * sums stay in registers over the whole depth, and each is one chain in the order of s and k: its
 * bits hang on nothing but its own row and column. */
#pragma once

#include <stdbool.h>

#include "nn/kernels/tile.h"

typedef enum Finish {
    FINISH_STORE, /* c = sum */
    FINISH_RELU,  /* c = max(sum, 0); a NaN stays one */
    FINISH_ADD,   /* c = c + sum */
} Finish;

/* Strides in floats. Of b and start, whole vectors are read: up to `columns` rounded up to LANES;
 * of c, `columns` are written and no more. */
typedef struct Product {
    size_t rows, columns, depth, segments;
    const float *a;
    size_t a_row, a_step, a_segment;
    const float *b; /* columns together */
    size_t b_step, b_segment,
        b_panel;        /* from TILE_COLUMNS of them to the next: TILE_COLUMNS or more */
    const float *start; /* NULL for zeros */
    size_t start_row;   /* 0 for one row that serves all */
    float *c;
    size_t c_row;
    Finish finish;
} Product;

void KERNEL(product_run)(const Product *product);

/* Floats, rounded up to whole vectors. */
INLINE size_t whole_vectors(size_t floats) {
    return (floats + LANES - 1) / LANES * LANES;
}

/* The same to 64 bytes, for parts of a workspace. */
INLINE size_t whole_lines(size_t floats) {
    return (floats + 15) / 16 * 16;
}
