/* Time and the names of phases; see clock.h. */
#include "mnist_dist/base/clock.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

double clock_seconds(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double clock_processor_seconds(void) {
    struct timespec time;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

int clock_open_queue(void) {
    return open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
}

/* "RUN WAITED TIMES", in nanoseconds. */
double clock_queue_seconds(int queue) {
    char text[96];
    ssize_t length = queue < 0 ? 0 : pread(queue, text, sizeof text - 1, 0);
    if (length <= 0) return 0.0;
    text[length] = '\0';
    const char *second = strchr(text, ' ');
    return second != NULL ? 1e-9 * strtod(second, NULL) : 0.0;
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
