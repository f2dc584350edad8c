/* Which of a node's ranks no longer goes on, judged from their heartbeats; for watchdog.c. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "mnist_dist/base/heartbeat.h"

/* What has been seen of one rank: its counters, and when they last moved. */
typedef struct Sight {
    uint64_t beats, looks;
    double beaten, looked;
} Sight;

typedef struct Watch {
    Sight *sights; /* (count) */
    size_t count;
    double last; /* when it was last looked; below 0: never */
} Watch;

typedef enum Verdict {
    VERDICT_FINE,
    VERDICT_STUCK,  /* the process runs, but makes no progress, and waits for nobody */
    VERDICT_HALTED, /* the process does not run */
    VERDICT_WAITS   /* all of the node wait for ranks elsewhere, or for each other */
} Verdict;

/* Looks at the heartbeats at time `now`. *culprit is the rank that has been silent for longest
 * (VERDICT_WAITS: for the shortest time) and *silent for how many seconds. A rank may be silent for
 * `limit` seconds. All may wait for half as long again, and a little, so that the node where the
 * fault lies speaks first. Who has not looked for more than `gap` seconds was itself not running,
 * perhaps with all the others, and begins anew. */
Verdict watch_look(Watch *watch, const Heartbeat beats[], double now, double limit, double gap,
                   size_t *culprit, double *silent);
