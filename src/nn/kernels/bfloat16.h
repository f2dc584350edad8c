/* Operands in bfloat16: rounding, and the packed forms that the kernels multiply.
 *
 * The units that multiply bfloat16 take pairs: a 32-bit lane holds two numbers that are neighbours
 * along the inner length, and one step adds two products to a float32 sum. So the right matrix of a
 * product is packed as pairs of rows, in blocks of COLUMNS columns, and whatever is odd is filled
 * up with zeros. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "mnist_dist/base/bfloat16.h"
#include "mnist_dist/base/minmax.h"
#include "nn/kernels/vector.h"

typedef uint16_t Bfloat16; /* the upper half of a float */
typedef uint32_t Pair;     /* the first number in the lower half */

enum { COLUMNS = 32, PAIR_LANES = 16 };

typedef Pair Pairs __attribute__((vector_size(PAIR_LANES * sizeof(Pair))));

#if defined(__AVX512BF16__)

#include <immintrin.h>

/* PAIR_LANES pairs of a number and the one at its place in `second`; rounded as bfloat16_bits does,
 * but that the instruction takes denormal numbers for zeros. */
INLINE void bfloat16_zip(Pair *to, const float *first, const float *second) {
    const Pairs order = {0x100000, 0x110001, 0x120002, 0x130003, 0x140004, 0x150005,
                         0x160006, 0x170007, 0x180008, 0x190009, 0x1A000A, 0x1B000B,
                         0x1C000C, 0x1D000D, 0x1E000E, 0x1F000F};
    __m512bh halves = _mm512_cvtne2ps_pbh(_mm512_loadu_ps(second), _mm512_loadu_ps(first));
    _mm512_storeu_si512(to, _mm512_permutexvar_epi16((__m512i)order, (__m512i)halves));
}

/* 2 * PAIR_LANES numbers in their order, likewise. */
INLINE void bfloat16_narrow(Bfloat16 *to, const float *from) {
    __m512bh halves =
        _mm512_cvtne2ps_pbh(_mm512_loadu_ps(from + PAIR_LANES), _mm512_loadu_ps(from));
    _mm512_storeu_si512(to, (__m512i)halves);
}

#else

INLINE void bfloat16_zip(Pair *to, const float *first, const float *second) {
    for (size_t i = 0; i < PAIR_LANES; i++)
        to[i] = bfloat16_bits(first[i]) | bfloat16_bits(second[i]) << 16;
}

INLINE void bfloat16_narrow(Bfloat16 *to, const float *from) {
    for (size_t i = 0; i < 2 * PAIR_LANES; i++) to[i] = (Bfloat16)bfloat16_bits(from[i]);
}

#endif

INLINE size_t round_up(size_t size, size_t multiple) {
    return (size + multiple - 1) / multiple * multiple;
}

INLINE void bfloat16_round(Bfloat16 *to, const float *from, size_t count) {
    size_t i = 0;
    for (; i + 2 * PAIR_LANES <= count; i += 2 * PAIR_LANES) bfloat16_narrow(to + i, from + i);
    for (; i < count; i++) to[i] = (Bfloat16)bfloat16_bits(from[i]);
}

INLINE void bfloat16_pair(Pair *to, const float *first, const float *second, size_t count) {
    size_t i = 0;
    for (; i + PAIR_LANES <= count; i += PAIR_LANES) bfloat16_zip(to + i, first + i, second + i);
    for (; i < count; i++) to[i] = bfloat16_bits(first[i]) | bfloat16_bits(second[i]) << 16;
}

/* packed (depth / 2, COLUMNS) from `columns` columns of a matrix (rows, at pitch): the rows are
 * followed by zeros up to depth, which is even, and the columns likewise. */
INLINE void bfloat16_pack(Pair *packed, const float *matrix, size_t pitch, size_t rows,
                          size_t depth, size_t columns) {
    static const float zeros[COLUMNS];
    for (size_t k = 0; k < depth; k += 2, packed += COLUMNS) {
        const float *first = k < rows ? matrix + k * pitch : zeros;
        const float *second = k + 1 < rows ? matrix + (k + 1) * pitch : zeros;
        memset(packed + columns, 0, (COLUMNS - columns) * sizeof *packed);
        bfloat16_pair(packed, first, second, columns);
    }
}

/* columns[c][r] = rows[r][c], both (16, 16): four rounds, each of which takes one bit of the index
 * from one side to the other. */
INLINE void transpose_pairs(Pairs square[PAIR_LANES]) {
    for (int round = 0; round < 4; round++) {
        Pairs next[PAIR_LANES];
        UNROLL
        for (int r = 0; r < PAIR_LANES / 2; r++) {
            Pairs a = square[r], b = square[r + PAIR_LANES / 2];
            next[2 * r] = __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6,
                                                  22, 7, 23);
            next[2 * r + 1] = __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28,
                                                      13, 29, 14, 30, 15, 31);
        }
        memcpy(square, next, sizeof next);
    }
}

/* Takes so many floats off the workspace, such that the next part is at 64 bytes too. */
INLINE void *workspace_take(float **workspace, size_t floats) {
    void *part = *workspace;
    *workspace += round_up(floats, 16);
    return part;
}
