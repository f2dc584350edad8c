/* Time that only goes forward, and the time spent in each phase of a step. */
#pragma once

/* Seconds since some fixed moment, by CLOCK_MONOTONIC: unmoved by changes of the date. */
double clock_seconds(void);

/* Seconds that the calling thread has run on a processor. */
double clock_processor_seconds(void);

/* Seconds that it was ready to run but had no processor, as /proc/thread-self/schedstat tells: open
 * it for the thread, and close(2) it. -1 where the system does not tell; then they are 0. */
int clock_open_queue(void);
double clock_queue_seconds(int queue);

/* The date and time in UTC as 2026-01-31T12:34:56Z; `text` holds 21 bytes. */
void clock_date(char text[21]);

typedef enum Phase {
    PHASE_FILL,
    PHASE_FORWARD,
    PHASE_BACKWARD,
    PHASE_SYNC,
    PHASE_OPTIMIZER,
    PHASE_EVALUATE,
    PHASE_CHECKPOINT,
    PHASE_COUNT,
    PHASE_START = PHASE_COUNT, /* of these the time is not taken */
    PHASE_END,
    PHASE_NAMES
} Phase;

/* "fill", "forward" ... */
const char *phase_name(Phase phase);

/* Seconds by phase; one of these per thread, added up when read. */
typedef struct PhaseTimes {
    double seconds[PHASE_COUNT];
} PhaseTimes;
