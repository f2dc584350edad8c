/* An epoch's order, place by place.
 *
 * The short last block may come anywhere in the permuted order of blocks. Where it comes is asked
 * of the inverse permutation, so that the place of any position is found without adding up the
 * blocks before it. */
#include "mnist_dist/data/sampler.h"

#include "mnist_dist/base/rng.h"

/* A position seen from the blocks: the place-th block of the epoch, the within-th row visited. */
typedef struct BlockPlace {
    uint64_t place, within;
} BlockPlace;

/* `short_place` is where the block of `short_rows` rows (1 to SAMPLER_BLOCK) comes. */
static BlockPlace place_of(uint64_t position, uint64_t short_place, uint64_t short_rows) {
    const uint64_t before_short = short_place * SAMPLER_BLOCK;
    if (position < before_short) {
        return (BlockPlace){position / SAMPLER_BLOCK, position % SAMPLER_BLOCK};
    }
    const uint64_t from_short = position - before_short;
    if (from_short < short_rows) return (BlockPlace){short_place, from_short};
    const uint64_t after_short = from_short - short_rows;
    return (BlockPlace){short_place + 1 + after_short / SAMPLER_BLOCK, after_short % SAMPLER_BLOCK};
}

uint64_t sampler_blocks(const Sampler *sampler) {
    return (sampler->count + SAMPLER_BLOCK - 1) / SAMPLER_BLOCK;
}

static RngStream stream_of_blocks(const Sampler *sampler, uint32_t epoch) {
    return (RngStream){.seed = sampler->seed, .purpose = RNG_SHUFFLE_BLOCKS, .time = epoch};
}

/* Rows of the last block. */
static uint64_t last_rows(const Sampler *sampler) {
    return sampler->count - (sampler_blocks(sampler) - 1) * SAMPLER_BLOCK;
}

SamplerPlace sampler_block(const Sampler *sampler, uint32_t epoch, uint64_t place) {
    const uint64_t blocks = sampler_blocks(sampler);
    const RngStream of_blocks = stream_of_blocks(sampler, epoch);
    const uint64_t block = rng_permute(place, blocks, &of_blocks);
    const uint64_t rows = block == blocks - 1 ? last_rows(sampler) : SAMPLER_BLOCK;
    return (SamplerPlace){.place = place, .block = block, .rows = rows};
}

SamplerPlace sampler_place(const Sampler *sampler, uint32_t epoch, uint64_t position) {
    const uint64_t blocks = sampler_blocks(sampler);
    const RngStream of_blocks = stream_of_blocks(sampler, epoch);
    const BlockPlace at =
        place_of(position, rng_permute_inverse(blocks - 1, blocks, &of_blocks), last_rows(sampler));
    SamplerPlace place = sampler_block(sampler, epoch, at.place);
    const RngStream of_rows = {.seed = sampler->seed,
                               .purpose = RNG_SHUFFLE_ROWS,
                               .time = epoch,
                               .sample = (uint32_t)place.block};
    place.within = rng_permute(at.within, place.rows, &of_rows);
    return place;
}

uint64_t sampler_row(const Sampler *sampler, uint32_t epoch, uint64_t position) {
    const SamplerPlace place = sampler_place(sampler, epoch, position);
    return place.block * SAMPLER_BLOCK + place.within;
}
