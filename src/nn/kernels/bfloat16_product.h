/* The product that convolutions and dense layers come down to, with operands in bfloat16:
 *
 *     c[l][r][v] = finish(start[v] + sum over s, k of a[l][s][r][k] * b[s][k][v])
 *
 * As product.h has it for float32, but that the inner length is contiguous on the left and packed
 * in pairs on the right (bfloat16.h), which is what both the vector and the tile instructions take.
 * Every sum is one chain in the order of s and k, so its bits hang on its own row and column only.
 * Rows lie in lines, so that one call can do an image: tiles do not span lines. Both instructions
 * take denormal numbers for zeros.
 *
 * This header is for sources that are compiled once per way of multiplying: by vectors, or by tiles
 * where PRODUCT_BY_TILES is defined. PRODUCT_STEP is by how much the inner length goes. */
#pragma once

#include "nn/kernels/bfloat16.h"

#if defined(PRODUCT_BY_TILES)
enum { PRODUCT_STEP = 32 };
#define PRODUCT_INSTRUCTIONS INSTRUCTIONS_AMX
#else
enum { PRODUCT_STEP = 2 };
#define PRODUCT_INSTRUCTIONS INSTRUCTIONS_AVX512_BF16
#endif

enum {
    PRODUCT_ROWS = 16, /* a line's last tile may read so many rows of a, and uses those there are */
    PRODUCT_RELU = 1,  /* c = max(sum, 0); a NaN stays one */
    PRODUCT_ADD = 2,   /* the sum is added to c, before relu */
};

typedef struct Bfloat16Product {
    size_t lines, rows, columns;
    size_t segments, depth; /* depth is a multiple of PRODUCT_STEP */
    const Bfloat16 *a;
    size_t a_line, a_row, a_segment;
    const Pair *b;      /* (blocks of COLUMNS; segments, depth / 2, COLUMNS), at 64 bytes */
    size_t b_block;     /* pairs from a block to the next */
    const float *start; /* whole blocks of columns; NULL for zeros */
    float *c;           /* only what there is is written */
    size_t c_line, c_row;
    int finish;
} Bfloat16Product;

void KERNEL(bfloat16_product)(const Bfloat16Product *product);
