/* The distributed sum has the bits of the serial tree, for any number of ranks. */
#include "ranks.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/rng.h"
#include "mnist_dist/base/status.h"
#include "mnist_dist/dist/gradsync.h"

enum { B = GRADSYNC_BLOCK, THREADS = 2, REPORT = 2 /* numbers */ };

static Pool *pool;

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

/* How the numbers travel in the test under way. */
static struct Way {
    size_t bucket_bytes;
    bool overlaps, halves;
    int peers;
} way = {.peers = 64};

static GradSync *new_sync(size_t length, size_t shards) {
    GradSync *sync = NULL;
    GradSyncShape shape = {.length = length,
                           .shards = shards,
                           .vectors = 2,
                           .report_bytes = REPORT * sizeof(double),
                           .bucket_bytes = way.bucket_bytes,
                           .overlaps = way.overlaps,
                           .halves = way.halves};
    comm_limit_peers(comm, way.peers);
    assert_on_all_ranks(gradsync_new(&sync, comm, pool, &shape) == STATUS_OK);
    return sync;
}

/* As any rank can make them: what the sync's are to be compared with. */
static float **make_gradients(size_t length, size_t shards) {
    float **gradients = memory_zeroed(shards, sizeof *gradients);
    assert_non_null(gradients);
    for (size_t i = 0; i < shards; i++) {
        gradients[i] = memory_zeroed(length, sizeof(float));
        assert_non_null(gradients[i]);
        fill_gradient(gradients[i], length, i);
    }
    return gradients;
}

static void free_gradients(float **gradients, size_t count) {
    for (size_t i = 0; i < count; i++) free(gradients[i]);
    free(gradients);
}

/* To the nearest bfloat16, by way of a double's exact halfway points. */
static float rounded(float value) {
    uint32_t bits;
    if (!way.halves || isnan(value)) return value;
    memcpy(&bits, &value, sizeof bits);
    uint32_t low = bits & 0xffffu, high = bits >> 16;
    if (low > 0x8000u || (low == 0x8000u && high % 2 == 1)) high++;
    bits = high << 16;
    memcpy(&value, &bits, sizeof bits);
    return value;
}

static float tree_at(float *const gradients[], size_t first, size_t width, size_t i) {
    if (width == 1) return gradients[first][i];
    return rounded(rounded(tree_at(gradients, first, width / 2, i)) +
                   rounded(tree_at(gradients, first + width / 2, width / 2, i)));
}

static bool same_bits(float a, float b) {
    if (isnan(a) || isnan(b)) return isnan(a) && isnan(b);
    return memcmp(&a, &b, sizeof a) == 0;
}

/* Whether sum[i] is the sum of number begin + i, for all of the range. */
static bool is_tree_sum(const float *sum, float *const all[], size_t shards, Range range) {
    for (size_t i = range.begin; i < range.end; i++) {
        if (!same_bits(sum[i - range.begin], tree_at(all, 0, shards, i))) return false;
    }
    return true;
}

static bool are_tree_sums(const GradSync *sync, float *const all[], size_t shards) {
    for (size_t k = 0; k < gradsync_slice_count(sync); k++) {
        Range slice = gradsync_slice(sync, k);
        if (slice.begin < slice.end &&
            !is_tree_sum(gradsync_sum(sync, slice.begin), all, shards, slice))
            return false;
    }
    return true;
}

/* Moves the sum to vector 0, as an optimizer would, and gives it to all. */
static const float *gather_sum(GradSync *sync) {
    float *vector = gradsync_vector(sync, 0);
    for (size_t k = 0; k < gradsync_slice_count(sync); k++) {
        Range slice = gradsync_slice(sync, k);
        for (size_t i = slice.begin; i < slice.end; i++) vector[i] = *gradsync_sum(sync, i);
    }
    gradsync_gather(sync, 0);
    return gradsync_vector(sync, 0);
}

static double report_value(size_t shard, size_t i, size_t round) {
    return (double)(shard * 10 + i) + 1000.0 * (double)round;
}

static void fill_reports(GradSync *sync, size_t round) {
    double *reports = gradsync_reports(sync);
    for (size_t s = gradsync_shards(sync).begin; s < gradsync_shards(sync).end; s++)
        for (size_t i = 0; i < REPORT; i++) reports[s * REPORT + i] = report_value(s, i, round);
}

static bool reports_arrived(const GradSync *sync, size_t shards, size_t round) {
    const double *reports = gradsync_reports(sync);
    for (size_t s = 0; s < shards; s++)
        for (size_t i = 0; i < REPORT; i++)
            if (reports[s * REPORT + i] != report_value(s, i, round)) return false;
    return true;
}

/* Fewer shards than ranks are refused, which has its own test. */
static bool can_run(size_t shards) {
    return shards >= (size_t)comm_size(comm);
}

static bool is_aligned(const void *memory) {
    return (uintptr_t)memory % MEMORY_ALIGNMENT == 0;
}

/* Every other shard in odd parts from behind, as backward does; the others not at all. */
static void announce(GradSync *sync, size_t shard, size_t length) {
    size_t ends[] = {0, length / 7, length / 2, length};
    for (size_t i = 3; i > 0 && shard % 2 == 0; i--)
        gradsync_announce(sync, shard, (Range){ends[i - 1], ends[i]}, 0);
}

static void check_reduce(size_t length, size_t shards) {
    GradSync *sync = new_sync(length, shards);
    assert_on_all_ranks(is_aligned(gradsync_vector(sync, 0)) &&
                        is_aligned(gradsync_vector(sync, 1)) &&
                        is_aligned(gradsync_gradient(sync, gradsync_shards(sync).begin)));
    Range own = gradsync_shards(sync);
    float **all = make_gradients(length, shards);
    for (size_t round = 0; round < 2; round++) {
        gradsync_begin(sync);
        for (size_t s = own.begin; s < own.end; s++) {
            memcpy(gradsync_gradient(sync, s), all[s], length * sizeof(float));
            if (round == 1 || s % 4 == 0) announce(sync, s, length);
        }
        fill_reports(sync, round);
        gradsync_reduce(sync);
        assert_on_all_ranks(are_tree_sums(sync, all, shards));
        assert_on_all_ranks(is_tree_sum(gather_sum(sync), all, shards, (Range){0, length}));
        assert_on_all_ranks(reports_arrived(sync, shards, round));
    }
    free_gradients(all, shards);
    gradsync_destroy(sync);
}

/* What a shard leaves in the tests is its number. */
static void make_late(void *context, float *out, size_t shard, const void *left, Range range,
                      size_t thread) {
    float *const *all = context;
    uint64_t number = *(const uint64_t *)left;
    assert_true(thread < THREADS && number == shard);
    memcpy(out, all[number] + range.begin, (range.end - range.begin) * sizeof(float));
}

static GradSync *new_late_sync(size_t length, size_t shards, Range late, float **all) {
    GradSync *sync = NULL;
    GradSyncShape shape = {.length = length,
                           .shards = shards,
                           .vectors = 2,
                           .bucket_bytes = way.bucket_bytes,
                           .overlaps = way.overlaps,
                           .late = {late, 64, make_late, all}};
    assert_on_all_ranks(gradsync_new(&sync, comm, pool, &shape) == STATUS_OK);
    return sync;
}

/* Fills a shard's gradient but for the late range, where there are NaNs that nobody may read. */
static void fill_around(GradSync *sync, size_t shard, const float *gradient, size_t length,
                        Range late) {
    float *to = gradsync_gradient(sync, shard);
    memcpy(to, gradient, length * sizeof *to);
    for (size_t i = late.begin; i < late.end; i++) to[i] = NAN;
    *(uint64_t *)gradsync_left(sync, shard) = shard;
}

static void check_late(size_t length, size_t shards, Range late) {
    float **all = make_gradients(length, shards);
    GradSync *sync = new_late_sync(length, shards, late, all);
    Range own = gradsync_shards(sync);
    for (size_t round = 0; round < 2; round++) {
        gradsync_begin(sync);
        for (size_t s = own.begin; s < own.end; s++) {
            fill_around(sync, s, all[s], length, late);
            announce(sync, s, length);
        }
        gradsync_reduce(sync);
        assert_on_all_ranks(are_tree_sums(sync, all, shards));
        assert_on_all_ranks(is_tree_sum(gather_sum(sync), all, shards, (Range){0, length}));
    }
    free_gradients(all, shards);
    gradsync_destroy(sync);
}

static void what_is_late_is_summed_like_the_rest(void **state) {
    (void)state;
    const Range lates[] = {{0, 5 * B},     {17, 4 * B + 3},         {B, 2 * B},
                           {B + 1, B + 9}, {2 * B - 1, 6 * B + 20}, {3 * B, 6 * B + 20}};
    for (size_t i = 0; i < sizeof lates / sizeof *lates; i++)
        for (size_t shards = 1; shards <= 128; shards *= shards < 8 ? 2 : 4) {
            way.bucket_bytes = shards > 2 ? (size_t)2 * B * sizeof(float) : 0;
            way.overlaps = shards > 2;
            if (can_run(shards)) check_late(6 * B + 20, shards, lates[i]);
        }
    way = (struct Way){.peers = 64};
}

static void sum_has_the_bits_of_the_serial_tree(void **state) {
    (void)state;
    for (size_t s = 0; s < SHARD_COUNTS; s++) {
        for (size_t l = 0; l < LENGTHS && can_run(shard_counts[s]); l++) {
            check_reduce(lengths[l], shard_counts[s]);
        }
    }
}

static void the_way_changes_no_bit(void **state) {
    (void)state;
    const size_t two_blocks = (size_t)2 * B * sizeof(float);
    const struct Way ways[] = {{two_blocks, false, false, 64},   {two_blocks, true, false, 64},
                               {4 * two_blocks, true, true, 64}, {0, true, false, 2},
                               {two_blocks, true, false, 2},     {two_blocks, false, true, 2},
                               {two_blocks, true, true, 3}};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        way = ways[i];
        for (size_t shards = 8; shards <= 32; shards *= 4)
            if (can_run(shards)) check_reduce(7 * B + 17, shards);
        if (can_run(8)) check_reduce(B + 1, 8);
    }
    way = (struct Way){.peers = 64};
}

/* Else the tests above would prove nothing. */
static void gradients_depend_on_the_order_of_additions(void **state) {
    (void)state;
    enum { COUNT = 1000, SHARDS = 8 };
    size_t different = 0;
    float **all = make_gradients(COUNT, SHARDS);
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
    GradSync *sync = new_sync(LENGTH, SHARDS);
    Range own = gradsync_shards(sync);
    float **all = make_gradients(LENGTH, SHARDS);
    for (size_t s = 0; s < SHARDS; s++) fill_special(all[s], s);
    for (size_t s = own.begin; s < own.end; s++) fill_special(gradsync_gradient(sync, s), s);
    gradsync_reduce(sync);
    const float *sum = gather_sum(sync);
    assert_on_all_ranks(is_tree_sum(sum, all, SHARDS, (Range){0, LENGTH}));
    assert_on_all_ranks(sum[0] == 0.0f && signbit(sum[0]));
    assert_on_all_ranks(isnan(sum[1]) && isnan(sum[2]) && isnan(sum[3]));
    assert_on_all_ranks(sum[4] == 36 * 1e-45f && isinf(sum[5]));
    free_gradients(all, SHARDS);
    gradsync_destroy(sync);
}

/* What each rank's slice becomes from step to step hangs on all parameters of the step before, so a
 * rank that reads too early, or writes while another still reads, is found out. Ranks are late in
 * turn. */
static float churn(float param, float sum) {
    return 0.5f * param + 0.001f * sum + 1.0f;
}

static void churn_gradient(float *gradient, const float *params, size_t length, size_t shard) {
    for (size_t i = 0; i < length; i++)
        gradient[i] = params[(i + shard * 977) % length] * (float)(shard + 1);
}

static void churn_alone(float *params, float **gradients, size_t length, size_t shards) {
    for (size_t s = 0; s < shards; s++) churn_gradient(gradients[s], params, length, s);
    for (size_t i = 0; i < length; i++)
        params[i] = churn(params[i], tree_at(gradients, 0, shards, i));
}

static void churn_together(GradSync *sync, size_t length) {
    Range own = gradsync_shards(sync);
    float *params = gradsync_vector(sync, 0);
    gradsync_begin(sync);
    gradsync_await(sync, (Range){0, 1});
    gradsync_await(sync, (Range){1, length});
    for (size_t s = own.begin; s < own.end; s++) {
        churn_gradient(gradsync_gradient(sync, s), params, length, s);
        announce(sync, s, length);
        if (s % 2 == 1) gradsync_announce(sync, s, (Range){0, length}, 0);
    }
    gradsync_reduce(sync);
    for (size_t k = 0; k < gradsync_slice_count(sync); k++) {
        Range slice = gradsync_slice(sync, k);
        for (size_t i = slice.begin; i < slice.end; i++)
            params[i] = churn(params[i], *gradsync_sum(sync, i));
    }
    gradsync_start_gather(sync, 0);
}

static void be_late(int round) {
    if (round % comm_size(comm) == comm_rank(comm)) usleep(2000);
}

static void check_pace(void) {
    enum { LENGTH = 40000, SHARDS = 8, ROUNDS = 24 };
    GradSync *sync = new_sync(LENGTH, SHARDS);
    float **gradients = make_gradients(LENGTH, SHARDS);
    float *expected = memory_zeroed(LENGTH, sizeof *expected);
    bool good = expected != NULL;
    for (int round = 0; round < ROUNDS && good; round++) {
        be_late(round);
        churn_together(sync, LENGTH);
        churn_alone(expected, gradients, LENGTH, SHARDS);
        be_late(round + 1);
        if (round % 3 == 2) gradsync_settle(sync);
        good = round % 3 != 2 ||
               memcmp(expected, gradsync_vector(sync, 0), LENGTH * sizeof(float)) == 0;
    }
    assert_on_all_ranks(good);
    free(expected);
    free_gradients(gradients, SHARDS);
    gradsync_destroy(sync);
}

static void no_rank_runs_ahead(void **state) {
    (void)state;
    check_pace();
    way = (struct Way){(size_t)2 * B * sizeof(float), true, false, 64};
    check_pace();
    way.peers = 2;
    check_pace();
    way = (struct Way){.peers = 64};
}

/* Adds the bit of this rank to each block of its slices. */
static void mark_slices(unsigned char *marks, const GradSync *sync) {
    for (size_t k = 0; k < gradsync_slice_count(sync); k++) {
        Range slice = gradsync_slice(sync, k);
        assert_true(slice.begin % B == 0 || slice.begin == slice.end);
        for (size_t i = slice.begin; i < slice.end; i++) marks[i]++;
    }
}

static void slices_are_cut_at_blocks_and_leave_nothing_out(void **state) {
    (void)state;
    for (size_t l = 0; l < LENGTHS; l++) {
        way.bucket_bytes = l % 2 * 2 * B * sizeof(float);
        GradSync *sync = new_sync(lengths[l], 8);
        unsigned char *marks = memory_zeroed(lengths[l], 1);
        int good = marks != NULL, owned = 0;
        if (good) mark_slices(marks, sync);
        for (size_t i = 0; i < lengths[l]; i++) {
            good &= marks[i] <= 1;
            owned += marks[i];
        }
        for (int r = 0, next = 0; r < comm_size(comm); r++) {
            next = comm_max(comm, r == comm_rank(comm) ? next + owned : 0);
            if (r + 1 == comm_size(comm)) good &= (size_t)next == lengths[l];
        }
        comm_merge(comm, COMM_RANKS, marks, lengths[l]);
        for (size_t i = 0; i < lengths[l]; i++) good &= marks[i] == 1;
        assert_on_all_ranks(good);
        free(marks);
        gradsync_destroy(sync);
    }
    way.bucket_bytes = 0;
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

static void fill_range(float *vector, Range range) {
    for (size_t i = range.begin; i < range.end; i++) vector[i] = vector_value(i);
}

static void gather_fills_all(void **state) {
    (void)state;
    for (size_t l = 0; l < LENGTHS; l++) {
        way = (struct Way){l % 2 * 2 * B * sizeof(float), l % 3 == 0, false, l % 4 == 0 ? 2 : 64};
        GradSync *sync = new_sync(lengths[l], 8);
        Range whole = {0, lengths[l]};
        for (size_t k = 0; k < gradsync_slice_count(sync); k++)
            fill_range(gradsync_vector(sync, 1), gradsync_slice(sync, k));
        gradsync_gather(sync, 1);
        assert_on_all_ranks(vector_holds(gradsync_vector(sync, 1), whole, lengths[l]));
        gradsync_destroy(sync);
    }
    way = (struct Way){.peers = 64};
}

static void collect_gives_rank_0_what_all_have(void **state) {
    (void)state;
    for (size_t l = 0; l < LENGTHS; l++) {
        way = (struct Way){l % 2 * 2 * B * sizeof(float), l % 3 == 0, false, l % 4 == 0 ? 2 : 64};
        GradSync *sync = new_sync(lengths[l], 8);
        Range whole = {0, lengths[l]};
        for (size_t k = 0; k < gradsync_slice_count(sync); k++)
            fill_range(gradsync_vector(sync, 1), gradsync_slice(sync, k));
        gradsync_collect(sync, 1);
        assert_on_all_ranks(comm_rank(comm) != 0 ||
                            vector_holds(gradsync_vector(sync, 1), whole, lengths[l]));
        gradsync_destroy(sync);
    }
    way = (struct Way){.peers = 64};
}

static void spread_gives_all_what_rank_0_has(void **state) {
    (void)state;
    for (size_t l = 0; l < LENGTHS; l++) {
        GradSync *sync = new_sync(lengths[l], 8);
        Range whole = {0, lengths[l]};
        if (comm_rank(comm) == 0) fill_range(gradsync_vector(sync, 1), whole);
        gradsync_spread(sync, 1);
        assert_on_all_ranks(vector_holds(gradsync_vector(sync, 1), whole, lengths[l]));
        assert_on_all_ranks(vector_holds(gradsync_vector(sync, 0), (Range){0, 0}, lengths[l]));
        gradsync_destroy(sync);
    }
}

static void memory_is_shared_where_all_ranks_are_of_one_node(void **state) {
    (void)state;
    GradSync *sync = new_sync(B, 8);
    assert_on_all_ranks(gradsync_is_shared(sync) == (comm_node_size(comm) == comm_size(comm)));
    gradsync_destroy(sync);
}

/* Where Open MPI is told to keep shared windows in a file system that holds nothing. */
static void a_node_without_room_sends_messages(void **state) {
    (void)state;
    const char *variable = "OMPI_MCA_osc_sm_backing_directory";
    setenv(variable, "/proc", 1);
    GradSync *sync = new_sync(B, 8);
    unsetenv(variable);
    assert_on_all_ranks(gradsync_is_shared(sync) == (comm_size(comm) == 1));
    assert_on_all_ranks(strlen(status_message()) == 0);
    gradsync_destroy(sync);
}

/* A hash of the bits of sixteen norms, as one rank finds them. */
static const uint64_t NORMS_AT_ONE_RANK = 0x9cdee4448f1fd74d;

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

/* Shard 3's gradient is the sum: the others' are zero. */
static double norm_of(const float *vector, GradSync *sync, size_t length) {
    Range own = gradsync_shards(sync);
    for (size_t s = own.begin; s < own.end; s++) {
        memset(gradsync_gradient(sync, s), 0, length * sizeof(float));
        if (s == 3) memcpy(gradsync_gradient(sync, s), vector, length * sizeof(float));
    }
    double norm = gradsync_reduce(sync);
    gradsync_gather(sync, 0);
    return norm;
}

static void norm_is_right_and_the_same_at_any_number_of_ranks(void **state) {
    (void)state;
    enum { LENGTH = 50000, VECTORS = 16 };
    GradSync *sync = new_sync(LENGTH, 8);
    uint64_t hash = 0;
    float *vector = memory_zeroed(LENGTH, sizeof *vector);
    assert_non_null(vector);
    for (uint32_t i = 0; i < VECTORS; i++) {
        uint64_t bits;
        fill_tame(vector, LENGTH, i);
        double norm = norm_of(vector, sync, LENGTH);
        assert_on_all_ranks(fabsl(norm / plain_norm(vector, LENGTH) - 1) < 1e-14L);
        memcpy(&bits, &norm, sizeof bits);
        hash = hash * 0x100000001b3u + bits;
    }
    if (hash != NORMS_AT_ONE_RANK) print_message("hash: 0x%016" PRIx64 "\n", hash);
    assert_on_all_ranks(hash == NORMS_AT_ONE_RANK);
    free(vector);
    gradsync_destroy(sync);
}

static double norm_with_apart(float last, size_t apart) {
    enum { LENGTH = 2 * B + 5, SHARDS = 8 };
    GradSync *sync = NULL;
    GradSyncShape shape = {.length = LENGTH, .apart = apart, .shards = SHARDS, .vectors = 1};
    assert_on_all_ranks(gradsync_new(&sync, comm, pool, &shape) == STATUS_OK);
    Range own = gradsync_shards(sync);
    for (size_t s = own.begin; s < own.end; s++)
        for (size_t i = 0; i < LENGTH; i++)
            gradsync_gradient(sync, s)[i] = i + 1 == LENGTH ? last : i < 2 ? 1.0F : 0.0F;
    double norm = gradsync_reduce(sync);
    gradsync_destroy(sync);
    return norm;
}

static void norm_leaves_out_what_stands_apart_if_it_is_finite(void **state) {
    (void)state;
    if (!can_run(8)) return;
    assert_on_all_ranks(norm_with_apart(2.0F, 0) == sqrt(64 + 64 + 256));
    assert_on_all_ranks(norm_with_apart(2.0F, 5) == sqrt(64 + 64));
    assert_on_all_ranks(norm_with_apart(2.0F, B + 5) == sqrt(64 + 64));
    assert_on_all_ranks(isnan(norm_with_apart(NAN, 5)));
    assert_on_all_ranks(!isfinite(norm_with_apart(INFINITY, 5)));
}

static void norm_of_nothing_is_zero(void **state) {
    (void)state;
    GradSync *sync = new_sync(0, 8);
    assert_on_all_ranks(gradsync_reduce(sync) == 0.0);
    gradsync_destroy(sync);
}

static void impossible_shards_are_refused(void **state) {
    (void)state;
    static const size_t impossible[] = {0, 3, 6, 12, 1};
    GradSync *sync = NULL;
    GradSyncShape shape = {.length = 10};
    for (size_t i = 0; i < 5; i++) {
        shape.shards = impossible[i];
        if (shape.shards == 1 && comm_size(comm) == 1) continue;
        assert_on_all_ranks(gradsync_new(&sync, comm, pool, &shape) == STATUS_USAGE);
        assert_on_all_ranks(strstr(status_message(), "training.shards") != NULL);
        assert_on_all_ranks(sync == NULL);
        status_clear();
    }
}

static int start_pool(void **state) {
    (void)state;
    return pool_new(&pool, THREADS) != STATUS_OK;
}

static int stop_pool(void **state) {
    (void)state;
    pool_destroy(pool);
    return 0;
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(gradients_depend_on_the_order_of_additions),
    cmocka_unit_test(sum_has_the_bits_of_the_serial_tree),
    cmocka_unit_test(the_way_changes_no_bit),
    cmocka_unit_test(what_is_late_is_summed_like_the_rest),
    cmocka_unit_test(special_values_add_as_ieee_says),
    cmocka_unit_test(slices_are_cut_at_blocks_and_leave_nothing_out),
    cmocka_unit_test(no_rank_runs_ahead),
    cmocka_unit_test(gather_fills_all),
    cmocka_unit_test(collect_gives_rank_0_what_all_have),
    cmocka_unit_test(spread_gives_all_what_rank_0_has),
    cmocka_unit_test(memory_is_shared_where_all_ranks_are_of_one_node),
    cmocka_unit_test(a_node_without_room_sends_messages),
    cmocka_unit_test(norm_is_right_and_the_same_at_any_number_of_ranks),
    cmocka_unit_test(norm_leaves_out_what_stands_apart_if_it_is_finite),
    cmocka_unit_test(norm_of_nothing_is_zero),
    cmocka_unit_test(impossible_shards_are_refused),
};

RUN_ON_RANKS(tests, start_pool, stop_pool)
