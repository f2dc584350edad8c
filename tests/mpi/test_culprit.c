/* Losses and gradients made infinite or no numbers, in one sample, in one rank's shards, in one
 * rank's parameters, or in the sum alone: on any number of ranks the same line on all of them, with
 * the right shard, rank and rows, and nothing changed. */
#include "replica.h"

#include <math.h>

#include "mnist_dist/base/shard.h"

#define PLAIN "augmentation.rotation=0 augmentation.zoom=0 augmentation.shift=0 "
#define DEEP "model.layers=flatten,dense~64~nobias,dense~4,dense~10~softmax " PLAIN

enum { LINE = 512, WIDTH = 64, UNIT = 7, NEXT = 2 };

static float before[65536];

static float *weights(const Replica *replica, size_t tensor) {
    return replica->trainer->params + model_tensor(replica->model, tensor).offset;
}

static uint32_t row_at(const Replica *replica, uint64_t position) {
    return replica->workload.split
        .train[sampler_row(&replica->trainer->source.sampler, 0, position)];
}

static size_t position_of(size_t shard) {
    return shard_begin(shard, 50, 8);
}

static int last_rank(void) {
    return comm_size(comm) - 1;
}

/* Where a rank's shards begin. */
static size_t first_shard(int rank) {
    return shard_begin((size_t)rank, 8, (size_t)comm_size(comm));
}

static int rank_of(size_t shard) {
    int rank = 0;
    while (first_shard(rank + 1) <= shard) rank++;
    return rank;
}

/* The rank that spoils a copy of the parameters: the first of the last node, whose ranks share it.
 */
static int spoiler(void) {
    return comm_node_begin(comm, comm_node_count(comm) - 1);
}

/* The line if `bad` shards from `shard` on are, with all samples of the first. */
static void expect_shards(char line[LINE], const Replica *replica, const char *what, size_t bad,
                          size_t shard) {
    size_t n = position_of(shard + 1) - position_of(shard);
    int used = snprintf(line, LINE,
                        "step 1: the %s is not finite in %zu of 8 shards, first in shard %zu of "
                        "rank %d, for %zu of its %zu samples: training rows ",
                        what, bad, shard, rank_of(shard), n, n);
    for (size_t i = 0; i < n; i++)
        used += snprintf(line + used, (size_t)(LINE - used), "%s%u", i > 0 ? ", " : "",
                         (unsigned)row_at(replica, position_of(shard) + i));
    snprintf(line + used, (size_t)(LINE - used), " (from 0)");
}

/* As expect_shards, for what spoils() spoils. */
static void expect_spoilt(char line[LINE], const Replica *replica, const char *what) {
    size_t first = first_shard(spoiler());
    expect_shards(line, replica, what, 8 - first, first);
}

static size_t first_nonzero(const float *values, size_t count) {
    size_t i = 0;
    while (i < count && values[i] == 0.0f) i++;
    return i;
}

/* **Collective.** A step fails with this line, and changes nothing. */
static void expect_failure(Replica *replica, const char *line) {
    Trainer *trainer = replica->trainer;
    Request request;
    size_t bytes = model_parameter_count(replica->model) * sizeof(float);
    comm_barrier(comm);
    memcpy(before, trainer->params, bytes);
    Progress progress = trainer->progress;
    Status status = trainer_step(trainer, &request);
    bool right = strcmp(status_message(), line) == 0;
    if (!right) fprintf(stderr, "%s\nexpected: %s\n", status_message(), line);
    status_clear();
    assert_on_all_ranks(status == STATUS_DIVERGED);
    assert_on_all_ranks(right);
    assert_on_all_ranks(memcmp(before, trainer->params, bytes) == 0);
    assert_on_all_ranks(memcmp(&progress, &trainer->progress, sizeof progress) == 0);
    assert_on_all_ranks(trainer->history.steps.count == 0);
    assert_on_all_ranks(first_nonzero(trainer->slots[0], bytes / sizeof(float)) * sizeof(float) ==
                        bytes);
}

/* Two pixels that one row alone has, and weights whose sum overflows. */
static void one_sample_is_named(void **state) {
    (void)state;
    for (size_t position = 0; position < 50; position += 7) {
        char line[LINE];
        Replica *replica = start(PLAIN "model.layers=flatten,dense~10~softmax");
        uint32_t row = row_at(replica, position);
        for (uint32_t i = 0; i < ROWS; i++)
            memset(replica->images + i * DIGIT_PIXELS, i == row ? 255 : 0, 2);
        weights(replica, 0)[0] = weights(replica, 0)[DIGIT_CLASSES] = 3e38f;
        size_t shard = 0;
        while (position_of(shard + 1) <= position) shard++;
        snprintf(line, sizeof line,
                 "step 1: the loss is not finite in 1 of 8 shards, first in shard %zu of rank %d, "
                 "for 1 of its %zu samples: training row %u (from 0)",
                 shard, rank_of(shard), position_of(shard + 1) - position_of(shard), row);
        expect_failure(replica, line);
        stop(replica);
    }
}

/* Targets that are no numbers, of the last rank's shards. */
static void a_rank_is_named(void **state) {
    (void)state;
    char line[LINE];
    Replica *replica = start("");
    size_t first = first_shard(last_rank());
    if (comm_rank(comm) == last_rank()) replica->trainer->source.label_smoothing = (double)NAN;
    expect_shards(line, replica, "loss", 8 - first, first);
    expect_failure(replica, line);
    stop(replica);
}

static void a_spoilt_parameter_is_found_by_the_loss(void **state) {
    (void)state;
    static const float values[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < 3; i++) {
        char line[LINE];
        Replica *replica = start("training.check_replicas=0 " DEEP);
        if (comm_rank(comm) == spoiler()) weights(replica, 4)[3] = values[i];
        expect_spoilt(line, replica, "loss");
        expect_failure(replica, line);
        stop(replica);
    }
}

/* A path from the first layer to the last that carries nothing forward, and back more than a float
 * holds: `amount` times 3e38 times what class 0 is off by. Pixel 0 is 1. */
static void spoil_path(Replica *replica, float amount) {
    float *one = weights(replica, 0), *two = weights(replica, 1), *three = weights(replica, 3);
    for (size_t i = 0; i < DIGIT_PIXELS; i++) one[i * WIDTH + UNIT] = 0.0f;
    for (size_t i = 0; i < WIDTH; i++) two[i * 4 + NEXT] = 0.0f;
    for (size_t i = 0; i < DIGIT_CLASSES; i++) three[NEXT * DIGIT_CLASSES + i] = 0.0f;
    two[UNIT * 4 + NEXT] = amount;
    three[NEXT * DIGIT_CLASSES] = 3e38f;
}

static void a_spoilt_parameter_is_found_by_the_gradient(void **state) {
    (void)state;
    static const char *const keys[] = {DEEP "training.check_replicas=0",
                                       DEEP "training.check_replicas=0 training.accumulate=4"};
    for (size_t i = 0; i < 2; i++) {
        char line[LINE];
        Replica *replica = start(keys[i]);
        assert_on_all_ranks(replica->trainer->has_late == (i == 0));
        if (comm_rank(comm) == spoiler()) spoil_path(replica, 1e6f);
        expect_spoilt(line, replica, "gradient");
        expect_failure(replica, line);
        stop(replica);
    }
}

/* Each shard's part is some 1e38. */
static void a_sum_that_overflows_is_told_apart(void **state) {
    (void)state;
    Replica *replica = start(DEEP);
    for (size_t i = 0; i < ROWS; i++) replica->images[i * DIGIT_PIXELS] = 255;
    spoil_path(replica, 4.0f);
    weights(replica, 4)[0] = 5.0f; /* class 0 is what the network says */
    expect_failure(replica, "step 1: the sum of the shards' gradients is not finite, though each "
                            "of them is when computed again: it overflowed, or this machine erred");
    stop(replica);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(one_sample_is_named),
    cmocka_unit_test(a_rank_is_named),
    cmocka_unit_test(a_spoilt_parameter_is_found_by_the_loss),
    cmocka_unit_test(a_spoilt_parameter_is_found_by_the_gradient),
    cmocka_unit_test(a_sum_that_overflows_is_told_apart),
};

RUN_ON_RANKS(tests, NULL, NULL)
