/* Which process it is: a name that no other process has, on this machine or another, now or later.
 *
 * A number alone recurs, so it goes with the time of the process's start (clock ticks after boot:
 * field 22 of /proc/PID/stat, see proc(5)), the kernel's boot id, and the PID namespace that the
 * number belongs to. Refused: host names alone, which containers of one machine have several of. */
#pragma once

#include <stdbool.h>

typedef struct ProcessName {
    char host[256];
    long pid;
    unsigned long long started;
    char boot[64], space[64]; /* "unknown" where /proc does not say */
} ProcessName;

void process_name(ProcessName *own);

/* What can be said of a process by one that is called `own`. */
typedef enum ProcessLife {
    PROCESS_ALIVE,
    PROCESS_GONE,
    PROCESS_UNSEEN /* it is of another host or container: nothing can be said */
} ProcessLife;
ProcessLife process_life(const ProcessName *name, const ProcessName *own);

/* Whether there is a process of this number here that has not ended; a zombie has. */
bool process_is_running(long pid);
