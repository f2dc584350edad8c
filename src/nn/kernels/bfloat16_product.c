/* Products in bfloat16 by AVX512-BF16: ROWS rows of two vectors of sums in registers, 28
 * instructions that multiply for 16 loads. */
#include "nn/kernels/bfloat16_product.h"

_Static_assert(PRODUCT_STEP == 2, "PRODUCT_BY_TILES is for the product by AMX");

enum { ROWS = 14, SOME_ROWS = 11, FEW_ROWS = 8, VECTORS = COLUMNS / LANES };

typedef __m512 Sums[ROWS][VECTORS];

/* sums += one segment; `rows` must be constant where this is called. */
INLINE void multiply(Sums sums, int rows, const Bfloat16 *a, size_t a_row, const Pair *b,
                     size_t pairs) {
    for (size_t k = 0; k < pairs; k++, a += 2, b += COLUMNS) {
        __m512bh columns[VECTORS];
        UNROLL
        for (int v = 0; v < VECTORS; v++) columns[v] = (__m512bh)_mm512_loadu_si512(b + v * LANES);
        UNROLL
        for (int r = 0; r < rows; r++) {
            int pair;
            memcpy(&pair, a + (size_t)r * a_row, sizeof pair);
            __m512bh factor = (__m512bh)_mm512_set1_epi32(pair);
            UNROLL
            for (int v = 0; v < VECTORS; v++)
                sums[r][v] = _mm512_dpbf16_ps(sums[r][v], factor, columns[v]);
        }
    }
}

/* Lanes of vector v where there are so many columns. */
INLINE __mmask16 lanes_of(size_t columns, int v) {
    size_t before = (size_t)v * LANES;
    size_t lanes = columns <= before ? 0 : smaller(columns - before, LANES);
    return (__mmask16)((1U << lanes) - 1U);
}

/* max gives its second operand where one is a NaN. */
INLINE void finish(float *c, __m512 sum, __mmask16 lanes, int how) {
    if (how & PRODUCT_ADD) sum = _mm512_add_ps(_mm512_maskz_loadu_ps(lanes, c), sum);
    if (how & PRODUCT_RELU) sum = _mm512_max_ps(_mm512_setzero_ps(), sum);
    _mm512_mask_storeu_ps(c, lanes, sum);
}

INLINE void run_tile(const Bfloat16Product *p, int rows, const Bfloat16 *a, size_t a_row,
                     const Pair *b, size_t first, float *c, size_t used) {
    Sums sums;
    size_t columns = smaller(p->columns - first, COLUMNS), pairs = p->depth / 2;
    UNROLL
    for (int v = 0; v < VECTORS; v++) {
        __m512 start =
            p->start == NULL ? _mm512_setzero_ps() : _mm512_loadu_ps(p->start + first + v * LANES);
        UNROLL
        for (int r = 0; r < rows; r++) sums[r][v] = start;
    }
    for (size_t s = 0; s < p->segments; s++)
        multiply(sums, rows, a + s * p->a_segment, a_row, b + s * pairs * COLUMNS, pairs);
    UNROLL
    for (int r = 0; r < rows; r++) {
        if ((size_t)r >= used) return;
        UNROLL
        for (int v = 0; v < VECTORS; v++)
            finish(c + (size_t)r * p->c_row + first + v * LANES, sums[r][v], lanes_of(columns, v),
                   p->finish);
    }
}

/* The tile that computes the fewest rows in vain, the larger where two do. */
static size_t tile_rows(size_t rows) {
    size_t best = ROWS;
    if (round_up(rows, SOME_ROWS) < round_up(rows, best)) best = SOME_ROWS;
    if (round_up(rows, FEW_ROWS) < round_up(rows, best)) best = FEW_ROWS;
    return best;
}

/* `a_row` is that of the product, a constant where it is a common one: the rows' addresses are then
 * parts of the instructions. */
INLINE void run_line(const Bfloat16Product *p, size_t a_row, const Bfloat16 *a, const Pair *b,
                     size_t first, float *c) {
    size_t step = tile_rows(p->rows);
    for (size_t r = 0; r < p->rows; r += step, a += step * a_row, c += step * p->c_row) {
        size_t used = smaller(p->rows - r, step);
        if (step == ROWS)
            run_tile(p, ROWS, a, a_row, b, first, c, used);
        else if (step == SOME_ROWS)
            run_tile(p, SOME_ROWS, a, a_row, b, first, c, used);
        else
            run_tile(p, FEW_ROWS, a, a_row, b, first, c, used);
    }
}

INLINE void run_lines(const Bfloat16Product *p, size_t a_row) {
    const Pair *b = p->b;
    for (size_t first = 0; first < p->columns; first += COLUMNS, b += p->b_block)
        for (size_t l = 0; l < p->lines; l++)
            run_line(p, a_row, p->a + l * p->a_line, b, first, p->c + l * p->c_line);
}

void KERNEL(bfloat16_product)(const Bfloat16Product *product) {
    if (product->a_row == 32)
        run_lines(product, 32);
    else if (product->a_row == 64)
        run_lines(product, 64);
    else
        run_lines(product, product->a_row);
}
