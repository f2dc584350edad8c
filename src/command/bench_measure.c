/* Quantities measured in rounds, and how they are shown; see bench.h. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/bench.h"
#include "mnist_dist/base/log.h"
#include "mnist_dist/base/rng.h"

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double nth(const double values[BENCH_ROUNDS], int n) {
    double sorted[BENCH_ROUNDS];
    memcpy(sorted, values, sizeof sorted);
    qsort(sorted, BENCH_ROUNDS, sizeof *sorted, compare_doubles);
    return sorted[n];
}

double measure_median(const Measure *measure) {
    return nth(measure->values, BENCH_ROUNDS / 2);
}

double measure_lowest(const Measure *measure) {
    return nth(measure->values, 0);
}

double measure_highest(const Measure *measure) {
    return nth(measure->values, BENCH_ROUNDS - 1);
}

double measure_share(const Measure *part, const Measure *whole) {
    double shares[BENCH_ROUNDS];
    for (int i = 0; i < BENCH_ROUNDS; i++) shares[i] = part->values[i] / whole->values[i];
    return nth(shares, BENCH_ROUNDS / 2);
}

void measure_print(const BenchSetting *setting, const Measure *measure, const Measure *whole,
                   const char *of) {
    const char *row = "%-34s %9s  median %10.2f  min %10.2f  max %10.2f%s";
    const char *json =
        "{\"name\": \"%s\", \"units\": \"%s\", \"median\": %.6g, \"min\": %.6g, \"max\": %.6g%s}";
    char share[80] = "";
    if (whole != NULL && setting->json)
        snprintf(share, sizeof share, ", \"share\": %.4g, \"of\": \"%s\"",
                 measure_share(measure, whole), of);
    else if (whole != NULL)
        snprintf(share, sizeof share, "  %3.0f %% of %s", 100.0 * measure_share(measure, whole),
                 of);
    log_line(setting->json ? json : row, measure->name, measure->units, measure_median(measure),
             measure_lowest(measure), measure_highest(measure), share);
}

void bench_figure(const BenchSetting *setting, const char *name, const char *units, double value) {
    log_line(setting->json ? "{\"name\": \"%s\", \"units\": \"%s\", \"median\": %.6g}"
                           : "%-34s %9s         %10.4g",
             name, units, value);
}

void bench_heading(const BenchSetting *setting, const char *format, ...) {
    char text[256];
    va_list values;
    if (setting->json) return;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    log_line("\n%s", text);
}

void bench_random(float *values, size_t count, uint32_t sample) {
    RngStream stream = {.sample = sample};
    uint32_t words[4] = {0};
    for (size_t i = 0; i < count; i++) {
        if (i % 4 == 0) rng_words(words, &stream, (uint32_t)(i / 4));
        values[i] = rng_uniform(words[i % 4]) - 0.5F;
    }
}

double bench_mean(Comm *comm, double value) {
    /* In nanoseconds, so that MPI may add them in any order. */
    return 1e-9 * (double)comm_sum(comm, llround(1e9 * value)) / comm_size(comm);
}
