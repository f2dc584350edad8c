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

#include "mnist_dist/dist/comm.h"

static Comm *comm;

static inline void assert_on_all_ranks_at(bool good, const char *what, const char *file, int line) {
    if (!good) fprintf(stderr, "%s:%d: rank %d: not so: %s\n", file, line, comm_rank(comm), what);
    int bad = comm_max(comm, good ? 0 : 1);
    if (bad != 0) fail_msg("%s:%d: not so on some rank: %s", file, line, what);
}

#define assert_on_all_ranks(good) assert_on_all_ranks_at((good), #good, __FILE__, __LINE__)

/* Runs the group on all ranks; all end together, then the exit code tells. */
#define RUN_ON_RANKS(tests)                                                                        \
    int main(int argc, char **argv) {                                                              \
        if (comm_start(&comm, &argc, &argv) != STATUS_OK) return 1;                                \
        int failed = cmocka_run_group_tests(tests, NULL, NULL);                                    \
        comm_barrier(comm);                                                                        \
        comm_finish(comm);                                                                         \
        return failed != 0;                                                                        \
    }
