/* cmocka on many ranks. A rank that fails alone would leave the others waiting in their next
 * collective, so ranks compare notes first and fail together: every test makes its calls, then
 * checks with assert_on_all_ranks. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "dist/comm_limit.h"
#include "mnist_dist/dist/comm.h"

static Comm *comm;

static inline void assert_on_all_ranks_at(bool good, const char *what, const char *file, int line) {
    if (!good) fprintf(stderr, "%s:%d: rank %d: not so: %s\n", file, line, comm_rank(comm), what);
    int bad = comm_max(comm, good ? 0 : 1);
    if (bad != 0) fail_msg("%s:%d: not so on some rank: %s", file, line, what);
}

#define assert_on_all_ranks(good) assert_on_all_ranks_at((good), #good, __FILE__, __LINE__)

/* Runs the group on all ranks: as one node, as nodes of three, and with each rank a node of its
 * own. All end together, then the exit code tells. */
#define RUN_ON_RANKS(tests, setup, teardown)                                                       \
    int main(int argc, char **argv) {                                                              \
        static const int node_ranks[] = {0, 3, 1};                                                 \
        int failed = 0;                                                                            \
        if (comm_start(&comm, &argc, &argv) != STATUS_OK) return 1;                                \
        for (int i = 0; i < 3; i++) {                                                              \
            if (comm_limit_node(comm, node_ranks[i]) != STATUS_OK) return 1;                       \
            if (comm_rank(comm) == 0) fprintf(stderr, "ranks a node: %d\n", comm_node_size(comm)); \
            failed += cmocka_run_group_tests(tests, setup, teardown);                              \
        }                                                                                          \
        comm_barrier(comm);                                                                        \
        comm_finish(comm);                                                                         \
        return failed != 0;                                                                        \
    }
