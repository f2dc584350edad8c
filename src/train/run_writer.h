/* Writing checkpoints, metrics and the page from a snapshot, in a thread of rank 0's own. */
#pragma once

#include "run_parts.h"

/* For a run whose model and trainer are made; both must outlive it. */
Status run_writer_new(RunWriter **out, const Run *run);

/* Waits for the write under way. NULL is fine. */
void run_writer_destroy(RunWriter *writer);

/* Copies what the checkpoint points at and starts to write it (and best.h5 first, if `best`). The
 * write before must have been waited for. */
Status run_writer_start(RunWriter *writer, const Checkpoint *now, bool best);

/* Whether no write is under way. */
bool run_writer_is_idle(const RunWriter *writer);

/* How long the longest write has taken so far, in seconds; while none is under way. */
double run_writer_longest(const RunWriter *writer);

/* Waits for the write under way, if any; its outcome, told once. */
Status run_writer_wait(RunWriter *writer);
