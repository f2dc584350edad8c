/* Ranks agree, copy, gather and exchange; also with messages cut into small parts. */
#include "ranks.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/status.h"
#include "mnist_dist/dist/gradsync.h"

enum { USUAL_LIMIT = 1 << 30, SMALL_LIMIT = 7, PART = 1000 };

static const size_t limits[] = {USUAL_LIMIT, SMALL_LIMIT};

static int restore_limit(void **state) {
    (void)state;
    comm_limit_messages(comm, USUAL_LIMIT);
    status_clear();
    return 0;
}

static unsigned char byte_at(size_t i) {
    return (unsigned char)(i * 31 + i / 256 + 1);
}

static bool holds(const unsigned char *bytes, size_t begin, size_t end) {
    for (size_t i = begin; i < end; i++) {
        if (bytes[i] != byte_at(i)) return false;
    }
    return true;
}

static bool is_zero(const unsigned char *bytes, size_t begin, size_t end) {
    for (size_t i = begin; i < end; i++) {
        if (bytes[i] != 0) return false;
    }
    return true;
}

static void all_agree_when_nobody_fails(void **state) {
    (void)state;
    assert_on_all_ranks(comm_agree(comm, STATUS_OK) == STATUS_OK);
    assert_on_all_ranks(strcmp(status_message(), "") == 0);
}

static void failure_of_last_rank_reaches_all(void **state) {
    (void)state;
    int last = comm_size(comm) - 1;
    char expected[64] = "row 7 is bad";
    if (last > 0) snprintf(expected, sizeof expected, "rank %d: row 7 is bad", last);
    Status mine = STATUS_OK;
    if (comm_rank(comm) == last) mine = status_fail(STATUS_DATA, "row %d is bad", 7);
    assert_on_all_ranks(comm_agree(comm, mine) == STATUS_DATA);
    assert_on_all_ranks(strcmp(status_message(), expected) == 0);
}

static void lowest_of_several_failures_wins(void **state) {
    (void)state;
    int lowest = comm_size(comm) > 2 ? 1 : 0;
    int rank = comm_rank(comm);
    const char *expected = lowest == 0 ? "failure of 0" : "rank 1: failure of 1";
    Status mine = STATUS_OK;
    if (rank == lowest) mine = status_fail(STATUS_CHECKPOINT, "failure of %d", rank);
    if (rank > lowest) mine = status_fail(STATUS_USAGE, "failure of %d", rank);
    assert_on_all_ranks(comm_agree(comm, mine) == STATUS_CHECKPOINT);
    assert_on_all_ranks(strcmp(status_message(), expected) == 0);
}

static void largest_value_is_found(void **state) {
    (void)state;
    int size = comm_size(comm);
    int rank = comm_rank(comm);
    assert_on_all_ranks(comm_max(comm, rank * 10) == (size - 1) * 10);
    assert_on_all_ranks(comm_max(comm, -1 - rank) == -1);
}

static void broadcast_copies_from_any_root(void **state) {
    (void)state;
    for (size_t l = 0; l < 2; l++) {
        comm_limit_messages(comm, limits[l]);
        for (int root = 0; root < comm_size(comm); root++) {
            unsigned char bytes[PART + 1] = {0};
            for (size_t i = 0; i < PART && comm_rank(comm) == root; i++) bytes[i] = byte_at(i);
            comm_broadcast(comm, bytes, PART, root);
            assert_on_all_ranks(holds(bytes, 0, PART));
            assert_on_all_ranks(bytes[PART] == 0);
        }
    }
}

/* Parts of 0, 17, 34 ... bytes; each rank fills its own. */
static size_t make_parts(unsigned char **bytes, size_t ends[], Range *mine) {
    size_t total = 0;
    for (int r = 0; r < comm_size(comm); r++) {
        if (r == comm_rank(comm)) mine->begin = total;
        total += (size_t)r * 17;
        if (r == comm_rank(comm)) mine->end = total;
        ends[r] = total;
    }
    *bytes = memory_zeroed(total, 1);
    assert_non_null(*bytes);
    for (size_t i = mine->begin; i < mine->end; i++) (*bytes)[i] = byte_at(i);
    return total;
}

static void allgather_brings_uneven_parts_to_all(void **state) {
    (void)state;
    for (size_t l = 0; l < 4; l++) {
        comm_limit_messages(comm, limits[l % 2]);
        comm_limit_peers(comm, l < 2 ? 64 : 1);
        unsigned char *bytes = NULL;
        size_t ends[64];
        Range mine;
        size_t total = make_parts(&bytes, ends, &mine);
        comm_allgather(comm, bytes, ends);
        assert_on_all_ranks(holds(bytes, 0, total));
        free(bytes);
    }
}

/* Whether each byte is what it is to be, or was never written. */
static bool holds_or_is_zero(const unsigned char *bytes, size_t begin, size_t end) {
    for (size_t i = begin; i < end; i++)
        if (bytes[i] != 0 && bytes[i] != byte_at(i)) return false;
    return true;
}

static void gather_brings_uneven_parts_to_rank_0(void **state) {
    (void)state;
    for (size_t l = 0; l < 2; l++) {
        comm_limit_messages(comm, limits[l]);
        unsigned char *bytes = NULL;
        size_t ends[64];
        Range mine;
        size_t total = make_parts(&bytes, ends, &mine);
        comm_scope_gather(comm, COMM_RANKS, bytes, ends);
        Range filled = comm_rank(comm) == 0 ? (Range){0, total} : mine;
        assert_on_all_ranks(holds_or_is_zero(bytes, 0, filled.begin));
        assert_on_all_ranks(holds(bytes, filled.begin, filled.end));
        assert_on_all_ranks(holds_or_is_zero(bytes, filled.end, total));
        free(bytes);
    }
}

/* Two pieces from everyone to everyone; the number tells from whom, to whom and which. */
static float piece_value(int from, int to, int which, size_t i) {
    return (float)(((from * 16 + to) * 2 + which) * PART) + (float)i;
}

static size_t piece_size(int to, int which) {
    return which == 0 ? PART : (size_t)to * 3;
}

static void post_pieces(CommFlight *flight, float *sent, float *received) {
    int me = comm_rank(comm);
    for (int i = 0; i < 2 * comm_size(comm); i++) {
        int other = i / 2, which = i % 2;
        float *from = received + i * PART, *to = sent + i * PART;
        if (other == me) continue;
        for (size_t k = 0; k < piece_size(other, which); k++)
            to[k] = piece_value(me, other, which, k);
        comm_flight_receive(flight, other, which, from, piece_size(me, which) * sizeof *from);
        comm_flight_send(flight, other, which, to, piece_size(other, which) * sizeof *to);
    }
}

static bool pieces_arrived(const float *received) {
    int me = comm_rank(comm);
    for (int i = 0; i < 2 * comm_size(comm); i++)
        for (size_t k = 0; k < piece_size(me, i % 2) && i / 2 != me; k++)
            if (received[(size_t)i * PART + k] != piece_value(i / 2, me, i % 2, k)) return false;
    return true;
}

static void flights_keep_pieces_apart(void **state) {
    (void)state;
    size_t most = 2 * (size_t)comm_size(comm);
    float *sent = memory_zeroed(most * PART, sizeof *sent);
    float *received = memory_zeroed(most * PART, sizeof *received);
    CommFlight *flight = NULL;
    assert_true(sent != NULL && received != NULL);
    assert_on_all_ranks(comm_flight_new(&flight, comm, COMM_RANKS) == STATUS_OK);
    for (size_t l = 0; l < 2; l++) {
        comm_limit_messages(comm, limits[l]);
        memset(received, 0, most * PART * sizeof *received);
        post_pieces(flight, sent, received);
        while (!comm_flight_has_landed(flight)) usleep(100);
        assert_on_all_ranks(pieces_arrived(received));
    }
    comm_flight_destroy(flight);
    free(sent);
    free(received);
}

static void merge_brings_everyones_bytes_to_all(void **state) {
    (void)state;
    for (size_t l = 0; l < 2; l++) {
        comm_limit_messages(comm, limits[l]);
        unsigned char *bytes = NULL;
        size_t ends[64];
        Range mine;
        size_t total = make_parts(&bytes, ends, &mine);
        comm_merge(comm, COMM_RANKS, bytes, total);
        assert_on_all_ranks(holds(bytes, 0, total));
        free(bytes);
    }
}

static void ranks_of_a_node_are_neighbours(void **state) {
    (void)state;
    int node = comm_node(comm), begin = comm_node_begin(comm, node);
    assert_on_all_ranks(comm_rank(comm) == begin + comm_node_rank(comm));
    assert_on_all_ranks(comm_node_begin(comm, node + 1) == begin + comm_node_size(comm));
    assert_on_all_ranks(comm_node_begin(comm, comm_node_count(comm)) == comm_size(comm));
    assert_on_all_ranks(comm_node_begin(comm, 0) == 0);
}

static void shared_memory_is_zeroed_and_seen_by_all(void **state) {
    (void)state;
    for (size_t bytes = 0; bytes < 200000; bytes = bytes * 3 + 1) {
        void *memory = NULL;
        assert_on_all_ranks(comm_shared(&memory, comm, bytes) == STATUS_OK);
        assert_on_all_ranks(memory != NULL && (uintptr_t)memory % MEMORY_ALIGNMENT == 0);
        unsigned char *shared = memory;
        assert_on_all_ranks(is_zero(shared, 0, bytes));
        comm_barrier(comm);
        for (size_t i = 0; i < bytes && comm_node_rank(comm) == 0; i++) shared[i] = byte_at(i);
        comm_barrier(comm);
        assert_on_all_ranks(holds(shared, 0, bytes));
        if (bytes % 2 == 0) comm_shared_free(comm, memory);
    }
    comm_shared_free(comm, NULL);
}

/* Each rank of a node in turn writes what the others then read. */
static void node_barrier_orders_writes_and_reads(void **state) {
    (void)state;
    enum { ROUNDS = 2000 };
    void *memory = NULL;
    int size = comm_node_size(comm), rank = comm_node_rank(comm);
    bool good = true;
    assert_on_all_ranks(comm_shared(&memory, comm, sizeof(int)) == STATUS_OK);
    int *number = memory;
    for (int round = 0; round < ROUNDS; round++) {
        if (round % size == rank) *number = round;
        if (round % 500 == rank) usleep(30000); /* longer than the others' naps */
        comm_node_barrier(comm);
        good = good && *number == round;
        comm_node_barrier(comm);
    }
    assert_on_all_ranks(good);
    comm_shared_free(comm, memory);
}

static void shared_memory_that_cannot_be_had_is_one_line_on_all_ranks(void **state) {
    (void)state;
    void *memory = NULL;
    assert_on_all_ranks(comm_shared(&memory, comm, (size_t)1 << 50) == STATUS_FAILED);
    assert_on_all_ranks(memory == NULL);
    assert_on_all_ranks(strlen(status_message()) > 0);
}

static void node_ranks_are_within_the_node(void **state) {
    (void)state;
    int rank = comm_node_rank(comm);
    assert_on_all_ranks(rank >= 0 && rank < comm_node_size(comm));
    assert_on_all_ranks(comm_node_size(comm) <= comm_size(comm));
    assert_on_all_ranks(comm_is_one_node(comm) == (comm_node_size(comm) == comm_size(comm)));
}

static void library_is_named_with_its_version(void **state) {
    (void)state;
    char text[64];
    comm_describe(text);
    assert_on_all_ranks(strlen(text) > 3 && strpbrk(text, "0123456789") != NULL);
    assert_on_all_ranks(strpbrk(text, ",\n\t") == NULL);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(all_agree_when_nobody_fails),
    cmocka_unit_test_teardown(failure_of_last_rank_reaches_all, restore_limit),
    cmocka_unit_test_teardown(lowest_of_several_failures_wins, restore_limit),
    cmocka_unit_test(largest_value_is_found),
    cmocka_unit_test_teardown(broadcast_copies_from_any_root, restore_limit),
    cmocka_unit_test_teardown(allgather_brings_uneven_parts_to_all, restore_limit),
    cmocka_unit_test_teardown(gather_brings_uneven_parts_to_rank_0, restore_limit),
    cmocka_unit_test_teardown(flights_keep_pieces_apart, restore_limit),
    cmocka_unit_test_teardown(merge_brings_everyones_bytes_to_all, restore_limit),
    cmocka_unit_test(ranks_of_a_node_are_neighbours),
    cmocka_unit_test(shared_memory_is_zeroed_and_seen_by_all),
    cmocka_unit_test(node_barrier_orders_writes_and_reads),
    cmocka_unit_test_teardown(shared_memory_that_cannot_be_had_is_one_line_on_all_ranks,
                              restore_limit),
    cmocka_unit_test(node_ranks_are_within_the_node),
    cmocka_unit_test(library_is_named_with_its_version),
};

RUN_ON_RANKS(tests, NULL, NULL)
