/* What this process is doing, for whoever watches whether it still does anything (dist/watchdog.h).
 *
 * A phase that begins, a block of a long one, and the end of a wait are beats. They cost an
 * addition to a counter, so they can stand wherever work begins; until somebody watches they go
 * nowhere. Refused: a deadline for each phase, since how long one takes hangs on data, model and
 * machine. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include "mnist_dist/base/clock.h"

/* One process's; zeroed before use. Any thread of it may write, and any process read. */
typedef struct Heartbeat {
    _Alignas(64) _Atomic uint64_t beats;
    _Atomic uint64_t step;     /* that was begun last, from 1 */
    _Atomic uint64_t looks;    /* of its own watchdog, by which a stopped process is known */
    _Atomic uint32_t phase;    /* a Phase */
    _Atomic uint32_t waiting;  /* above 0: for other ranks */
    _Atomic uint32_t speaking; /* above 0: for who reads its output, for as long as that takes */
    _Atomic uint32_t left;     /* it is no longer to be watched */
    int32_t rank;              /* these two are written before anybody reads */
    int64_t process;
} Heartbeat;

/* Beats go to `slot` from now on, which goes on where the last one stood; NULL: nowhere. */
void heartbeat_use(Heartbeat *slot);

/* A phase begins; it goes on; a step begins. */
void heartbeat_phase(Phase phase);
void heartbeat_beat(void);
void heartbeat_step(uint64_t step);

/* Around whatever waits for other ranks: for that they come, or for the bytes of their messages;
 * may be nested. */
void heartbeat_waits(void);
void heartbeat_transfers(void);
void heartbeat_goes_on(void);

/* Seconds that the calling thread has spent so, both together, since it began. Once it has been
 * said that processors are shared, this includes those in which it was ready to run but had none:
 * a microsecond more for each wait. */
double heartbeat_waited(void);
void heartbeat_shares_processors(void);

/* Around whatever waits for the reader of a terminal or a pipe. */
void heartbeat_speaks(void);
void heartbeat_has_spoken(void);
