/* `mnist_dist bench`: how fast this machine multiplies matrices, and how near to that a training
 * step comes, in one run.
 *
 * Machines are shared and noisy, so a benchmark makes several rounds and gives their median and
 * spread, and what counts is the ratio of figures of the same run. Refused: the best of many
 * rounds, which flatters whichever side was luckier. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/command.h"
#include "mnist_dist/base/clock.h"
#include "mnist_dist/base/log.h"
#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/rng.h"
#include "mnist_dist/nn/blas.h"
#include "mnist_dist/train/trainer.h"

enum { ROUNDS = 7, CUBE = 2048, STEPS_PER_ROUND = 4, ROWS = 4096 };

/* One quantity over the rounds. */
typedef struct Measure {
    const char *name, *units;
    double values[ROUNDS];
} Measure;

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts the rounds: the median is in the middle, the spread at the ends. */
static double median(Measure *measure) {
    qsort(measure->values, ROUNDS, sizeof *measure->values, compare_doubles);
    return measure->values[ROUNDS / 2];
}

static void print_measure(Measure *measure, bool json) {
    double middle = median(measure);
    log_line(json ? "{\"name\": \"%s\", \"units\": \"%s\", \"median\": %.6g, \"min\": %.6g, "
                    "\"max\": %.6g}"
                  : "%-28s %10s  median %10.2f  min %10.2f  max %10.2f",
             measure->name, measure->units, middle, measure->values[0],
             measure->values[ROUNDS - 1]);
}

/* Numbers of a random stream, in 0..1. */
static void fill_random(float *values, size_t count, uint32_t sample) {
    RngStream stream = {.sample = sample};
    for (size_t i = 0; i < count; i++) {
        uint32_t words[4];
        rng_words(words, &stream, (uint32_t)i);
        values[i] = rng_uniform(words[0]);
    }
}

/* What is measured, and what it is measured with. */
typedef struct Bench {
    Comm *comm;
    const Config *config;
    bool steps; /* or the matrix product alone */
    float *matrices[3];
    uint8_t *rows; /* made-up images, then labels */
    Workload workload;
    Model *model;
    Pool *pool;
    Trainer *trainer;
    Measure gemm, images, flops;
} Bench;

/* GFLOP/s of one C = A B of 2048-cubes. */
static double time_gemm(const Bench *bench) {
    double since = clock_seconds();
    blas_gemm(false, false, CUBE, CUBE, CUBE, bench->matrices[0], bench->matrices[1], 0.0F,
              bench->matrices[2]);
    return 2.0 * CUBE * CUBE * CUBE / (clock_seconds() - since) * 1e-9;
}

static Status make_matrices(Bench *bench) {
    const size_t n = (size_t)CUBE * CUBE;
    for (uint32_t i = 0; i < 3; i++) {
        Status status = MEMORY_NEW(&bench->matrices[i], n);
        if (status != STATUS_OK) return status;
        fill_random(bench->matrices[i], n, i);
    }
    return STATUS_OK;
}

/* Made-up images and labels, since a step's time does not hang on what is in them. */
static Status make_workload(Bench *bench) {
    const size_t pixels = (size_t)ROWS * DIGIT_PIXELS;
    Status status = MEMORY_NEW(&bench->rows, pixels + ROWS);
    if (status != STATUS_OK) return status;
    uint8_t *labels = bench->rows + pixels;
    for (size_t i = 0; i < pixels; i++) bench->rows[i] = (uint8_t)(i * i >> 8);
    for (size_t i = 0; i < ROWS; i++) labels[i] = (uint8_t)(i % DIGIT_CLASSES);
    bench->workload.dataset = (Dataset){
        .info = {.train_rows = ROWS}, .train_images = bench->rows, .train_labels = labels};
    return split_new(&bench->workload.split, labels, ROWS, 0, 0);
}

/* **Collective.** */
static Status make_trainer(Bench *bench) {
    const Config *config = bench->config;
    Status status = model_new(&bench->model, &config->model);
    if (status == STATUS_OK) status = make_workload(bench);
    if (status == STATUS_OK) status = pool_new(&bench->pool, (size_t)config->training.threads);
    TRY(comm_agree(bench->comm, status));
    TRY(trainer_new(&bench->trainer, bench->comm, bench->pool, config, bench->model,
                    &bench->workload));
    TRY(trainer_begin_epoch(bench->trainer));
cleanup:
    return status;
}

/* **Collective.** One round of steps, in images per second of all ranks together. The epoch begins
 * anew where it would end. */
static Status time_steps(double *rate, Trainer *trainer) {
    Progress *progress = &trainer->progress;
    int64_t seen = progress->running.count;
    double since = clock_seconds();
    for (int step = 0; step < STEPS_PER_ROUND; step++) {
        Request request = REQUEST_NONE;
        progress->epoch_step = progress->step % trainer->steps_per_epoch;
        Status status = trainer_step(trainer, &request);
        if (status != STATUS_OK) return status;
    }
    *rate = (double)(progress->running.count - seen) / (clock_seconds() - since);
    return STATUS_OK;
}

static void print_figure(const char *name, const char *units, double value, bool json) {
    log_line(json ? "{\"name\": \"%s\", \"units\": \"%s\", \"median\": %.6g}"
                  : "%-28s %10s         %10.3g",
             name, units, value);
}

/* The time of each phase of a step, as a share of them all. */
static void print_phases(const PhaseTimes *times, bool json) {
    double all = 0.0;
    char name[64];
    for (int phase = 0; phase < PHASE_COUNT; phase++) all += times->seconds[phase];
    for (Phase phase = PHASE_FILL; phase <= PHASE_OPTIMIZER; phase++) {
        snprintf(name, sizeof name, "share of %s", phase_name(phase));
        print_figure(name, "%", 100.0 * times->seconds[phase] / all, json);
    }
}

/* **Collective.** Both in turn, since their ratio is what counts; the first round warms up. */
static Status measure(Bench *bench) {
    double flops = bench->steps ? model_training_flops(bench->model) : 0.0;
    Status status = STATUS_OK;
    for (int round = -1; round < ROUNDS; round++) {
        int i = round < 0 ? 0 : round;
        if (comm_rank(bench->comm) == 0) bench->gemm.values[i] = time_gemm(bench);
        comm_barrier(bench->comm);
        if (!bench->steps) continue;
        TRY(time_steps(&bench->images.values[i], bench->trainer));
        bench->flops.values[i] = bench->images.values[i] * flops * 1e-9;
    }
cleanup:
    return status;
}

/* The product is one thread's, so a ratio to it says something of one rank with one thread only. */
static void print_bench(Bench *bench, bool json) {
    print_measure(&bench->gemm, json);
    if (!bench->steps) return;
    PhaseTimes times = trainer_times(bench->trainer);
    print_measure(&bench->images, json);
    print_measure(&bench->flops, json);
    print_phases(&times, json);
    if (comm_size(bench->comm) == 1 && pool_threads(bench->pool) == 1)
        print_figure("training step / gemm", "1", median(&bench->flops) / median(&bench->gemm),
                     json);
}

static void bench_destroy(Bench *bench) {
    trainer_destroy(bench->trainer);
    pool_destroy(bench->pool);
    workload_destroy(&bench->workload);
    model_destroy(bench->model);
    free(bench->rows);
    for (int i = 0; i < 3; i++) free(bench->matrices[i]);
}

Status command_bench(Comm *comm, const Arguments *arguments) {
    Bench bench = {
        .comm = comm,
        .config = &arguments->config,
        .steps = arguments->file_count == 0 || strcmp(arguments->files[0], "step") == 0,
        .gemm = {.name = "gemm 2048-cube", .units = "GFLOP/s"},
        .images = {.name = "training step", .units = "images/s"},
        .flops = {.name = "training step", .units = "GFLOP/s"},
    };
    char kernels[128];
    Status status = STATUS_OK;
    blas_describe(kernels);
    if (!arguments->json)
        log_line("%s; %d rank%s, %lld thread%s each, %d rounds", kernels, comm_size(comm),
                 comm_size(comm) > 1 ? "s" : "", (long long)bench.config->training.threads,
                 bench.config->training.threads > 1 ? "s" : "", ROUNDS);
    TRY(comm_agree(comm, make_matrices(&bench)));
    if (bench.steps) TRY(make_trainer(&bench));
    TRY(measure(&bench));
    print_bench(&bench, arguments->json);
cleanup:
    bench_destroy(&bench);
    return status;
}
