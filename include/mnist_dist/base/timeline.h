/* What the threads of this process did, and when: for a picture of a run (train --timeline).
 *
 * Events stand in one piece of memory, allocated before the first of them; a thread that has
 * something to add takes the next place by an atomic addition. Once it is full, what comes later is
 * counted and left out, so that the picture shows a run's begin without gaps. While nobody records,
 * a call costs a branch. Refused: begins and ends as events of their own, of which a full memory
 * would part the pairs; a memory for each thread, of which most would be full early and the others
 * stay empty. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "mnist_dist/base/clock.h"
#include "mnist_dist/base/status.h"

/* What an event may be: a Phase, or one of these. */
typedef enum TimelineWhat {
    TIMELINE_STEP = PHASE_NAMES, /* a whole one: its number says which */
    TIMELINE_WORK,               /* a thread of the pool has tasks */
    TIMELINE_WRITE,              /* files are written beside the training */
    TIMELINE_WAIT,               /* for other ranks */
    TIMELINE_TRANSFER,           /* for messages, on their way or not even sent */
    TIMELINE_SUM,                /* gradients cross to other nodes, and theirs come */
    TIMELINE_GATHER,             /* likewise parameters */
    TIMELINE_NAMES
} TimelineWhat;

typedef struct TimelineEvent {
    double begin, end; /* of clock_seconds */
    uint16_t what;     /* a Phase or a TimelineWhat */
    uint16_t thread;   /* by timeline_thread_name */
    uint32_t number;
} TimelineEvent;

/* Begins to record, of so many events at most; the caller's thread is the first, "main". To be
 * called before the others are started. STATUS_FAILED without memory. */
Status timeline_start(size_t capacity);

/* Ends it and forgets all. The other threads have ended. */
void timeline_stop(void);

/* The calling thread's events count from now on, under a name such as "worker 2" (0: without a
 * number). Does nothing while nobody records; threads and rows beyond the 64th are not recorded. */
void timeline_enter(const char *name, size_t number);

/* The calling thread did this from `begin` to `end`, times of clock_seconds. */
void timeline_add(unsigned what, uint32_t number, double begin, double end);

/* A row for what is no thread's, such as messages that are under way at the same time as others;
 * and what it did. The number of a row is 0 while nobody records, and nothing is added to it. */
unsigned timeline_row(const char *name, size_t number);
void timeline_add_in(unsigned row, unsigned what, uint32_t number, double begin, double end);

/* What was recorded: to be read when the other threads have ended. */
size_t timeline_thread_count(void);
const char *timeline_thread_name(size_t thread);
TimelineEvent *timeline_events(size_t *count, size_t *left_out);

/* "forward", "wait" ...; and "compute", "communication", "waiting", "files" or "step". */
const char *timeline_name(unsigned what);
const char *timeline_kind(unsigned what);
