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

/* Rounds of C = A B with 2048-cubes, in GFLOP/s. */
static Status measure_gemm(Measure *measure) {
    const size_t n = (size_t)CUBE * CUBE;
    float *matrices[3] = {NULL};
    Status status = STATUS_OK;
    for (uint32_t i = 0; i < 3; i++) {
        TRY(MEMORY_NEW(&matrices[i], n));
        fill_random(matrices[i], n, i);
    }
    for (int round = -1; round < ROUNDS; round++) {
        double since = clock_seconds();
        blas_gemm(false, false, CUBE, CUBE, CUBE, matrices[0], matrices[1], 0.0F, matrices[2]);
        double flops = 2.0 * CUBE * (double)n;
        if (round >= 0) measure->values[round] = flops / (clock_seconds() - since) * 1e-9;
    }
cleanup:
    for (int i = 0; i < 3; i++) free(matrices[i]);
    return status;
}

/* Made-up images and labels, since a step's time does not hang on what is in them. */
static Status make_workload(Workload *workload, uint8_t **memory) {
    Status status = MEMORY_NEW(memory, (size_t)ROWS * (DIGIT_PIXELS + 1));
    if (status != STATUS_OK) return status;
    uint8_t *labels = *memory + (size_t)ROWS * DIGIT_PIXELS;
    for (size_t i = 0; i < (size_t)ROWS * DIGIT_PIXELS; i++) (*memory)[i] = (uint8_t)(i * i >> 8);
    for (size_t i = 0; i < ROWS; i++) labels[i] = (uint8_t)(i % DIGIT_CLASSES);
    workload->dataset =
        (Dataset){.info = {.train_rows = ROWS}, .train_images = *memory, .train_labels = labels};
    return split_new(&workload->split, labels, ROWS, 0, 0);
}

/* **Collective.** One round of steps; returns the images per second of all ranks together. */
static Status time_steps(double *rate, Trainer *trainer) {
    double since = clock_seconds();
    int64_t images = 0;
    for (int step = 0; step < STEPS_PER_ROUND; step++) {
        Request request = REQUEST_NONE;
        int64_t seen = trainer->progress.running.count;
        Status status = trainer_step(trainer, &request);
        if (status != STATUS_OK) return status;
        images += trainer->progress.running.count - seen;
    }
    *rate = (double)images / (clock_seconds() - since);
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

/* **Collective.** Rounds of training steps, in images/s. */
static Status measure_step(Measure *measure, double *flops, PhaseTimes *times, Comm *comm,
                           const Config *config) {
    Workload workload = {0};
    Model *model = NULL;
    Pool *pool = NULL;
    Trainer *trainer = NULL;
    uint8_t *memory = NULL;
    Status status = model_new(&model, &config->model);
    if (status == STATUS_OK) status = make_workload(&workload, &memory);
    if (status == STATUS_OK) status = pool_new(&pool, (size_t)config->training.threads);
    TRY(comm_agree(comm, status));
    TRY(trainer_new(&trainer, comm, pool, config, model, &workload));
    *flops = model_training_flops(model);
    double ignored = 0.0;
    TRY(time_steps(&ignored, trainer));
    for (int round = 0; round < ROUNDS; round++) TRY(time_steps(&measure->values[round], trainer));
    *times = trainer_times(trainer);
cleanup:
    trainer_destroy(trainer);
    pool_destroy(pool);
    workload_destroy(&workload);
    model_destroy(model);
    free(memory);
    return status;
}

/* **Collective.** Both in turn, since the ratio is what counts. */
Status command_bench(Comm *comm, const Arguments *arguments) {
    bool json = arguments->json;
    bool wants_step = arguments->file_count == 0 || strcmp(arguments->files[0], "step") == 0;
    Measure gemm = {.name = "gemm 2048-cube", .units = "GFLOP/s"};
    Measure step = {.name = "training step", .units = "images/s"};
    Measure rate = {.name = "training step", .units = "GFLOP/s"};
    char kernels[128];
    double flops = 0.0;
    PhaseTimes times = {0};
    Status status = STATUS_OK;
    blas_describe(kernels);
    if (!json)
        log_line("%s; %d ranks, %lld threads each, %d rounds", kernels, comm_size(comm),
                 (long long)arguments->config.training.threads, ROUNDS);
    TRY(comm_agree(comm, measure_gemm(&gemm)));
    print_measure(&gemm, json);
    if (!wants_step) return STATUS_OK;

    TRY(measure_step(&step, &flops, &times, comm, &arguments->config));
    for (int i = 0; i < ROUNDS; i++) rate.values[i] = step.values[i] * flops * 1e-9;
    print_measure(&step, json);
    print_measure(&rate, json);
    print_phases(&times, json);
    print_figure("training step / gemm", "", median(&rate) / median(&gemm), json);
cleanup:
    return status;
}
