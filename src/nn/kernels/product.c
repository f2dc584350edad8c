/* The product, cut into register tiles. Every height of a tile is compiled by itself, so that rows
 * can be cut into tiles that are as equal as can be and none is computed for nothing. */
#include "nn/kernels/product.h"

typedef Vector Sums[TILE_ROWS][TILE_VECTORS];

INLINE void start_sums(Sums sums, int rows, int vectors, const Product *p) {
    if (p->start == NULL)
        tile_zero(sums, rows, vectors);
    else
        tile_load(sums, rows, vectors, p->start, p->start_row);
}

INLINE void finish_vectors(Sums sums, int rows, int vectors, const Product *p) {
    if (p->finish == FINISH_RELU) UNROLL
    for (int r = 0; r < rows; r++) UNROLL
    for (int v = 0; v < vectors; v++) sums[r][v] = vector_relu(sums[r][v]);
    if (p->finish == FINISH_ADD)
        tile_add(p->c, p->c_row, sums, rows, vectors);
    else
        tile_store(p->c, p->c_row, sums, rows, vectors);
}

/* The same for columns that fill no vector. */
static void finish_floats(const float *sums, const Product *p) {
    for (size_t r = 0; r < p->rows; r++)
        for (size_t i = 0; i < p->columns; i++) {
            float sum = sums[r * TILE_COLUMNS + i], *c = &p->c[r * p->c_row + i];
            if (p->finish == FINISH_ADD)
                *c += sum;
            else
                *c = p->finish == FINISH_RELU && sum < 0.0F ? 0.0F : sum;
        }
}

INLINE void run_tile(const Product *p, int rows, int vectors) {
    Sums sums;
    start_sums(sums, rows, vectors, p);
    for (size_t s = 0; s < p->segments; s++)
        tile_multiply(sums, rows, vectors, p->a + s * p->a_segment, p->a_row, p->a_step,
                      p->b + s * p->b_segment, p->b_step, p->depth);
    if (p->columns == (size_t)vectors * LANES) {
        finish_vectors(sums, rows, vectors, p);
    } else {
        float floats[TILE_ROWS * TILE_COLUMNS];
        tile_store(floats, TILE_COLUMNS, sums, rows, vectors);
        finish_floats(floats, p);
    }
}

/* One function a size, so that the compiler gives each the registers by itself. */
#define TILE_OF(height, vectors)                                                                   \
    static void run_##height##x##vectors(const Product *p) {                                       \
        enum { ROWS = height < TILE_ROWS ? height : TILE_ROWS };                                   \
        if (height <= TILE_ROWS) run_tile(p, ROWS, vectors);                                       \
    }
#define TILES_OF(height)                                                                           \
    TILE_OF(height, 1)                                                                             \
    TILE_OF(height, 2)

TILES_OF(1)
TILES_OF(2)
TILES_OF(3)
TILES_OF(4)
TILES_OF(5)
TILES_OF(6)
TILES_OF(7)
TILES_OF(8)
TILES_OF(9)
TILES_OF(10)
TILES_OF(11)
TILES_OF(12)
TILES_OF(13)
TILES_OF(14)

#define BOTH(height)                                                                               \
    { run_##height##x1, run_##height##x2 }

/* By height - 1 and vectors - 1. */
static void (*const run_size[][TILE_VECTORS])(const Product *p) = {
    BOTH(1), BOTH(2), BOTH(3),  BOTH(4),  BOTH(5),  BOTH(6),  BOTH(7),
    BOTH(8), BOTH(9), BOTH(10), BOTH(11), BOTH(12), BOTH(13), BOTH(14),
};

/* Those columns of a product's rows [begin, end) that one tile holds. */
static Product part_of(const Product *whole, size_t begin, size_t end, size_t panel) {
    Product part = *whole;
    size_t column = panel * TILE_COLUMNS, left = whole->columns - column;
    part.rows = end - begin;
    part.columns = left < TILE_COLUMNS ? left : TILE_COLUMNS;
    part.a += begin * whole->a_row;
    part.b += panel * whole->b_panel;
    part.c += begin * whole->c_row + column;
    if (whole->start != NULL) part.start += begin * whole->start_row + column;
    return part;
}

void KERNEL(product_run)(const Product *product) {
    size_t tiles = (product->rows + TILE_ROWS - 1) / TILE_ROWS;
    for (size_t t = 0; t < tiles; t++) {
        size_t begin = product->rows * t / tiles, end = product->rows * (t + 1) / tiles;
        for (size_t column = 0; column < product->columns; column += TILE_COLUMNS) {
            Product part = part_of(product, begin, end, column / TILE_COLUMNS);
            run_size[part.rows - 1][part.columns > LANES](&part);
        }
    }
}
