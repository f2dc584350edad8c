/* Threads of our own, which leave signals to the main thread. */
#pragma once

#include <pthread.h>

/* Starts work(context) in a thread in which all signals are blocked: a handler runs where somebody
 * looks at what it sets. Returns 0, or the error's number, as pthread_create does. */
int thread_start(pthread_t *thread, void *(*work)(void *context), void *context);
