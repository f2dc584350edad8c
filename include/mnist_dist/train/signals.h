/* Requests by signal: TERM, INT and USR1 ask for a checkpoint and a stop, USR2 for a checkpoint.
 * And by the clock: a stop, when a run's time is up.
 *
 * A handler only sets a flag. A signal may reach one rank and not another (Slurm signals a batch
 * script or the ranks of one node only), so the flags travel with each step's tallies and all
 * ranks act on the largest: see trainer.h. */
#pragma once

#include <stdbool.h>

typedef enum Request {
    REQUEST_NONE,
    REQUEST_CHECKPOINT,
    REQUEST_STOP,
    REQUEST_UNREADABLE /* no signal: a rank cannot read the rows of the step */
} Request;

/* Installs the handlers; called before MPI starts, since a signal may come at once. */
void signals_install(void);

/* What this rank was asked for. A request for a checkpoint is forgotten by signals_done; one to
 * stop stays. */
Request signals_pending(void);
void signals_done(void);

/* From this moment of clock_seconds on a stop is pending; INFINITY, as at the start: never. */
void signals_stop_at(double when);

/* For evaluator_new: a stop is pending. */
bool signals_stop_pending(void);

/* "by a signal" or "to end within its time": why this rank asks for a stop; the former if it does
 * not. */
const char *signals_stop_reason(void);
