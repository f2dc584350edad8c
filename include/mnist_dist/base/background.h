/* One task at a time in a thread of its own, while the caller goes on.
 *
 * The task's outcome is handed over with its line of text, which belongs to the thread that it was
 * recorded in (status.h). Refused: a pool's worker, whose caller waits; a queue, since who starts a
 * task while another is under way should notice. */
#pragma once

#include <stdbool.h>

#include "mnist_dist/base/status.h"

typedef struct Background Background;

Status background_new(Background **out);

/* Waits for the task under way; its outcome is lost unless background_wait was called. NULL is
 * fine. */
void background_destroy(Background *background);

/* Starts task(context). No other may be under way: background_wait comes first. The context is the
 * task's until then. */
void background_start(Background *background, Status (*task)(void *context), void *context);

/* Whether no task is under way: background_wait would not wait. */
bool background_is_idle(const Background *background);

/* Waits for the task under way, if any, and returns its outcome with the line pending on this
 * thread; STATUS_OK if there was none, or if its outcome was taken before. */
Status background_wait(Background *background);
