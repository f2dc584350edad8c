/* The machine's peak: independent chains of fused multiply-adds that never leave the registers. As
 * many chains as the register tile has sums, which is what a kernel can have at best. */
#include "mnist_dist/base/clock.h"
#include "nn/families.h"
#include "nn/kernels/tile.h"

enum { ROUNDS = 10000 };

/* Keeps the compiler from seeing what is in the registers, so that it cannot do the sums itself. */
INLINE void forget(Vector sums[TILE_ROWS][TILE_VECTORS]) {
    UNROLL
    for (int r = 0; r < TILE_ROWS; r++) UNROLL
    for (int v = 0; v < TILE_VECTORS; v++) __asm__ volatile("" : "+x"(sums[r][v]));
}

double KERNEL(peak)(double seconds) {
    Vector sums[TILE_ROWS][TILE_VECTORS], factor = vector_all(0.5F), term = vector_all(1.0F);
    tile_zero(sums, TILE_ROWS, TILE_VECTORS);
    double begin = clock_seconds(), now = begin, done = 0.0;
    for (; now - begin < seconds; now = clock_seconds(), done += ROUNDS)
        for (int round = 0; round < ROUNDS; round++) {
            UNROLL
            for (int r = 0; r < TILE_ROWS; r++) UNROLL
            for (int v = 0; v < TILE_VECTORS; v++) sums[r][v] = sums[r][v] * factor + term;
            forget(sums);
        }
    return done * TILE_ROWS * TILE_COLUMNS * 2.0 / (now - begin) * 1e-9;
}
