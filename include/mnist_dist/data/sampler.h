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

/* Which of the `count` training rows is at `position` (below count) in `epoch` (from 0). */
uint64_t sampler_row(const Sampler *sampler, uint32_t epoch, uint64_t position);
