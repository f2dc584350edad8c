/* Ranks' parameters, compared: a copy with one other bit is found and named before anything comes
 * of it. Where there is one copy, there is nothing to differ. */
#include "replica.h"

#include <math.h>

static const char EVERY_STEP[] = "training.check_replicas=1";

/* Flips a bit of this rank's copy. */
static void flip(Replica *replica) {
    uint32_t bits;
    memcpy(&bits, replica->trainer->params + 5, sizeof bits);
    bits ^= 1u;
    memcpy(replica->trainer->params + 5, &bits, sizeof bits);
}

static bool has_copies(const Replica *replica) {
    return !gradsync_is_shared(replica->trainer->sync) && comm_size(comm) > 1;
}

/* Whether the line names this rank. */
static bool names(int rank) {
    char text[32];
    snprintf(text, sizeof text, "rank %d (host ", rank);
    return strstr(status_message(), text) != NULL;
}

/* How many ranks share the copies of the last `nodes` nodes. */
static int ranks_of_last(int nodes) {
    return comm_size(comm) - comm_node_begin(comm, comm_node_count(comm) - nodes);
}

/* Whether this rank is to spoil its node's copy: the first of the last `nodes` nodes' ranks. */
static bool spoils(int nodes) {
    return comm_node(comm) >= comm_node_count(comm) - nodes && comm_node_rank(comm) == 0;
}

/* Whether it names ranks first .. size - 1 and no others. */
static bool names_from(int first) {
    bool right = true;
    for (int r = 0; r < comm_size(comm); r++) right = right && names(r) == (r >= first);
    if (!right) fprintf(stderr, "%s\n", status_message());
    return right;
}

/* **Collective.** Whether the line is right, the last `nodes` nodes having another copy. */
static void expect_named(Status status, int nodes) {
    int odd = ranks_of_last(nodes);
    bool outvoted = 2 * odd < comm_size(comm);
    bool right = names_from(outvoted ? comm_size(comm) - odd : 0);
    bool one_line = strchr(status_message(), '\n') == NULL;
    status_clear();
    assert_on_all_ranks(status == STATUS_HUNG);
    assert_on_all_ranks(right && one_line);
}

static void equal_copies_pass(void **state) {
    (void)state;
    Replica *replica = start(EVERY_STEP);
    make_steps(replica, 4);
    assert_on_all_ranks(trainer_check(replica->trainer) == STATUS_OK);
    stop(replica);
}

static void an_odd_copy_is_named_before_a_checkpoint(void **state) {
    (void)state;
    for (int odd = 1; odd <= 2; odd++) {
        if (odd == 2 && (comm_node_count(comm) < 3 || 2 * ranks_of_last(2) > comm_size(comm)))
            continue;
        Replica *replica = start("");
        make_steps(replica, 1);
        if (spoils(odd) && has_copies(replica)) flip(replica);
        comm_barrier(comm);
        Status status = trainer_check(replica->trainer);
        if (has_copies(replica))
            expect_named(status, odd);
        else
            assert_on_all_ranks(status == STATUS_OK);
        stop(replica);
    }
}

static void an_odd_copy_is_named_in_a_step(void **state) {
    (void)state;
    Request request;
    Replica *replica = start("training.check_replicas=3");
    make_steps(replica, 2);
    if (spoils(1) && has_copies(replica)) flip(replica);
    comm_barrier(comm);
    float kept = replica->trainer->params[5];
    comm_barrier(comm);
    Status status = trainer_step(replica->trainer, &request);
    if (has_copies(replica)) {
        expect_named(status, 1);
        assert_on_all_ranks(replica->trainer->params[5] == kept);
        assert_on_all_ranks(replica->trainer->progress.step == 2);
    } else {
        assert_on_all_ranks(status == STATUS_OK);
    }
    stop(replica);
}

/* Not a divergence: going back would not help. */
static void an_odd_copy_without_numbers_is_named_as_odd(void **state) {
    (void)state;
    Request request;
    Replica *replica = start("");
    if (spoils(1)) replica->trainer->params[5] = NAN;
    bool copies = has_copies(replica);
    comm_barrier(comm);
    Status status = trainer_step(replica->trainer, &request);
    if (copies) expect_named(status, 1);
    status_clear();
    assert_on_all_ranks(copies || status == STATUS_DIVERGED);
    stop(replica);
}

static void nothing_is_compared_where_that_is_asked_for(void **state) {
    (void)state;
    Request request;
    Replica *replica = start("training.check_replicas=0");
    if (comm_rank(comm) == 0) flip(replica);
    comm_barrier(comm);
    assert_on_all_ranks(trainer_check(replica->trainer) == STATUS_OK);
    assert_on_all_ranks(trainer_step(replica->trainer, &request) == STATUS_OK);
    stop(replica);
}

/* In the last number of the last rank that has any: its slice is its own. */
static void what_is_no_number_may_not_be_written_down(void **state) {
    (void)state;
    Replica *replica = start("average.kind=ema");
    Trainer *trainer = replica->trainer;
    float *const vectors[] = {trainer->params, trainer->slots[0], trainer->slots[1],
                              trainer->average};
    static const char *const names[] = {"the parameters", "the optimizer's momentum",
                                        "the optimizer's velocity",
                                        "the average of the parameters"};
    size_t last = model_parameter_count(replica->model) - 1;
    make_steps(replica, 1);
    for (size_t i = 0; i < 4; i++) {
        char expected[128];
        bool writes = comm_node_rank(comm) == 0;
        float kept = vectors[i][last];
        comm_barrier(comm);
        if (writes) vectors[i][last] = i % 2 == 0 ? NAN : INFINITY;
        comm_barrier(comm);
        Status status = trainer_check(trainer);
        snprintf(expected, sizeof expected, "after step 1: %s: number %zu is not finite", names[i],
                 last);
        bool right = strstr(status_message(), expected) != NULL;
        status_clear();
        comm_barrier(comm);
        if (writes) vectors[i][last] = kept;
        assert_on_all_ranks(status == STATUS_DIVERGED && right);
    }
    assert_on_all_ranks(trainer_check(trainer) == STATUS_OK);
    stop(replica);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(equal_copies_pass),
    cmocka_unit_test(an_odd_copy_is_named_before_a_checkpoint),
    cmocka_unit_test(an_odd_copy_is_named_in_a_step),
    cmocka_unit_test(an_odd_copy_without_numbers_is_named_as_odd),
    cmocka_unit_test(nothing_is_compared_where_that_is_asked_for),
    cmocka_unit_test(what_is_no_number_may_not_be_written_down),
};

RUN_ON_RANKS(tests, NULL, NULL)
