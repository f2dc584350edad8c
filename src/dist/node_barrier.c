/* A barrier of two counters: see node_barrier.h.
 *
 * The last to arrive opens the next round. A waiter yields some times first, since ranks that have
 * had the same work arrive together, then sleeps on the round's number (futex). */
#include "dist/node_barrier.h"

#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { YIELDS = 20, NAP_NANOSECONDS = 10000000 };

static void open_round(NodeBarrier *barrier) {
    atomic_store_explicit(&barrier->arrived, 0, memory_order_relaxed);
    atomic_fetch_add_explicit(&barrier->round, 1, memory_order_release);
    syscall(SYS_futex, &barrier->round, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static bool is_round(NodeBarrier *barrier, uint32_t round) {
    return atomic_load_explicit(&barrier->round, memory_order_acquire) == round;
}

/* The kernel goes to sleep only if the round is still on, so no waking is missed. */
static void nap(NodeBarrier *barrier, uint32_t round) {
    const struct timespec most = {.tv_nsec = NAP_NANOSECONDS};
    syscall(SYS_futex, &barrier->round, FUTEX_WAIT, round, &most, NULL, 0);
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
        nap(barrier, round);
        idle();
    }
}
