/* As peak.c, for AMX: products of (16, 32) by (32, 16) bfloat16 numbers into tiles of float32 sums,
 * four tiles of sums at a time, as in a kernel that reuses each operand twice. The kernel must have
 * been asked for the tiles' state before (arch_prctl), as kernels_have does. */
#include "mnist_dist/base/clock.h"
#include "nn/families.h"
#include "nn/kernels/amx_tile.h"

enum { BATCH = 2000, FLOPS = 4 * TILE_SIDE * TILE_SIDE * TILE_SIDE };

static void clear_tiles(void) {
    tile_clear(0);
    tile_clear(1);
    tile_clear(2);
    tile_clear(3);
    tile_clear(4);
    tile_clear(5);
    tile_clear(6);
    tile_clear(7);
}

static void run_chains(void) {
    for (int i = 0; i < BATCH; i++) {
        tile_dp(0, 4, 6);
        tile_dp(1, 4, 7);
        tile_dp(2, 5, 6);
        tile_dp(3, 5, 7);
    }
}

double peak_amx(double seconds) {
    static const uint8_t rows[TILE_COUNT] = {TILE_SIDE, TILE_SIDE, TILE_SIDE, TILE_SIDE,
                                             TILE_SIDE, TILE_SIDE, TILE_SIDE, TILE_SIDE};
    tile_begin(rows);
    clear_tiles();
    double since = clock_seconds(), elapsed = 0.0, batches = 0.0;
    for (; elapsed < seconds; elapsed = clock_seconds() - since, batches++) run_chains();
    tile_end();
    return batches * 4.0 * FLOPS * BATCH / elapsed * 1e-9;
}
