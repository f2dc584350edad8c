/* The order of an epoch: a keyed permutation in two levels, computed per index in constant memory.
 *
 * The training rows are cut into blocks of SAMPLER_BLOCK consecutive ones (the last may be
 * shorter). An epoch visits the blocks in permuted order and each block's rows in permuted order,
 * so that data larger than memory can be read block by block. Every row comes once an epoch. Any
 * change here changes every bit of every training. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { SAMPLER_BLOCK = 65536 };

typedef struct Sampler {
    uint64_t seed;
    uint64_t count; /* training rows, at least 1 */
} Sampler;

/* Where a position of an epoch is: in the place-th block of the epoch, which is block `block` of
 * `rows` rows, and there in row `within`. */
typedef struct SamplerPlace {
    uint64_t place, block, rows, within;
} SamplerPlace;

uint64_t sampler_blocks(const Sampler *sampler);

SamplerPlace sampler_place(const Sampler *sampler, uint32_t epoch, uint64_t position);

/* The block that comes place-th in an epoch, and its rows; `within` is 0. */
SamplerPlace sampler_block(const Sampler *sampler, uint32_t epoch, uint64_t place);

/* The number of a block among those of all epochs, in the order in which they are visited. */
static inline uint64_t sampler_sequence(const Sampler *sampler, uint32_t epoch, uint64_t place) {
    return epoch * ((sampler->count + SAMPLER_BLOCK - 1) / SAMPLER_BLOCK) + place;
}

/* Which of the `count` training rows is at `position` (below count) in `epoch` (from 0). */
uint64_t sampler_row(const Sampler *sampler, uint32_t epoch, uint64_t position);
