/* A barrier of two counters: see node_barrier.h.
 *
 * The last to arrive opens the next round. A waiter yields some times first, since ranks that have
 * had the same work arrive together, then sleeps on the round's number (futex). */
#include "dist/node_barrier.h"

#include <sched.h>
#include <stdbool.h>

#include "dist/futex.h"

enum { YIELDS = 20, NAP_NANOSECONDS = 10000000 };

static void open_round(NodeBarrier *barrier) {
    atomic_store_explicit(&barrier->arrived, 0, memory_order_relaxed);
    atomic_fetch_add_explicit(&barrier->round, 1, memory_order_release);
    futex_wake(&barrier->round);
}

static bool is_round(NodeBarrier *barrier, uint32_t round) {
    return atomic_load_explicit(&barrier->round, memory_order_acquire) == round;
}

void node_barrier_wait(NodeBarrier *barrier, uint32_t ranks, void (*idle)(void)) {
    uint32_t round = atomic_load_explicit(&barrier->round, memory_order_acquire);
    uint32_t before = atomic_fetch_add_explicit(&barrier->arrived, 1, memory_order_acq_rel);
    if (before + 1 == ranks) {
        open_round(barrier);
        return;
    }
    for (int i = 0; i < YIELDS && is_round(barrier, round); i++) sched_yield();
    while (is_round(barrier, round)) {
        futex_sleep(&barrier->round, round, NAP_NANOSECONDS);
        idle();
    }
}
