/* Time and the names of phases; see clock.h. */
#include "mnist_dist/base/clock.h"

#include <time.h>

double clock_seconds(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void clock_date(char text[21]) {
    time_t now = time(NULL);
    struct tm parts;
    gmtime_r(&now, &parts);
    strftime(text, 21, "%Y-%m-%dT%H:%M:%SZ", &parts);
}

const char *phase_name(Phase phase) {
    static const char *const names[PHASE_NAMES] = {
        [PHASE_FILL] = "fill",
        [PHASE_FORWARD] = "forward",
        [PHASE_BACKWARD] = "backward",
        [PHASE_SYNC] = "sync",
        [PHASE_OPTIMIZER] = "optimizer",
        [PHASE_EVALUATE] = "evaluate",
        [PHASE_CHECKPOINT] = "checkpoint",
        [PHASE_START] = "start",
        [PHASE_END] = "end",
    };
    return names[phase];
}
