/* Threads of one rank that share out numbered tasks.
 *
 * Which thread runs which task, and when, is left to chance; so a task's result may hang on its
 * number only, and each thread brings scratch of its own. Refused: OpenMP, whose runtime
 * ThreadSanitizer cannot see through. */
#pragma once

#include <stddef.h>

#include "mnist_dist/base/status.h"

typedef struct Pool Pool;

/* `threads` at least 1; the caller is one of them, so 1 starts no thread. */
Status pool_new(Pool **out, size_t threads);
void pool_destroy(Pool *pool);
size_t pool_threads(const Pool *pool);

/* Runs task(context, i, thread) for each i below `tasks`; thread is below pool_threads. Returns
 * when all are done. */
void pool_run(Pool *pool, size_t tasks, void (*task)(void *context, size_t i, size_t thread),
              void *context);
