/* Beats: see heartbeat.h. All of them relaxed, since nothing is handed over by them. */
#include "mnist_dist/base/heartbeat.h"

#include <stddef.h>

static Heartbeat nowhere;
static _Atomic(Heartbeat *) current = &nowhere;

#define LOAD(place) atomic_load_explicit(&(place), memory_order_relaxed)
#define STORE(place, value) atomic_store_explicit(&(place), (value), memory_order_relaxed)
#define ADD(place, value) atomic_fetch_add_explicit(&(place), (value), memory_order_relaxed)

static Heartbeat *own(void) {
    return atomic_load_explicit(&current, memory_order_acquire);
}

void heartbeat_use(Heartbeat *slot) {
    Heartbeat *before = own(), *after = slot != NULL ? slot : &nowhere;
    STORE(after->step, LOAD(before->step));
    STORE(after->phase, LOAD(before->phase));
    STORE(after->waiting, LOAD(before->waiting));
    STORE(after->speaking, LOAD(before->speaking));
    atomic_store_explicit(&current, after, memory_order_release);
}

void heartbeat_beat(void) {
    ADD(own()->beats, 1);
}

void heartbeat_phase(Phase phase) {
    STORE(own()->phase, (uint32_t)phase);
    heartbeat_beat();
}

void heartbeat_step(uint64_t step) {
    STORE(own()->step, step);
}

void heartbeat_waits(void) {
    ADD(own()->waiting, 1);
}

void heartbeat_goes_on(void) {
    ADD(own()->waiting, UINT32_MAX);
    heartbeat_beat();
}

void heartbeat_speaks(void) {
    ADD(own()->speaking, 1);
}

void heartbeat_has_spoken(void) {
    ADD(own()->speaking, UINT32_MAX);
    heartbeat_beat();
}
