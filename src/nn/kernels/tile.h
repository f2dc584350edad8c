/* The register tile: rows (R, K) by columns (K, TILE_VECTORS vectors), each sum one chain of fused
 * multiply-adds over K in order, so that a row's bits do not hang on the rows beside it. */
#pragma once

#include "nn/kernels/vector.h"

enum { TILE_COLUMNS = TILE_VECTORS * LANES };

/* sums[r][v] += a[r * a_pitch + k * a_step] * b[k * b_pitch + v * LANES ...] for k < depth.
 * `rows` and `vectors` must be constants where this is called. */
INLINE void tile_multiply(Vector sums[TILE_ROWS][TILE_VECTORS], int rows, int vectors,
                          const float *a, size_t a_pitch, size_t a_step, const float *b,
                          size_t b_pitch, size_t depth) {
    for (size_t k = 0; k < depth; k++, a += a_step, b += b_pitch) {
        Vector columns[TILE_VECTORS];
        UNROLL
        for (int v = 0; v < vectors; v++) columns[v] = vector_load(b + v * LANES);
        UNROLL
        for (int r = 0; r < rows; r++) {
            Vector factor = vector_all(a[(size_t)r * a_pitch]);
            UNROLL
            for (int v = 0; v < vectors; v++) sums[r][v] += factor * columns[v];
        }
    }
}

INLINE void tile_zero(Vector sums[TILE_ROWS][TILE_VECTORS], int rows, int vectors) {
    UNROLL
    for (int r = 0; r < rows; r++) UNROLL
    for (int v = 0; v < vectors; v++) sums[r][v] = (Vector){0};
}

INLINE void tile_load(Vector sums[TILE_ROWS][TILE_VECTORS], int rows, int vectors, const float *c,
                      size_t pitch) {
    UNROLL
    for (int r = 0; r < rows; r++) UNROLL
    for (int v = 0; v < vectors; v++) sums[r][v] = vector_load(c + (size_t)r * pitch + v * LANES);
}

INLINE void tile_store(float *c, size_t pitch, Vector sums[TILE_ROWS][TILE_VECTORS], int rows,
                       int vectors) {
    UNROLL
    for (int r = 0; r < rows; r++) UNROLL
    for (int v = 0; v < vectors; v++) vector_store(c + (size_t)r * pitch + v * LANES, sums[r][v]);
}

INLINE void tile_add(float *c, size_t pitch, Vector sums[TILE_ROWS][TILE_VECTORS], int rows,
                     int vectors) {
    UNROLL
    for (int r = 0; r < rows; r++) UNROLL
    for (int v = 0; v < vectors; v++) {
        float *to = c + (size_t)r * pitch + v * LANES;
        vector_store(to, vector_load(to) + sums[r][v]);
    }
}
