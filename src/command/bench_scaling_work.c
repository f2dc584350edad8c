/* How long a rank's own work takes; see bench_scaling.h.
 *
 * All ranks work at once, as in a step, and their processor time is taken: what a rank waits for a
 * processor is counted apart, as crowding, since it hangs on how many share one. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "command/bench_scaling.h"
#include "mnist_dist/base/clock.h"
#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/shard.h"
#include "mnist_dist/nn/loss.h"
#include "mnist_dist/train/trainer.h"

enum { LARGEST = 256 /* samples of a shard */, ROUNDS = 3, STEPS = 4 };
static const double PART_SECONDS = 0.04;
static const size_t SIZES[SCALING_POINTS] = {1, 2, 4, 8, 16, 32, 64, 128, LARGEST};

struct WorkBench {
    const BenchSetting *setting;
    BenchWorkload data;
    BatchSource source;
    Model *model;
    Scratch *scratch;
    Batch batch;
    size_t floats;
    double began;      /* the shard under way */
    ScalingWork *when; /* where to note what it reads and fills; NULL: nowhere */
    float *dlogits, *params, *gradient, *slots[OPTIMIZER_MAX_SLOTS];
};

static Status allocate(WorkBench *work) {
    const Config *config = work->setting->config;
    Status status = STATUS_OK;
    TRY(bench_workload_new(&work->data));
    TRY(model_new(&work->model, &config->model));
    TRY(scratch_new(&work->scratch, work->model, LARGEST, true));
    TRY(batch_new(&work->batch, LARGEST));
    work->floats = model_parameter_count(work->model);
    TRY(MEMORY_NEW(&work->dlogits, (size_t)LARGEST * DIGIT_CLASSES));
    TRY(MEMORY_NEW(&work->params, work->floats));
    TRY(MEMORY_NEW(&work->gradient, work->floats));
    for (int i = 0; i < OPTIMIZER_MAX_SLOTS; i++) TRY(MEMORY_NEW(&work->slots[i], work->floats));
    model_initialize(work->model, work->params, 0);
    work->source = (BatchSource){
        .dataset = &work->data.workload.dataset,
        .split = &work->data.workload.split,
        .sampler = {0, work->data.workload.split.train_count},
        .augmentation = config->augmentation,
        .label_smoothing = config->training.label_smoothing,
    };
cleanup:
    return status;
}

void work_bench_destroy(WorkBench *work) {
    if (work == NULL) return;
    for (int i = 0; i < OPTIMIZER_MAX_SLOTS; i++) free(work->slots[i]);
    free(work->gradient);
    free(work->params);
    free(work->dlogits);
    batch_destroy(&work->batch);
    scratch_destroy(work->scratch);
    model_destroy(work->model);
    bench_workload_destroy(&work->data);
    free(work);
}

/* The layer whose numbers begin there. */
static ScalingLayer *layer_of(ScalingWork *when, size_t begin, size_t end) {
    size_t i = 0;
    while (i < when->layer_count && when->layers[i].begin != begin) i++;
    if (i == when->layer_count && i + 1 < SCALING_LAYERS) when->layer_count++;
    when->layers[i].begin = begin;
    when->layers[i].end = end;
    return &when->layers[i];
}

static void note_read(void *context, size_t begin, size_t end) {
    WorkBench *work = context;
    if (work->when != NULL)
        layer_of(work->when, begin, end)->read += clock_processor_seconds() - work->began;
}

static void note_filled(void *context, size_t begin, size_t end) {
    WorkBench *work = context;
    if (work->when != NULL)
        layer_of(work->when, begin, end)->filled += clock_processor_seconds() - work->began;
}

static void do_shard(WorkBench *work, size_t samples) {
    Batch *batch = &work->batch;
    work->began = clock_processor_seconds();
    batch_fill_training(batch, &work->source, 0, 0, samples);
    ModelPass pass = {.training = true,
                      .count = samples,
                      .images = batch->images,
                      .ids = batch->ids,
                      .batch = samples,
                      .before = note_read,
                      .context = work};
    const float *logits = model_forward(work->model, work->params, work->scratch, &pass);
    loss_cross_entropy(logits, batch->targets, batch->labels, samples);
    loss_cross_entropy_gradient(work->dlogits, logits, batch->targets, samples,
                                1.0F / (float)samples);
    ModelGradients gradients = {.dparams = work->gradient, .after = note_filled, .context = work};
    model_backward(work->model, work->params, work->scratch, &pass, work->dlogits, &gradients);
}

static void do_add(WorkBench *work, size_t unused) {
    float *restrict to = work->slots[0];
    const float *restrict from = work->gradient;
    (void)unused;
    for (size_t i = 0; i < work->floats; i++) to[i] += from[i];
}

static void do_update(WorkBench *work, size_t iteration) {
    const OptimizerOptions *options = &work->setting->config->optimizer;
    if (optimizer_is_layerwise(options)) {
        optimizer_direct(options, work->params, work->gradient, work->slots, work->floats,
                         iteration);
        optimizer_move(options, work->params, work->gradient, work->slots, work->floats, 0.0, 1.0);
    } else {
        optimizer_step(options, work->params, work->gradient, work->slots, work->floats, 0.0,
                       iteration);
    }
}

/* **Collective.** Processor seconds of one call, the least of some rounds; the mean over ranks. */
static double time_part(WorkBench *work, void (*part)(WorkBench *work, size_t size), size_t size) {
    double least = INFINITY;
    part(work, size);
    comm_barrier(work->setting->comm);
    for (int round = 0; round < ROUNDS; round++) {
        double since = clock_processor_seconds(), taken = 0.0;
        int calls = 0;
        for (; taken < PART_SECONDS; calls++) {
            part(work, size);
            taken = clock_processor_seconds() - since;
        }
        least = fmin(least, taken / calls);
    }
    return bench_mean(work->setting->comm, least);
}

static size_t shard_samples(const WorkBench *bench) {
    const TrainingOptions *training = &bench->setting->config->training;
    size_t samples = shard_capacity((size_t)training->batch_size, (size_t)training->shards);
    return samples < LARGEST ? samples : LARGEST;
}

/* When layers are read and filled, as shares of a shard's time. */
static void find_layers(ScalingWork *work, WorkBench *bench) {
    double whole = 0.0;
    bench->when = work;
    for (int i = 0; i < ROUNDS; i++) {
        do_shard(bench, shard_samples(bench));
        whole += clock_processor_seconds() - bench->began;
    }
    bench->when = NULL;
    for (size_t i = 0; i < work->layer_count; i++) {
        work->layers[i].read /= whole;
        work->layers[i].filled /= whole;
    }
}

void work_bench_measure(ScalingWork *work, WorkBench *bench) {
    work->shard.count = SCALING_POINTS;
    for (size_t i = 0; i < SCALING_POINTS; i++) {
        work->shard.at[i] = (double)SIZES[i];
        work->shard.value[i] = time_part(bench, do_shard, SIZES[i]);
    }
    work->add = time_part(bench, do_add, 0) / (double)bench->floats;
    work->update = time_part(bench, do_update, 1) / (double)bench->floats;
    find_layers(work, bench);
}

double work_bench_crowding(WorkBench *bench, NetworkBench *network, const ScalingWork *work) {
    Comm *comm = bench->setting->comm;
    size_t samples = shard_samples(bench), shards = (size_t)bench->setting->config->training.shards;
    size_t own = shard_capacity(shards, (size_t)comm_size(comm));
    double seconds = scaling_curve(&work->shard, (double)samples), taken = 0.0;
    for (int step = 0; step < STEPS; step++) {
        network_bench_meet(network);
        double since = clock_seconds();
        for (size_t i = 0; i < own; i++) do_shard(bench, samples);
        taken += clock_seconds() - since;
    }
    network_bench_meet(network);
    return bench_mean(comm, taken) / (seconds * (double)own * STEPS);
}

Status work_bench_new(WorkBench **out, const BenchSetting *setting) {
    WorkBench *bench = NULL;
    Status status = MEMORY_NEW(&bench, 1);
    if (status == STATUS_OK) {
        bench->setting = setting;
        status = allocate(bench);
    }
    *out = bench;
    return comm_agree(setting->comm, status);
}
