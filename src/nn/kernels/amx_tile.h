/* AMX's tiles, or the same in plain C, for machines that have none (AMX_EMULATED; for tests).
 *
 * A tile is up to 16 rows of 64 bytes. tile_dp(c, a, b): c (rows, 16) += a (rows, 32 bfloat16) b
 * (16 pairs of rows, 16), where the products of the first and of the second numbers of the pairs
 * are summed apart and then added to c, as Intel's manual (volume 2, TDPBF16PS) has it. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { TILE_SIDE = 16, TILE_BYTES = 64, TILE_COUNT = 8 };

#if defined(AMX_EMULATED)

typedef struct EmulatedTile {
    uint32_t rows[TILE_SIDE][TILE_SIDE];
} EmulatedTile;

static EmulatedTile emulated_tiles[TILE_COUNT];
static uint8_t emulated_rows[TILE_COUNT];

static void tile_begin(const uint8_t rows[TILE_COUNT]) {
    memcpy(emulated_rows, rows, sizeof emulated_rows);
    memset(emulated_tiles, 0, sizeof emulated_tiles);
}

static void tile_end(void) {
    memset(emulated_rows, 0, sizeof emulated_rows);
}

static void tile_clear(int tile) {
    memset(&emulated_tiles[tile], 0, sizeof *emulated_tiles);
}

static void tile_from(int tile, const void *from, size_t bytes) {
    for (size_t r = 0; r < emulated_rows[tile]; r++)
        memcpy(emulated_tiles[tile].rows[r], (const char *)from + r * bytes, TILE_BYTES);
}

static void tile_to(void *to, int tile, size_t bytes) {
    for (size_t r = 0; r < emulated_rows[tile]; r++)
        memcpy((char *)to + r * bytes, emulated_tiles[tile].rows[r], TILE_BYTES);
}

/* Of a pair, the number in the lower or upper half. */
static float emulated_half(uint32_t pair, int half) {
    uint32_t bits = half == 0 ? pair << 16 : pair & 0xFFFF0000U;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float emulated_dot(const EmulatedTile *a, const EmulatedTile *b, size_t row, size_t column) {
    float sums[2] = {0.0F, 0.0F};
    for (size_t k = 0; k < TILE_SIDE; k++)
        for (int half = 0; half < 2; half++)
            sums[half] +=
                emulated_half(a->rows[row][k], half) * emulated_half(b->rows[k][column], half);
    return sums[0] + sums[1];
}

static void tile_dp(int c, int a, int b) {
    for (size_t r = 0; r < emulated_rows[c]; r++)
        for (size_t v = 0; v < TILE_SIDE; v++) {
            float sum;
            uint32_t *at = &emulated_tiles[c].rows[r][v];
            memcpy(&sum, at, sizeof sum);
            sum += emulated_dot(&emulated_tiles[a], &emulated_tiles[b], r, v);
            memcpy(at, &sum, sizeof sum);
        }
}

#else

#include <immintrin.h>

/* The instruction's own layout: palette 1, then bytes of a row and rows of each tile. */
typedef struct TileConfig {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} TileConfig;

/* The compilers' intrinsics do not say that they read memory; this does, once per product, after
 * all that tiles are loaded from has been written. */
static inline void tile_begin(const uint8_t rows[TILE_COUNT]) {
    TileConfig config = {.palette = 1};
    for (int tile = 0; tile < TILE_COUNT; tile++) {
        config.row_bytes[tile] = TILE_BYTES;
        config.rows[tile] = rows[tile];
    }
    __asm__ volatile("" : : "r"(&config) : "memory");
    _tile_loadconfig(&config);
}

/* Else the system would save and restore the tiles whenever the thread is switched. */
static inline void tile_end(void) {
    _tile_release();
}

#define tile_clear(tile) _tile_zero(tile)
#define tile_from(tile, from, bytes) _tile_loadd(tile, from, bytes)
#define tile_to(to, tile, bytes) _tile_stored(tile, to, bytes)
#define tile_dp(c, a, b) _tile_dpbf16ps(c, a, b)

#endif
