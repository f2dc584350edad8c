/* Philox for several draws at once: included by rng_block.c once per width of vector, with
 * LANES_NAME, by which the width's functions are told apart, LANES_TARGET, the instruction set,
 * LANES_BYTES, the width, LANES_MULTIPLY(a, b), the products of the low halves of 64-bit lanes, and
 * LANES_UNDER_WAY, the vectors of each word that are under way at a time: enough to fill the
 * multiplier's latency, and no more than there are registers for.
 *
 * Each word of a counter has a lane of 64 bits, of which the multiplication reads the low half
 * only, so that what a product leaves in the high half needs no clearing. */

#define LANES_GLUE(a, b) a##b
#define LANES_JOIN(a, b) LANES_GLUE(a, b)
#define LANES(name) LANES_JOIN(LANES_NAME, name)
#define LANES_INLINE __attribute__((target(LANES_TARGET), always_inline)) static inline

typedef uint64_t LANES(Vector) __attribute__((vector_size(LANES_BYTES)));
typedef uint32_t LANES(Half) __attribute__((vector_size(LANES_BYTES / 2)));

enum { LANES(Width) = LANES_BYTES / 8 };

/* word[j][v]: word j of the counters in vector v. */
typedef struct LANES(Counters) {
    LANES(Vector) word[4][LANES_UNDER_WAY];
} LANES(Counters);

LANES_INLINE LANES(Counters) LANES(begin)(const RngStream *stream, uint32_t first) {
    static const uint64_t numbers[] = {0, 1, 2, 3, 4, 5, 6, 7};
    const LANES(Vector) zero = {0};
    LANES(Counters) c;
    LANES(Vector) lane;
    memcpy(&lane, numbers, sizeof lane);
    for (uint32_t v = 0; v < LANES_UNDER_WAY; v++) {
        c.word[0][v] = lane + (first + v * LANES(Width));
        c.word[1][v] = zero + stream->sample;
        c.word[2][v] = zero + stream->time;
        c.word[3][v] = zero + (stream->purpose | stream->channel << 8);
    }
    return c;
}

LANES_INLINE void LANES(round)(LANES(Counters) * c, uint32_t key_0, uint32_t key_1) {
    const LANES(Vector) zero = {0};
    for (int v = 0; v < LANES_UNDER_WAY; v++) {
        LANES(Vector) product_0 = LANES_MULTIPLY(c->word[0][v], zero + PHILOX_M4x32_0);
        LANES(Vector) product_1 = LANES_MULTIPLY(c->word[2][v], zero + PHILOX_M4x32_1);
        c->word[0][v] = product_1 >> 32 ^ c->word[1][v] ^ key_0;
        c->word[1][v] = product_1;
        c->word[2][v] = product_0 >> 32 ^ c->word[3][v] ^ key_1;
        c->word[3][v] = product_0;
    }
}

LANES_INLINE void LANES(store)(uint32_t words[4][RNG_BLOCK], const LANES(Counters) * c,
                               uint32_t at) {
    for (int j = 0; j < 4; j++)
        for (uint32_t v = 0; v < LANES_UNDER_WAY; v++) {
            LANES(Half) low = __builtin_convertvector(c->word[j][v], LANES(Half));
            memcpy(words[j] + (at + v * LANES(Width)), &low, sizeof low);
        }
}

__attribute__((target(LANES_TARGET))) static void LANES(block)(uint32_t words[4][RNG_BLOCK],
                                                               const RngStream *stream,
                                                               uint32_t first, uint32_t count) {
    for (uint32_t i = 0; i < count; i += LANES_UNDER_WAY * LANES(Width)) {
        uint32_t key_0 = (uint32_t)stream->seed, key_1 = (uint32_t)(stream->seed >> 32);
        LANES(Counters) c = LANES(begin)(stream, first + i);
        for (int round = 0; round < ROUNDS; round++) {
            LANES(round)(&c, key_0, key_1);
            key_0 += PHILOX_W32_0;
            key_1 += PHILOX_W32_1;
        }
        LANES(store)(words, &c, i);
    }
}

#undef LANES_NAME
#undef LANES_TARGET
#undef LANES_BYTES
#undef LANES_MULTIPLY
#undef LANES_UNDER_WAY
#undef LANES_GLUE
#undef LANES_JOIN
#undef LANES
#undef LANES_INLINE
