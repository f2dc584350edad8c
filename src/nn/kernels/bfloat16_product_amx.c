/* Products in bfloat16 by AMX: two tiles of rows by two of columns at a time, so that each operand
 * that is loaded is used twice: 4 loads for 4 products, 32 cycles' worth for 64.
 *
 * A line's rows are cut into tiles of one height, 28 into 14 and 14, so that few rows are computed
 * in vain; two tiles that follow each other, in one line or in two, go together. The tiles' shapes
 * are set at the start of each product and given back at its end: it is thousands of cycles long,
 * and a thread without live tiles is cheaper to switch. Sums go to c by way of a buffer in the
 * first-level cache, where relu and what is beside the matrix are dealt with. Written without
 * a machine that has AMX: the indices are tested with emulated tiles, the speed is not measured. */
#include "nn/kernels/amx_tile.h"
#include "nn/kernels/bfloat16_product.h"

_Static_assert(PRODUCT_STEP == 32, "PRODUCT_BY_TILES goes with this file alone");

/* Tiles 0 to 3 hold sums, by rows; 4 and 5 rows; 6 and 7 columns. */
enum { PAIR_BYTES = COLUMNS * sizeof(Pair), SUM_BYTES = COLUMNS * sizeof(float) };

typedef struct Walk {
    const Bfloat16Product *product;
    size_t height, per_line; /* rows of a tile; tiles of a line */
    size_t first;            /* column */
    const Pair *b;
} Walk;

typedef float Buffer[2 * TILE_SIDE][COLUMNS] __attribute__((aligned(64)));

static const Bfloat16 *rows_of(const Walk *walk, size_t tile) {
    const Bfloat16Product *p = walk->product;
    return p->a + tile / walk->per_line * p->a_line +
           tile % walk->per_line * walk->height * p->a_row;
}

/* A row of biases is all rows of a tile, at a distance of 0 bytes. */
static void start_sums(const Walk *walk) {
    const float *start = walk->product->start;
    if (start == NULL) {
        tile_clear(0);
        tile_clear(1);
        tile_clear(2);
        tile_clear(3);
        return;
    }
    tile_from(0, start + walk->first, 0);
    tile_from(1, start + walk->first + TILE_SIDE, 0);
    tile_from(2, start + walk->first, 0);
    tile_from(3, start + walk->first + TILE_SIDE, 0);
}

static void multiply_two(const Bfloat16Product *p, const Bfloat16 *upper, const Bfloat16 *lower,
                         const Pair *b) {
    size_t a_bytes = p->a_row * sizeof *upper;
    for (size_t s = 0; s < p->segments; s++)
        for (size_t k = 0; k < p->depth; k += PRODUCT_STEP, b += TILE_SIDE * COLUMNS) {
            size_t at = s * p->a_segment + k;
            tile_from(6, b, PAIR_BYTES);
            tile_from(4, upper + at, a_bytes);
            tile_from(7, b + TILE_SIDE, PAIR_BYTES);
            tile_from(5, lower + at, a_bytes);
            tile_dp(0, 4, 6);
            tile_dp(1, 4, 7);
            tile_dp(2, 5, 6);
            tile_dp(3, 5, 7);
        }
}

/* The last tile if their number is odd; its rows' sums are the same bits as in multiply_two. */
static void multiply_one(const Bfloat16Product *p, const Bfloat16 *rows, const Pair *b) {
    size_t a_bytes = p->a_row * sizeof *rows;
    for (size_t s = 0; s < p->segments; s++)
        for (size_t k = 0; k < p->depth; k += PRODUCT_STEP, b += TILE_SIDE * COLUMNS) {
            tile_from(6, b, PAIR_BYTES);
            tile_from(4, rows + s * p->a_segment + k, a_bytes);
            tile_from(7, b + TILE_SIDE, PAIR_BYTES);
            tile_dp(0, 4, 6);
            tile_dp(1, 4, 7);
        }
}

static void store_sums(Buffer buffer) {
    tile_to(buffer[0], 0, SUM_BYTES);
    tile_to(buffer[0] + TILE_SIDE, 1, SUM_BYTES);
    tile_to(buffer[TILE_SIDE], 2, SUM_BYTES);
    tile_to(buffer[TILE_SIDE] + TILE_SIDE, 3, SUM_BYTES);
}

/* A NaN stays one. */
INLINE void finish_row(float *c, const float *sums, size_t columns, int finish) {
    for (size_t v = 0; v < columns; v++) {
        float sum = sums[v];
        if (finish & PRODUCT_ADD) sum += c[v];
        if (finish & PRODUCT_RELU) sum = sum < 0.0F ? 0.0F : sum;
        c[v] = sum;
    }
}

INLINE void finish_rows(float *c, size_t c_row, float sums[][COLUMNS], size_t rows, size_t columns,
                        int finish) {
    for (size_t r = 0; r < rows; r++) finish_row(c + r * c_row, sums[r], columns, finish);
}

static void finish_tile(const Walk *walk, size_t tile, float sums[][COLUMNS]) {
    const Bfloat16Product *p = walk->product;
    size_t row = tile % walk->per_line * walk->height;
    size_t rows = smaller(p->rows - row, walk->height);
    size_t columns = smaller(p->columns - walk->first, COLUMNS);
    float *c = p->c + tile / walk->per_line * p->c_line + row * p->c_row + walk->first;
    if (columns < COLUMNS)
        finish_rows(c, p->c_row, sums, rows, columns, p->finish);
    else if (p->finish == 0)
        finish_rows(c, p->c_row, sums, rows, COLUMNS, 0);
    else if (p->finish == PRODUCT_RELU)
        finish_rows(c, p->c_row, sums, rows, COLUMNS, PRODUCT_RELU);
    else
        finish_rows(c, p->c_row, sums, rows, COLUMNS, p->finish);
}

static void run_block(const Walk *walk) {
    const Bfloat16Product *p = walk->product;
    size_t tiles = p->lines * walk->per_line;
    Buffer sums;
    for (size_t t = 0; t < tiles; t += 2) {
        start_sums(walk);
        if (t + 1 < tiles)
            multiply_two(p, rows_of(walk, t), rows_of(walk, t + 1), walk->b);
        else
            multiply_one(p, rows_of(walk, t), walk->b);
        store_sums(sums);
        finish_tile(walk, t, sums);
        if (t + 1 < tiles) finish_tile(walk, t + 1, sums + TILE_SIDE);
    }
}

void KERNEL(bfloat16_product)(const Bfloat16Product *product) {
    Walk walk = {.product = product, .b = product->b};
    walk.per_line = (product->rows + TILE_SIDE - 1) / TILE_SIDE;
    walk.height = (product->rows + walk.per_line - 1) / walk.per_line;
    uint8_t h = (uint8_t)walk.height, rows[TILE_COUNT] = {h, h, h, h, h, h, TILE_SIDE, TILE_SIDE};
    tile_begin(rows);
    for (; walk.first < product->columns; walk.first += COLUMNS, walk.b += product->b_block)
        run_block(&walk);
    tile_end();
}
