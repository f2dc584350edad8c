/* `bench step`: whole training steps of the configuration, as trainer_step makes them, on made-up
 * images: a step's time does not hang on what is in them. */
#include <stdio.h>
#include <stdlib.h>

#include "command/bench.h"
#include "mnist_dist/base/digits.h"
#include "mnist_dist/base/memory.h"
#include "mnist_dist/nn/kernels.h"
#include "mnist_dist/train/trainer.h"

enum { ROWS = 4096 };

static const double ROUND_SECONDS = 0.5, PEAK_SECONDS = 0.05;

struct StepBench {
    BenchWorkload data;
    Model *model;
    Pool *pool;
    Trainer *trainer;
    int steps; /* of a round */
    Measure peak, images, flops;
};

Status bench_workload_new(BenchWorkload *bench) {
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

void bench_workload_destroy(BenchWorkload *data) {
    workload_destroy(&data->workload);
    free(data->rows);
}

/* **Collective.** */
static Status make_trainer(StepBench *bench, const BenchSetting *setting) {
    const Config *config = setting->config;
    Status status = model_new(&bench->model, &config->model);
    if (status == STATUS_OK) status = bench_workload_new(&bench->data);
    if (status == STATUS_OK) status = pool_new(&bench->pool, (size_t)config->training.threads);
    TRY(comm_agree(setting->comm, status));
    TRY(trainer_new(&bench->trainer, setting->comm, bench->pool, config, bench->model,
                    &bench->data.workload));
    TRY(trainer_begin_epoch(bench->trainer));
cleanup:
    return status;
}

/* **Collective.** Seconds of so many steps. The epoch begins anew where it would end. */
static Status time_steps(double *seconds, Trainer *trainer, int steps) {
    Progress *progress = &trainer->progress;
    double since = clock_seconds();
    for (int step = 0; step < steps; step++) {
        Request request = REQUEST_NONE;
        progress->epoch_step = progress->step % trainer->steps_per_epoch;
        Status status = trainer_step(trainer, &request);
        if (status != STATUS_OK) return status;
    }
    *seconds = clock_seconds() - since;
    return STATUS_OK;
}

/* **Collective.** Warms up by two steps, and has rank 0 say how many make a round. */
static Status choose_steps(StepBench *bench, const BenchSetting *setting) {
    double seconds = 1.0;
    Status status = time_steps(&seconds, bench->trainer, 1);
    if (status == STATUS_OK) status = time_steps(&seconds, bench->trainer, 1);
    double steps = ROUND_SECONDS / seconds;
    bench->steps = steps < 2.0 ? 2 : steps > 1000.0 ? 1000 : (int)steps;
    comm_broadcast(setting->comm, &bench->steps, sizeof bench->steps, 0);
    return status;
}

/* **Collective.** */
static Status run_rounds(StepBench *bench, const BenchSetting *setting) {
    double flops = model_training_flops(bench->model);
    const Tally *running = &bench->trainer->progress.running;
    Status status = STATUS_OK;
    for (int round = 0; round < BENCH_ROUNDS; round++) {
        if (comm_rank(setting->comm) == 0)
            bench->peak.values[round] = kernels_peak(COMPUTE_FLOAT32, PEAK_SECONDS);
        comm_node_barrier(setting->comm); /* where the others sleep */
        comm_barrier(setting->comm);
        int64_t seen = running->count;
        double seconds = 0.0;
        TRY(time_steps(&seconds, bench->trainer, bench->steps));
        bench->images.values[round] = (double)(running->count - seen) / seconds;
        bench->flops.values[round] = bench->images.values[round] * flops * 1e-9;
    }
cleanup:
    return status;
}

/* The time of each phase of a step, as a share of them all. */
static void print_phases(const BenchSetting *setting, const PhaseTimes *times) {
    double all = 0.0;
    char name[64];
    for (int phase = 0; phase < PHASE_COUNT; phase++) all += times->seconds[phase];
    for (Phase phase = PHASE_FILL; phase <= PHASE_OPTIMIZER; phase++) {
        snprintf(name, sizeof name, "share of %s", phase_name(phase));
        bench_figure(setting, name, "%", 100.0 * times->seconds[phase] / all);
    }
}

/* The peak is one core's, so a share of it says something of one rank with one thread only. */
static void print_step(const BenchSetting *setting, const StepBench *bench) {
    bool alone = comm_size(setting->comm) == 1 && pool_threads(bench->pool) == 1;
    PhaseTimes times = trainer_times(bench->trainer);
    bench_heading(setting,
                  "Training steps of %lld images, all ranks together; operations as plain "
                  "convolutions have them",
                  (long long)setting->config->training.batch_size);
    measure_print(setting, &bench->images, NULL, NULL);
    measure_print(setting, &bench->flops, alone ? &bench->peak : NULL, "the peak");
    print_phases(setting, &times);
}

static void release(StepBench *bench) {
    trainer_destroy(bench->trainer);
    pool_destroy(bench->pool);
    model_destroy(bench->model);
    bench_workload_destroy(&bench->data);
}

Status bench_step(const BenchSetting *setting) {
    StepBench bench = {.images = {.name = "training step", .units = "images/s"},
                       .flops = {.name = "training step", .units = "GFLOP/s"}};
    Status status = STATUS_OK;
    TRY(make_trainer(&bench, setting));
    TRY(choose_steps(&bench, setting));
    TRY(run_rounds(&bench, setting));
    print_step(setting, &bench);
cleanup:
    release(&bench);
    return status;
}

Status step_bench_new(StepBench **out, const BenchSetting *setting) {
    StepBench *bench = NULL;
    Status status = comm_agree(setting->comm, MEMORY_NEW(&bench, 1));
    if (status == STATUS_OK) status = make_trainer(bench, setting);
    if (status == STATUS_OK) status = choose_steps(bench, setting);
    *out = bench;
    return status;
}

void step_bench_destroy(StepBench *bench) {
    if (bench != NULL) release(bench);
    free(bench);
}

Status step_bench_measure(double *seconds, StepBench *bench) {
    /* A step waits for the parameters of the one before. */
    Status status = time_steps(seconds, bench->trainer, 1);
    if (status == STATUS_OK) status = time_steps(seconds, bench->trainer, bench->steps);
    *seconds /= bench->steps;
    trainer_settle(bench->trainer);
    return status;
}
