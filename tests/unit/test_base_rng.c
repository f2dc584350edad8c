/* Known answers of Philox, and what a keyed permutation must be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "mnist_dist/base/rng.h"

/* cmocka's own comparison is in float. */
static void assert_close(double got, double expected, double tolerance) {
    assert_true(fabs(got - expected) <= tolerance);
}

/* Counters, keys and answers: Random123's kat_vectors, "philox4x32 10". */
static void philox_gives_the_known_answers(void **state) {
    (void)state;
    const struct {
        RngStream stream;
        uint32_t index, words[4];
    } known[] = {
        {{0, 0, 0, 0, 0}, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{UINT64_MAX, 0xff, 0xffffff, UINT32_MAX, UINT32_MAX},
         UINT32_MAX,
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x299f31d0a4093822, 0x44, 0x037073, 0x13198a2e, 0x85a308d3},
         0x243f6a88,
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        uint32_t words[4];
        rng_words(words, &known[i].stream, known[i].index);
        assert_memory_equal(words, known[i].words, sizeof words);
    }
}

static void check_block(const RngStream *stream, uint32_t first, uint32_t count) {
    uint32_t block[4][RNG_BLOCK];
    rng_block(block, stream, first, count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t words[4];
        rng_words(words, stream, first + i);
        for (int j = 0; j < 4; j++) assert_int_equal(block[j][i], words[j]);
    }
}

static void blocks_are_the_draws_one_by_one(void **state) {
    (void)state;
    const RngStream streams[] = {
        {0, 0, 0, 0, 0},
        {UINT64_MAX, 0xff, 0xffffff, UINT32_MAX, UINT32_MAX},
        {0x299f31d0a4093822, RNG_DROPOUT, 7, 12345, 41999},
    };
    const uint32_t firsts[] = {0, 64, 783, 0x7ffffff0, UINT32_MAX - 17}; /* the last wraps round */
    for (size_t s = 0; s < sizeof streams / sizeof streams[0]; s++)
        for (size_t f = 0; f < sizeof firsts / sizeof firsts[0]; f++)
            for (uint32_t count = 0; count <= RNG_BLOCK; count++)
                check_block(&streams[s], firsts[f], count);
}

static void every_part_of_a_stream_matters(void **state) {
    (void)state;
    const RngStream base = {1, RNG_AUGMENT, 2, 3, 4};
    RngStream others[] = {base, base, base, base, base, base};
    others[0].seed ^= 1;
    others[1].seed ^= UINT64_C(1) << 63;
    others[2].purpose = RNG_DROPOUT;
    others[3].channel ^= 1;
    others[4].time ^= 1;
    others[5].sample ^= 1;
    uint32_t words[4], changed[4];
    rng_words(words, &base, 0);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        rng_words(changed, &others[i], 0);
        assert_memory_not_equal(changed, words, sizeof words);
    }
}

static void uniform_covers_zero_to_below_one(void **state) {
    (void)state;
    assert_true(rng_uniform(0) == 0.0f);
    assert_true(rng_uniform(UINT32_MAX) == 1.0f - 0x1p-24f);
    assert_true(rng_uniform(0x80000000) == 0.5f);
    assert_true(rng_uniform(0x80000000 - 1) < 0.5f);
}

static void uniform_has_the_mean_and_variance_it_should(void **state) {
    (void)state;
    enum { GROUPS = 25000 };
    const RngStream stream = {7, RNG_AUGMENT, 0, 0, 0};
    double sum = 0.0, squares = 0.0;
    for (uint32_t i = 0; i < GROUPS; i++) {
        uint32_t words[4];
        rng_words(words, &stream, i);
        for (int j = 0; j < 4; j++) {
            const double u = (double)rng_uniform(words[j]);
            sum += u;
            squares += u * u;
        }
    }
    assert_close(sum / (4 * GROUPS), 1.0 / 2, 0.005);
    assert_close(squares / (4 * GROUPS), 1.0 / 3, 0.005);
}

static void check_bijection(uint64_t count, const RngStream *stream) {
    static uint8_t seen[70000];
    memset(seen, 0, sizeof seen);
    for (uint64_t i = 0; i < count; i++) {
        const uint64_t image = rng_permute(i, count, stream);
        assert_true(image < count);
        assert_false(seen[image]);
        seen[image] = 1;
        assert_int_equal(rng_permute_inverse(image, count, stream), i);
    }
}

static void permutations_of_every_small_count_are_bijections(void **state) {
    (void)state;
    for (uint32_t count = 1; count <= 300; count++) {
        const RngStream stream = {count, RNG_SHUFFLE_ROWS, 0, count / 7, 3};
        check_bijection(count, &stream);
    }
}

static void permutations_of_larger_counts_are_bijections(void **state) {
    (void)state;
    const RngStream stream = {42, RNG_SHUFFLE_BLOCKS, 0, 5, 0};
    const uint64_t counts[] = {1023, 1024, 1025, 4097, 37800, 65535, 65536, 65537};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        check_bijection(counts[i], &stream);
}

static void the_inverse_inverts_in_the_largest_counts(void **state) {
    (void)state;
    const RngStream stream = {42, RNG_SHUFFLE_BLOCKS, 0, 5, 0};
    const uint64_t counts[] = {UINT64_C(1) << 32, (UINT64_C(1) << 33) + 1, UINT64_C(1) << 62};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        for (uint64_t step = 0; step < 100; step++) {
            const uint64_t index = step * (counts[i] / 100);
            const uint64_t image = rng_permute(index, counts[i], &stream);
            assert_true(image < counts[i]);
            assert_true(rng_permute_inverse(image, counts[i], &stream) == index);
        }
    }
}

/* The number of an order of 5 things among the 120, in the mixed base 5 4 3 2 1. */
static unsigned order_number(const RngStream *stream) {
    uint64_t order[5];
    unsigned number = 0;
    for (unsigned i = 0; i < 5; i++) order[i] = rng_permute(i, 5, stream);
    for (unsigned i = 0; i < 5; i++) {
        unsigned smaller_later = 0;
        for (unsigned j = i + 1; j < 5; j++) smaller_later += order[j] < order[i];
        number = number * (5 - i) + smaller_later;
    }
    return number;
}

/* 12,000 orders: 100 of each, give or take 10 by chance and 8 by design, since a Feistel network
 * is an even permutation of its domain and so gives a subset's odd orders 54 % of the time. */
static void all_orders_of_five_are_about_as_likely(void **state) {
    (void)state;
    unsigned counts[120] = {0};
    for (uint32_t epoch = 0; epoch < 12000; epoch++) {
        const RngStream stream = {3, RNG_SHUFFLE_ROWS, 0, epoch, 0};
        counts[order_number(&stream)]++;
    }
    for (int i = 0; i < 120; i++) assert_in_range(counts[i], 50, 150);
}

/* Pearson's statistic has mean 1559 and standard deviation 56; the bounds are 4 of these away. */
static void images_of_neighbours_are_independent(void **state) {
    (void)state;
    enum { N = 40, PAIRS = N * (N - 1), DRAWS = 100 * PAIRS };
    static unsigned counts[N][N];
    double statistic = 0.0;
    for (uint32_t epoch = 0; epoch < DRAWS; epoch++) {
        const RngStream stream = {3, RNG_SHUFFLE_ROWS, 0, epoch, 0};
        counts[rng_permute(0, N, &stream)][rng_permute(1, N, &stream)]++;
    }
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) {
            if (i != j) statistic += (counts[i][j] - 100.0) * (counts[i][j] - 100.0) / 100.0;
        }
    }
    assert_true(statistic > 1335.0 && statistic < 1783.0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_gives_the_known_answers),
        cmocka_unit_test(blocks_are_the_draws_one_by_one),
        cmocka_unit_test(every_part_of_a_stream_matters),
        cmocka_unit_test(uniform_covers_zero_to_below_one),
        cmocka_unit_test(uniform_has_the_mean_and_variance_it_should),
        cmocka_unit_test(permutations_of_every_small_count_are_bijections),
        cmocka_unit_test(permutations_of_larger_counts_are_bijections),
        cmocka_unit_test(the_inverse_inverts_in_the_largest_counts),
        cmocka_unit_test(all_orders_of_five_are_about_as_likely),
        cmocka_unit_test(images_of_neighbours_are_independent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
