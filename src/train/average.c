/* Averages of weights; see average.h. */
#include "mnist_dist/train/average.h"

#include <math.h>
#include <string.h>

#include "mnist_dist/base/clones.h"

const char *const AVERAGE_NAMES[] = {
    [AVERAGE_NONE] = "none", [AVERAGE_EMA] = "ema", [AVERAGE_SWA] = "swa", NULL};

/* Steps since the start of averaging; 0 if it has not begun. */
static uint64_t steps_since(const AverageOptions *options, uint64_t steps,
                            uint64_t steps_per_epoch) {
    const uint64_t start = (uint64_t)llround(options->start_epoch * (double)steps_per_epoch);
    return options->kind != AVERAGE_NONE && steps > start ? steps - start : 0;
}

bool average_exists(const AverageOptions *options, uint64_t steps, uint64_t steps_per_epoch) {
    return steps_since(options, steps, steps_per_epoch) >= (uint64_t)options->every_steps;
}

double average_share(const AverageOptions *options, uint64_t steps, uint64_t steps_per_epoch) {
    const uint64_t since = steps_since(options, steps, steps_per_epoch);
    const uint64_t every = (uint64_t)options->every_steps;
    if (since == 0 || since % every != 0) return 0.0;
    if (since == every) return 1.0;
    const uint64_t averaged = since / every;
    return options->kind == AVERAGE_EMA ? 1.0 - options->decay : 1.0 / (double)averaged;
}

VECTOR_CLONES static void move(float *restrict average, const float *restrict params, size_t count,
                               float share) {
    for (size_t i = 0; i < count; i++) average[i] += share * (params[i] - average[i]);
}

void average_add(float *average, const float *params, size_t count, double share) {
    if (share < 1.0)
        move(average, params, count, (float)share);
    else
        memcpy(average, params, count * sizeof *average);
}
