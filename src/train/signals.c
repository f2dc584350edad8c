/* Flags set by signals; see signals.h. */
#include "mnist_dist/train/signals.h"

#include <math.h>
#include <signal.h>
#include <stddef.h>

#include "mnist_dist/base/clock.h"

static volatile sig_atomic_t stop_pending, checkpoint_pending;
static double stop_time = INFINITY;

static void note_stop(int number) {
    (void)number;
    stop_pending = 1;
}

static void note_checkpoint(int number) {
    (void)number;
    checkpoint_pending = 1;
}

static void install(int number, void (*handler)(int)) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

void signals_install(void) {
    install(SIGTERM, note_stop);
    install(SIGINT, note_stop);
    install(SIGUSR1, note_stop);
    install(SIGUSR2, note_checkpoint);
}

void signals_stop_at(double when) {
    stop_time = when;
}

Request signals_pending(void) {
    if (signals_stop_pending()) return REQUEST_STOP;
    return checkpoint_pending ? REQUEST_CHECKPOINT : REQUEST_NONE;
}

void signals_done(void) {
    checkpoint_pending = 0;
}

bool signals_stop_pending(void) {
    return stop_pending != 0 || clock_seconds() >= stop_time;
}

const char *signals_stop_reason(void) {
    return stop_pending == 0 && clock_seconds() >= stop_time ? "to end within its time"
                                                             : "by a signal";
}
