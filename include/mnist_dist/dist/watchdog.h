/* Ends a job of which a rank hangs, which MPI never would.
 *
 * Each rank has a thread that looks a few times a second at the heartbeats (base/heartbeat.h) of
 * all ranks of its node, in memory that they share. A rank that has made no progress for so many
 * seconds while it was not waiting for others, or whose process does not run at all, is named in
 * one line on standard error and in the run's log, and the process that saw it ends with
 * STATUS_HUNG, whereupon the launcher kills the rest. Where all ranks of a node wait, the fault is
 * elsewhere: they say so, but later, so that the culprit's node comes first. A job that was stopped
 * and continued as a whole has not hung: who did not look for a while starts counting anew. Time is
 * CLOCK_MONOTONIC. */
#pragma once

#include "mnist_dist/base/status.h"
#include "mnist_dist/dist/comm.h"

/* **Collective.** Starts the thread, once a process, and has the ranks watched from now on. Nobody
 * is judged before watchdog_limit. */
Status watchdog_start(Comm *comm);

/* After so many seconds without progress a rank is taken to hang; 0: never. `log` is the file that
 * the line is appended to; "": none. Does nothing if no watchdog was started. */
void watchdog_limit(double seconds, const char *log);

/* The ranks are not watched any more, and the memory may go; this process's own way to its end is,
 * which leads through a wait for all others. Harmless if no watchdog was started. */
void watchdog_leave(void);
