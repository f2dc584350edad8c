/* As peak.c, for AMX: products of (16, 32) by (32, 16) bfloat16 numbers into tiles of float32 sums,
 * four tiles of sums at a time, as in a kernel that reuses each operand twice. The kernel must have
 * been asked for the tiles' state before (arch_prctl), as kernels_have does. */
#include <immintrin.h>
#include <stdint.h>

#include "mnist_dist/base/clock.h"
#include "nn/families.h"

enum { ROWS = 16, ROW_BYTES = 64, TILES = 8, BATCH = 2000, FLOPS = 2 * ROWS * ROWS * 2 * ROWS };

/* The instruction's own layout: palette 1, then bytes of a row and rows of each tile. */
typedef struct TileConfig {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} TileConfig;

static void configure_tiles(void) {
    TileConfig config = {.palette = 1};
    for (int tile = 0; tile < TILES; tile++) {
        config.row_bytes[tile] = ROW_BYTES;
        config.rows[tile] = ROWS;
    }
    _tile_loadconfig(&config);
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_zero(4);
    _tile_zero(5);
    _tile_zero(6);
    _tile_zero(7);
}

static void run_chains(void) {
    for (int i = 0; i < BATCH; i++) {
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
}

double peak_amx(double seconds) {
    configure_tiles();
    double since = clock_seconds(), elapsed = 0.0, batches = 0.0;
    for (; elapsed < seconds; elapsed = clock_seconds() - since, batches++) run_chains();
    _tile_release();
    return batches * 4.0 * FLOPS * BATCH / elapsed * 1e-9;
}
