/* The distributed sum has the bits of the serial tree, for any number of ranks. */
#include "ranks.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/rng.h"
#include "mnist_dist/base/status.h"
#include "mnist_dist/dist/gradsync.h"

enum { B = GRADSYNC_BLOCK };

static const size_t lengths[] = {0, 1, 5, B - 1, B, B + 1, 3 * B + 17, 8 * B, 8 * B + 1, 50000};
static const size_t shard_counts[] = {1, 2, 4, 8, 16, 64};

enum {
    LENGTHS = sizeof lengths / sizeof lengths[0],
    SHARD_COUNTS = sizeof shard_counts / sizeof shard_counts[0]
};

/* Signed, from 2^-32 to 2^32, so that nearly every sum depends on the order of its additions. */
static float wild(uint32_t word) {
    uint32_t exponent = 127 - 32 + (word >> 23) % 64;
    uint32_t bits = (word & 0x80000000u) | (exponent << 23) | (word & 0x7fffffu);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void fill_gradient(float *gradient, size_t length, size_t shard) {
    RngStream stream = {.seed = 42, .purpose = RNG_DROPOUT, .sample = (uint32_t)shard};
    for (size_t i = 0; i < length; i += 4) {
        uint32_t words[4];
        rng_words(words, &stream, (uint32_t)(i / 4));
        for (size_t k = 0; k < 4 && i + k < length; k++) {
            gradient[i + k] = wild(words[k]);
        }
    }
}

static float **make_gradients(size_t length, Range shards) {
    size_t count = shards.end - shards.begin;
    float **gradients = memory_zeroed(count, sizeof *gradients);
    assert_non_null(gradients);
    for (size_t i = 0; i < count; i++) {
        gradients[i] = memory_zeroed(length, sizeof(float));
        assert_non_null(gradients[i]);
        fill_gradient(gradients[i], length, shards.begin + i);
    }
    return gradients;
}

static void free_gradients(float **gradients, size_t count) {
    for (size_t i = 0; i < count; i++) free(gradients[i]);
    free(gradients);
}

static float tree_at(float *const gradients[], size_t first, size_t width, size_t i) {
    if (width == 1) return gradients[first][i];
    return tree_at(gradients, first, width / 2, i) +
           tree_at(gradients, first + width / 2, width / 2, i);
}

static bool same_bits(float a, float b) {
    if (isnan(a) || isnan(b)) return isnan(a) && isnan(b);
    return memcmp(&a, &b, sizeof a) == 0;
}

static bool is_tree_sum(const float *sum, float *const all[], size_t shards, Range slice) {
    for (size_t i = slice.begin; i < slice.end; i++) {
        if (!same_bits(sum[i], tree_at(all, 0, shards, i))) return false;
    }
    return true;
}

/* Fewer shards than ranks are refused, which has its own test. */
static bool can_run(size_t shards) {
    return shards >= (size_t)comm_size(comm);
}

static void check_reduce(size_t length, size_t shards) {
    GradSync *sync = NULL;
    assert_on_all_ranks(gradsync_new(&sync, comm, length, shards) == STATUS_OK);
    Range own = gradsync_shards(sync);
    Range slice = gradsync_slice(sync);
    float **all = make_gradients(length, (Range){0, shards});
    for (int step = 0; step < 2; step++) {
        float **mine = make_gradients(length, own);
        gradsync_reduce(sync, mine);
        assert_on_all_ranks(is_tree_sum(mine[0], all, shards, slice));
        gradsync_gather(sync, mine[0]);
        assert_on_all_ranks(is_tree_sum(mine[0], all, shards, (Range){0, length}));
        free_gradients(mine, own.end - own.begin);
    }
    free_gradients(all, shards);
    gradsync_destroy(sync);
}

static void sum_has_the_bits_of_the_serial_tree(void **state) {
    (void)state;
    for (size_t s = 0; s < SHARD_COUNTS; s++) {
        for (size_t l = 0; l < LENGTHS && can_run(shard_counts[s]); l++) {
            check_reduce(lengths[l], shard_counts[s]);
        }
    }
}

/* Else the test above would prove nothing. */
static void gradients_depend_on_the_order_of_additions(void **state) {
    (void)state;
    enum { COUNT = 1000, SHARDS = 8 };
    size_t different = 0;
    float **all = make_gradients(COUNT, (Range){0, SHARDS});
    for (size_t i = 0; i < COUNT; i++) {
        float serial = 0.0f;
        for (size_t s = 0; s < SHARDS; s++) serial += all[s][i];
        different += !same_bits(serial, tree_at(all, 0, SHARDS, i));
    }
    free_gradients(all, SHARDS);
    assert_on_all_ranks(different > COUNT / 10);
}

/* Shard s holds, number by number: -0; infinities of both signs; a NaN in one shard; the largest
 * float; denormal numbers. */
static void fill_special(float *gradient, size_t shard) {
    gradient[0] = -0.0f;
    gradient[1] = shard % 2 == 0 ? INFINITY : -INFINITY;
    gradient[2] = shard == 5 ? NAN : 1.0f;
    gradient[3] = shard < 4 ? 3.4028235e38f : -3.4028235e38f;
    gradient[4] = 1e-45f * (float)(shard + 1);
    gradient[5] = shard == 3 ? INFINITY : 0.0f;
}

static void special_values_add_as_ieee_says(void **state) {
    (void)state;
    enum { LENGTH = 6, SHARDS = 8 };
    GradSync *sync = NULL;
    assert_on_all_ranks(gradsync_new(&sync, comm, LENGTH, SHARDS) == STATUS_OK);
    Range own = gradsync_shards(sync);
    float **all = make_gradients(LENGTH, (Range){0, SHARDS});
    float **mine = make_gradients(LENGTH, own);
    for (size_t s = 0; s < SHARDS; s++) fill_special(all[s], s);
    for (size_t s = own.begin; s < own.end; s++) fill_special(mine[s - own.begin], s);
    gradsync_reduce(sync, mine);
    gradsync_gather(sync, mine[0]);
    assert_on_all_ranks(is_tree_sum(mine[0], all, SHARDS, (Range){0, LENGTH}));
    assert_on_all_ranks(mine[0][0] == 0.0f && signbit(mine[0][0]));
    assert_on_all_ranks(isnan(mine[0][1]) && isnan(mine[0][2]) && isnan(mine[0][3]));
    assert_on_all_ranks(mine[0][4] == 36 * 1e-45f && isinf(mine[0][5]));
    free_gradients(all, SHARDS);
    free_gradients(mine, own.end - own.begin);
    gradsync_destroy(sync);
}

static void slices_are_cut_at_blocks_and_leave_nothing_out(void **state) {
    (void)state;
    for (size_t l = 0; l < LENGTHS; l++) {
        GradSync *sync = NULL;
        int next = 0;
        assert_on_all_ranks(gradsync_new(&sync, comm, lengths[l], 8) == STATUS_OK);
        Range slice = gradsync_slice(sync);
        for (int r = 0; r < comm_size(comm); r++) {
            bool mine = r == comm_rank(comm);
            assert_on_all_ranks(!mine || slice.begin == (size_t)next);
            next = comm_max(comm, mine ? (int)slice.end : next);
        }
        assert_on_all_ranks((size_t)next == lengths[l]);
        assert_on_all_ranks(slice.begin % B == 0 || slice.begin == lengths[l]);
        gradsync_destroy(sync);
    }
}

static float vector_value(size_t i) {
    return (float)i + 0.5f;
}

static bool vector_holds(const float *vector, Range filled, size_t length) {
    for (size_t i = 0; i < length; i++) {
        bool in = i >= filled.begin && i < filled.end;
        if (vector[i] != (in ? vector_value(i) : 0.0f)) return false;
    }
    return true;
}

static float *make_slice(Range slice, size_t length) {
    float *vector = memory_zeroed(length, sizeof *vector);
    assert_non_null(vector);
    for (size_t i = slice.begin; i < slice.end; i++) vector[i] = vector_value(i);
    return vector;
}

static void gather_fills_all_and_collect_rank_0_only(void **state) {
    (void)state;
    for (size_t l = 0; l < LENGTHS; l++) {
        GradSync *sync = NULL;
        assert_on_all_ranks(gradsync_new(&sync, comm, lengths[l], 8) == STATUS_OK);
        Range whole = {0, lengths[l]};
        Range slice = gradsync_slice(sync);
        float *gathered = make_slice(slice, lengths[l]);
        float *collected = make_slice(slice, lengths[l]);
        gradsync_gather(sync, gathered);
        gradsync_collect(sync, collected);
        assert_on_all_ranks(vector_holds(gathered, whole, lengths[l]));
        assert_on_all_ranks(
            vector_holds(collected, comm_rank(comm) == 0 ? whole : slice, lengths[l]));
        free(gathered);
        free(collected);
        gradsync_destroy(sync);
    }
}

/* A hash of the bits of sixteen norms, as one rank finds them. */
static const uint64_t NORMS_AT_ONE_RANK = 0xf97dcf2e2f209b92;

static void fill_tame(float *vector, size_t length, uint32_t sample) {
    RngStream stream = {.seed = 7, .purpose = RNG_DROPOUT, .sample = sample};
    for (size_t i = 0; i < length; i++) {
        uint32_t words[4];
        rng_words(words, &stream, (uint32_t)i);
        vector[i] = rng_uniform(words[0]) - 0.5f;
    }
}

static long double plain_norm(const float *vector, size_t length) {
    long double sum = 0;
    for (size_t i = 0; i < length; i++) sum += (long double)vector[i] * vector[i];
    return sqrtl(sum);
}

static void norm_is_right_and_the_same_at_any_number_of_ranks(void **state) {
    (void)state;
    enum { LENGTH = 50000, VECTORS = 16 };
    GradSync *sync = NULL;
    uint64_t hash = 0;
    float *vector = memory_zeroed(LENGTH, sizeof *vector);
    assert_non_null(vector);
    assert_on_all_ranks(gradsync_new(&sync, comm, LENGTH, 8) == STATUS_OK);
    for (uint32_t i = 0; i < VECTORS; i++) {
        uint64_t bits;
        fill_tame(vector, LENGTH, i);
        double norm = gradsync_norm(sync, vector);
        assert_on_all_ranks(fabsl(norm / plain_norm(vector, LENGTH) - 1) < 1e-14L);
        memcpy(&bits, &norm, sizeof bits);
        hash = hash * 0x100000001b3u + bits;
    }
    if (hash != NORMS_AT_ONE_RANK) print_message("hash: 0x%016" PRIx64 "\n", hash);
    assert_on_all_ranks(hash == NORMS_AT_ONE_RANK);
    free(vector);
    gradsync_destroy(sync);
}

static void norm_of_nothing_is_zero(void **state) {
    (void)state;
    GradSync *sync = NULL;
    float nothing = 1.0f;
    assert_on_all_ranks(gradsync_new(&sync, comm, 0, 8) == STATUS_OK);
    assert_on_all_ranks(gradsync_norm(sync, &nothing) == 0.0);
    gradsync_destroy(sync);
}

static void impossible_shards_are_refused(void **state) {
    (void)state;
    static const size_t impossible[] = {0, 3, 6, 12};
    GradSync *sync = NULL;
    for (size_t i = 0; i < 4; i++) {
        assert_on_all_ranks(gradsync_new(&sync, comm, 10, impossible[i]) == STATUS_USAGE);
        assert_on_all_ranks(strstr(status_message(), "training.shards") != NULL);
        assert_on_all_ranks(sync == NULL);
        status_clear();
    }
    if (comm_size(comm) == 1) return;
    assert_on_all_ranks(gradsync_new(&sync, comm, 10, 1) == STATUS_USAGE);
    assert_on_all_ranks(strstr(status_message(), "training.shards") != NULL);
    status_clear();
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(gradients_depend_on_the_order_of_additions),
    cmocka_unit_test(sum_has_the_bits_of_the_serial_tree),
    cmocka_unit_test(special_values_add_as_ieee_says),
    cmocka_unit_test(slices_are_cut_at_blocks_and_leave_nothing_out),
    cmocka_unit_test(gather_fills_all_and_collect_rank_0_only),
    cmocka_unit_test(norm_is_right_and_the_same_at_any_number_of_ranks),
    cmocka_unit_test(norm_of_nothing_is_zero),
    cmocka_unit_test(impossible_shards_are_refused),
};

RUN_ON_RANKS(tests)
