/* Many consecutive draws of one stream at once; see rng.h.
 *
 * A draw by itself is a chain of ten multiplications that wait for each other; side by side in a
 * vector, 1,224 draws (the dropout masks of one image of the default model) take 2.0 us with
 * AVX-512 and 3.6 us with AVX2 on Zen 4, where they took 30 us one by one. The products of 32 by
 * 32 bits are asked for by intrinsics: gcc 12 makes of the plain loop code that is no faster than
 * 7 us whatever the instruction set (clang 14: 2.5 us), so that VECTOR_CLONES does not help. */
#include "mnist_dist/base/rng.h"

#include <Random123/philox.h>
#include <string.h>

/* The draws one by one, for any CPU. */
static void plain_block(uint32_t words[4][RNG_BLOCK], const RngStream *stream, uint32_t first,
                        uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        uint32_t drawn[4];
        rng_words(drawn, stream, first + i);
        for (int j = 0; j < 4; j++) words[j][i] = drawn[j];
    }
}

#if defined(__x86_64__)
#include <immintrin.h>

enum { ROUNDS = 10 };

#define LANES_NAME avx512_
#define LANES_TARGET "avx512f"
#define LANES_BYTES 64
#define LANES_MULTIPLY(a, b) (avx512_Vector) _mm512_mul_epu32((__m512i)(a), (__m512i)(b))
#define LANES_UNDER_WAY 4
#include "base/rng_lanes.h"

#define LANES_NAME avx2_
#define LANES_TARGET "avx2"
#define LANES_BYTES 32
#define LANES_MULTIPLY(a, b) (avx2_Vector) _mm256_mul_epu32((__m256i)(a), (__m256i)(b))
#define LANES_UNDER_WAY 2
#include "base/rng_lanes.h"

void rng_block(uint32_t words[4][RNG_BLOCK], const RngStream *stream, uint32_t first,
               uint32_t count) {
    if (__builtin_cpu_supports("avx512f"))
        avx512_block(words, stream, first, count);
    else if (__builtin_cpu_supports("avx2"))
        avx2_block(words, stream, first, count);
    else
        plain_block(words, stream, first, count);
}
#else
void rng_block(uint32_t words[4][RNG_BLOCK], const RngStream *stream, uint32_t first,
               uint32_t count) {
    plain_block(words, stream, first, count);
}
#endif
