/* Sleeping on a number in memory that processes share (futex(2)). */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

/* Sleeps while *number is `value`, until it is woken or so many nanoseconds (below 1e9) have
 * passed. The kernel compares before it sleeps, so no waking is missed. */
void futex_sleep(_Atomic uint32_t *number, uint32_t value, long nanoseconds);

/* Wakes all who sleep on it: to be called after it has changed. */
void futex_wake(_Atomic uint32_t *number);
