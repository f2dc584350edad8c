/* Beats: see heartbeat.h. All of them relaxed, since nothing is handed over by them. */
#include "mnist_dist/base/heartbeat.h"

#include <stdbool.h>
#include <stddef.h>

#include "mnist_dist/base/timeline.h"

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

/* The calling thread's waits: those that are nested count once. */
static _Thread_local struct {
    unsigned depth, what;
    double since, seconds;
    bool shares;
    int queue;     /* clock_open_queue, if it shares processors ... */
    double queued; /* ... and what that told when the last wait ended */
} wait;

/* Seconds without a processor since the last wait. */
static double queued_since(void) {
    return wait.shares ? clock_queue_seconds(wait.queue) - wait.queued : 0.0;
}

void heartbeat_shares_processors(void) {
    if (wait.shares) return;
    wait.queue = clock_open_queue();
    wait.queued = clock_queue_seconds(wait.queue);
    wait.shares = wait.queue >= 0;
}

static void wait_as(TimelineWhat what) {
    if (wait.depth++ == 0) {
        wait.what = what;
        wait.seconds += queued_since();
        wait.since = clock_seconds();
    }
    ADD(own()->waiting, 1);
}

void heartbeat_waits(void) {
    wait_as(TIMELINE_WAIT);
}

void heartbeat_transfers(void) {
    wait_as(TIMELINE_TRANSFER);
}

static void end_wait(void) {
    double now = clock_seconds();
    wait.seconds += now - wait.since;
    wait.queued += queued_since();
    timeline_add(wait.what, 0, wait.since, now);
}

double heartbeat_waited(void) {
    return wait.seconds + (wait.depth == 0 ? queued_since() : 0.0);
}

void heartbeat_goes_on(void) {
    if (--wait.depth == 0) end_wait();
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
