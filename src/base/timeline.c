/* Events in one memory, at places that threads take one after the other; see timeline.h. */
#include "mnist_dist/base/timeline.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "mnist_dist/base/memory.h"

enum { THREADS = 65, NAME = 24 }; /* thread 0 is whoever has not entered */

static struct {
    TimelineEvent *events; /* (capacity); NULL: nobody records */
    size_t capacity;
    _Atomic size_t next;
    _Atomic uint32_t threads; /* that have entered */
    char names[THREADS][NAME];
} line;

static _Thread_local uint32_t own;

Status timeline_start(size_t capacity) {
    Status status = MEMORY_NEW(&line.events, capacity);
    if (status != STATUS_OK) return status;
    line.capacity = capacity;
    atomic_store(&line.next, 0);
    atomic_store(&line.threads, 0);
    timeline_enter("main", 0);
    return STATUS_OK;
}

void timeline_stop(void) {
    free(line.events);
    line.events = NULL;
    line.capacity = 0;
    atomic_store(&line.next, 0);
    own = 0;
}

unsigned timeline_row(const char *name, size_t number) {
    if (line.events == NULL) return 0;
    uint32_t row = atomic_fetch_add(&line.threads, 1) + 1;
    if (row >= THREADS) return 0;
    if (number > 0)
        snprintf(line.names[row], NAME, "%.12s %zu", name, number % 1000);
    else
        snprintf(line.names[row], NAME, "%s", name);
    return row;
}

void timeline_enter(const char *name, size_t number) {
    own = timeline_row(name, number);
}

void timeline_add(unsigned what, uint32_t number, double begin, double end) {
    timeline_add_in(own, what, number, begin, end);
}

void timeline_add_in(unsigned row, unsigned what, uint32_t number, double begin, double end) {
    if (row == 0) return;
    size_t place = atomic_fetch_add_explicit(&line.next, 1, memory_order_relaxed);
    if (place >= line.capacity) return;
    line.events[place] = (TimelineEvent){begin, end, (uint16_t)what, (uint16_t)(row - 1), number};
}

size_t timeline_thread_count(void) {
    size_t count = atomic_load(&line.threads);
    return count < THREADS ? count : THREADS - 1;
}

const char *timeline_thread_name(size_t thread) {
    return line.names[thread + 1];
}

TimelineEvent *timeline_events(size_t *count, size_t *left_out) {
    size_t added = atomic_load(&line.next);
    *count = added < line.capacity ? added : line.capacity;
    *left_out = added - *count;
    return line.events;
}

const char *timeline_name(unsigned what) {
    static const char *const names[TIMELINE_NAMES] = {
        [TIMELINE_STEP] = "step",     [TIMELINE_WORK] = "work",         [TIMELINE_WRITE] = "write",
        [TIMELINE_WAIT] = "wait",     [TIMELINE_TRANSFER] = "transfer", [TIMELINE_SUM] = "sum",
        [TIMELINE_GATHER] = "gather",
    };
    return what < PHASE_NAMES ? phase_name((Phase)what) : names[what];
}

const char *timeline_kind(unsigned what) {
    switch (what) {
    case PHASE_SYNC:
    case TIMELINE_TRANSFER:
    case TIMELINE_SUM:
    case TIMELINE_GATHER:
        return "communication";
    case TIMELINE_WAIT:
        return "waiting";
    case PHASE_START:
    case PHASE_CHECKPOINT:
    case TIMELINE_WRITE:
        return "files";
    case TIMELINE_STEP:
        return "step";
    default:
        return "compute";
    }
}
