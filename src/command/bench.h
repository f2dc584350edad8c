/* What the benches share: what they are told, quantities measured in rounds, and how they are
 * shown.
 *
 * Machines are shared and noisy, so a bench makes several rounds, in each of which everything is
 * measured once in turn, and gives the median and the spread. A share is the median of the rounds'
 * shares, so that what slowed a whole round is not in it. Refused: the best of many rounds, which
 * flatters whichever side was luckier. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "mnist_dist/base/status.h"
#include "mnist_dist/dist/gradsync.h"
#include "mnist_dist/train/config.h"
#include "mnist_dist/train/workload.h"

enum { BENCH_ROUNDS = 7 };

typedef struct BenchSetting {
    Comm *comm;
    const Config *config;
    const char *file;   /* for `import`, or NULL */
    const char *output; /* for `scaling`: its picture; or NULL */
    bool json, model;
} BenchSetting;

/* One quantity over the rounds; of rank 0, since it alone speaks. */
typedef struct Measure {
    char name[72];
    const char *units;
    double values[BENCH_ROUNDS];
} Measure;

/* The round to store into: round -1 warms up, and what it measures is overwritten. */
static inline int bench_slot(int round) {
    return round < 0 ? 0 : round;
}

double measure_median(const Measure *measure);
double measure_lowest(const Measure *measure);
double measure_highest(const Measure *measure);

/* The median of the rounds' ratios of one quantity to another. */
double measure_share(const Measure *part, const Measure *whole);

/* One line: median, lowest and highest, and the share of `whole` (a noun follows: "of the peak"),
 * unless that is NULL. */
void measure_print(const BenchSetting *setting, const Measure *measure, const Measure *whole,
                   const char *of);

/* One line for a number that is no measure of its own. */
void bench_figure(const BenchSetting *setting, const char *name, const char *units, double value);

/* A blank line and a line of text over a table; nothing in JSON. */
void bench_heading(const BenchSetting *setting, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Numbers in -0.5 .. 0.5, the same each time for the same sample. */
void bench_random(float *values, size_t count, uint32_t sample);

/* Made-up images: the time of a step does not hang on what is in them. */
typedef struct BenchWorkload {
    uint8_t *rows; /* images, then labels */
    Workload workload;
} BenchWorkload;
Status bench_workload_new(BenchWorkload *data);
void bench_workload_destroy(BenchWorkload *data);

/* **Collective.** Training steps of the configuration. */
typedef struct StepBench StepBench;
Status step_bench_new(StepBench **out, const BenchSetting *setting);
void step_bench_destroy(StepBench *bench);
/* Seconds of one, the mean of half a second's. */
Status step_bench_measure(double *seconds, StepBench *bench);

/* **Collective.** The mean of a number over the ranks. */
double bench_mean(Comm *comm, double value);

/* The sum of a step's gradients, by itself. */
typedef struct SumBench SumBench;
/* **Collective**, all but the last. With messages in buckets of so many bytes, 0 for all at once.
 */
Status sum_bench_new(SumBench **out, const BenchSetting *setting, size_t bucket_bytes);
void sum_bench_destroy(SumBench *bench);
/* Seconds of one sum, and the gathering of parameters. */
double sum_bench_measure(SumBench *bench);
GradSyncTraffic sum_bench_traffic(const SumBench *bench);

/* **Collective**, all of them. */
Status bench_peak(const BenchSetting *setting);
Status bench_gemm(const BenchSetting *setting);
Status bench_conv(const BenchSetting *setting);
Status bench_step(const BenchSetting *setting);
Status bench_allreduce(const BenchSetting *setting);
Status bench_overlap(const BenchSetting *setting);
Status bench_import(const BenchSetting *setting);
Status bench_scaling(const BenchSetting *setting);
