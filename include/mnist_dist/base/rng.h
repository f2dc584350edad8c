/* Randomness as a pure function: of the seed, what it is for, when, and for which sample.
 *
 * Philox4x32-10 of Random123 (Salmon et al., SC'11, doi:10.1145/2063384.2063405) maps a key and a
 * counter to 128 random bits. The key is the seed; the counter holds the rest. Nothing is carried
 * from one draw to the next, so nothing needs to be saved, and a draw is the same bits on
 * whichever rank or thread it is made. Refused: generators with state, per rank or per thread. */
#pragma once

#include <stdint.h>

/* What a draw is for. The numbers are part of the contract: a change changes every bit. */
typedef enum RngPurpose {
    RNG_INITIAL_WEIGHTS = 1, /* time 0, sample = number of the tensor */
    RNG_SPLIT = 2,           /* time 0, sample = class */
    RNG_SHUFFLE_BLOCKS = 3,  /* time = epoch */
    RNG_SHUFFLE_ROWS = 4,    /* time = epoch, sample = block */
    RNG_AUGMENT = 5,         /* time = epoch, sample = dataset row */
    RNG_DROPOUT = 6,         /* time = step, sample = dataset row; channel = layer */
    RNG_MIXUP = 7,           /* time = epoch, sample = dataset row */
    RNG_DRAWING = 8          /* time = 0 or, of test rows, 1; sample = row */
} RngPurpose;

typedef struct RngStream {
    uint64_t seed;
    uint32_t purpose; /* an RngPurpose */
    uint32_t channel; /* tells apart several users of one purpose; below 2^24 */
    uint32_t time;    /* epoch or step, from 0 */
    uint32_t sample;
} RngStream;

/* Draws the `index`-th group of four 32-bit words of a stream. */
void rng_words(uint32_t words[4], const RngStream *stream, uint32_t index);

/* Groups that are drawn at once at most. */
enum { RNG_BLOCK = 64 };

/* The groups first .. first + count - 1 of a stream, count <= RNG_BLOCK: words[j][i] is word j of
 * group first + i, the same bits as rng_words gives. What follows the count is undefined. */
void rng_block(uint32_t words[4][RNG_BLOCK], const RngStream *stream, uint32_t first,
               uint32_t count);

/* Maps a word to [0, 1): its top 24 bits, all of them exact in a float. */
float rng_uniform(uint32_t word);

/* The image of `index` under a random permutation of 0 .. count - 1 that the stream names; count
 * may be 1 to 2^62. The stream's channel is not used. Constant memory, constant expected time: an
 * 12-round Feistel network over the next power of four, walked until it lands inside (Black and
 * Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002). */
uint64_t rng_permute(uint64_t index, uint64_t count, const RngStream *stream);

/* The index whose image under rng_permute is `image`. */
uint64_t rng_permute_inverse(uint64_t image, uint64_t count, const RngStream *stream);
