/* `bench conv`: every convolution of the configuration's model by every kernel that this machine
 * can run, on the images of one shard, in memory that a step would find in the cache too.
 *
 * Operations are those of the plain convolution, 2 * kh * kw * in * out for each output pixel,
 * whatever a kernel does instead, so that rates are times turned round; Winograd's may exceed the
 * peak. */
#include <stdio.h>
#include <stdlib.h>

#include "command/bench.h"
#include "mnist_dist/base/clock.h"
#include "mnist_dist/base/log.h"
#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/shard.h"
#include "mnist_dist/nn/kernels.h"
#include "mnist_dist/nn/model.h"

enum { FORWARD, BACKWARD_INPUT, BACKWARD_WEIGHTS, ALL, PASSES };

static const char *const PASS_NAMES[PASSES] = {"forward", "input gradient", "weight gradient",
                                               "all"};
static const double PASS_SECONDS = 2e-3, PEAK_SECONDS = 0.02; /* at least, of a round */

/* One kernel at one layer. */
typedef struct ConvRow {
    const ConvKernel *kernel;
    Measure rates[PASSES];
} ConvRow;

typedef struct ConvBench {
    const BenchSetting *setting;
    const char *layer;
    bool first; /* layer of the model: nobody needs its input's gradient */
    ConvCall call;
    float *memory;
    ConvRow *rows;
    size_t row_count;
    Measure peaks[2]; /* by Compute */
} ConvBench;

static double flops_of(const ConvCall *call) {
    const ConvShape *s = &call->shape;
    const ConvEdges y = conv_edges(s);
    return 2.0 * (double)(s->kh * s->kw * s->in * s->out) * (double)(y.h * y.w * call->n);
}

/* Takes `count` floats, filled, from what is left of the memory; only counts them if that is NULL.
 */
static float *take(float *memory, size_t *used, size_t count) {
    size_t begin = *used;
    *used += (count + 15) / 16 * 16;
    if (memory == NULL) return NULL;
    bench_random(memory + begin, count, (uint32_t)begin);
    return memory + begin;
}

static size_t most_workspace(const ConvBench *bench) {
    size_t most = 0;
    for (size_t i = 0; i < bench->row_count; i++) {
        size_t size = bench->rows[i].kernel->workspace(&bench->call.shape);
        if (size > most) most = size;
    }
    return most;
}

/* Points the call into the memory; returns how many floats it needs. */
static size_t lay_out(ConvBench *bench) {
    ConvCall *call = &bench->call;
    const ConvShape *s = &call->shape;
    size_t used = 0, taps = s->kh * s->kw * s->in * s->out;
    const ConvEdges y = conv_edges(s);
    size_t in = call->n * s->h * s->w * s->in, out = call->n * y.h * y.w * s->out;
    call->kernel = take(bench->memory, &used, taps);
    call->dkernel = take(bench->memory, &used, taps);
    call->bias = take(bench->memory, &used, s->out);
    call->x = take(bench->memory, &used, in);
    call->dx = take(bench->memory, &used, in);
    call->y = take(bench->memory, &used, out);
    call->dy = take(bench->memory, &used, out);
    call->workspace = take(bench->memory, &used, most_workspace(bench));
    return used;
}

static void add_row(ConvBench *bench, const ConvKernel *kernel) {
    ConvRow *row = &bench->rows[bench->row_count++];
    row->kernel = kernel;
    for (int pass = 0; pass < PASSES; pass++) {
        Measure *rate = &row->rates[pass];
        rate->units = "GFLOP/s";
        snprintf(rate->name, sizeof rate->name, "%.20s, %.28s, %s", bench->layer, kernel->name,
                 PASS_NAMES[pass]);
    }
}

static Status prepare(ConvBench *bench) {
    size_t kernels = 0;
    while (kernels_conv(kernels) != NULL) kernels++;
    Status status = MEMORY_NEW(&bench->rows, kernels);
    if (status != STATUS_OK) return status;
    for (size_t i = 0; i < kernels; i++)
        if (kernels_conv(i)->suits(&bench->call.shape)) add_row(bench, kernels_conv(i));
    status = MEMORY_NEW(&bench->memory, lay_out(bench));
    if (status == STATUS_OK) lay_out(bench);
    return status;
}

/* Seconds of one call, over as many as it takes to see. */
static double time_pass(void (*pass)(const ConvCall *call), const ConvCall *call) {
    double since = clock_seconds(), elapsed = 0.0;
    size_t calls = 0;
    while (elapsed < PASS_SECONDS) {
        pass(call);
        calls++;
        elapsed = clock_seconds() - since;
    }
    return elapsed / (double)calls;
}

static void time_row(ConvRow *row, const ConvBench *bench, int slot) {
    void (*const passes[ALL])(const ConvCall *call) = {
        row->kernel->forward, row->kernel->backward_input, row->kernel->backward_weights};
    double flops = flops_of(&bench->call), all_flops = 0.0, all_seconds = 0.0;
    for (int pass = 0; pass < ALL; pass++) {
        if (pass == BACKWARD_INPUT && bench->first) continue;
        double seconds = time_pass(passes[pass], &bench->call);
        row->rates[pass].values[slot] = flops / seconds * 1e-9;
        all_flops += flops;
        all_seconds += seconds;
    }
    row->rates[ALL].values[slot] = all_flops / all_seconds * 1e-9;
}

static void run_rounds(ConvBench *bench) {
    for (int round = -1; round < BENCH_ROUNDS; round++) {
        int slot = bench_slot(round);
        for (Compute compute = COMPUTE_FLOAT32; compute <= COMPUTE_BFLOAT16; compute++)
            bench->peaks[compute].values[slot] = kernels_peak(compute, PEAK_SECONDS);
        for (size_t i = 0; i < bench->row_count; i++) time_row(&bench->rows[i], bench, slot);
    }
}

/* The peak in what the kernel multiplies, or float32's where the machine has none in that. */
static const Measure *peak_of(const ConvBench *bench, const ConvRow *row) {
    const Measure *peak = &bench->peaks[row->kernel->compute];
    return measure_median(peak) > 0.0 ? peak : &bench->peaks[COMPUTE_FLOAT32];
}

static bool is_measured(const ConvBench *bench, int pass) {
    return !(bench->first && pass == BACKWARD_INPUT);
}

static void print_cells(const ConvBench *bench, const ConvRow *row, bool chosen) {
    char line[160];
    int used = snprintf(line, sizeof line, "%c %-24s", chosen ? '*' : ' ', row->kernel->name);
    for (int pass = 0; pass < PASSES; pass++) {
        const Measure *rate = &row->rates[pass];
        if (is_measured(bench, pass))
            used +=
                snprintf(line + used, sizeof line - (size_t)used, " %9.1f %4.0f %%",
                         measure_median(rate), 100.0 * measure_share(rate, peak_of(bench, row)));
        else
            used += snprintf(line + used, sizeof line - (size_t)used, " %9s %4s  ", "-", "");
    }
    log_line("%s  %.1f to %.1f", line, measure_lowest(&row->rates[ALL]),
             measure_highest(&row->rates[ALL]));
}

static void print_table(const ConvBench *bench) {
    const ConvShape *s = &bench->call.shape;
    KernelOptions options = model_kernels(&bench->setting->config->model);
    const ConvKernel *chosen = kernels_choose_conv(&options, s);
    bench_heading(bench->setting,
                  "%s: %zux%zu, %zu to %zu channels, %zux%zu pixels, %zu images; GFLOP/s and share "
                  "of the peak; * is used",
                  bench->layer, s->kh, s->kw, s->in, s->out, s->h, s->w, bench->call.n);
    log_line("%-26s %16s %16s %16s %16s  %s", "  kernel", PASS_NAMES[FORWARD],
             PASS_NAMES[BACKWARD_INPUT], PASS_NAMES[BACKWARD_WEIGHTS], PASS_NAMES[ALL],
             "lowest to highest of all");
    for (size_t i = 0; i < bench->row_count; i++)
        print_cells(bench, &bench->rows[i], bench->rows[i].kernel == chosen);
}

static void print_json(const ConvBench *bench) {
    for (size_t i = 0; i < bench->row_count; i++)
        for (int pass = 0; pass < PASSES; pass++)
            if (is_measured(bench, pass))
                measure_print(bench->setting, &bench->rows[i].rates[pass],
                              peak_of(bench, &bench->rows[i]), "the peak");
}

static Status bench_layer(const BenchSetting *setting, const Model *model, size_t index,
                          const ConvShape *shape) {
    const TrainingOptions *training = &setting->config->training;
    ConvBench bench = {
        .setting = setting,
        .layer = model_layer_name(model, index),
        .first = index == 0,
        .call = {.shape = *shape,
                 .activation = ACTIVATION_RELU,
                 .n = shard_capacity((size_t)training->batch_size, (size_t)training->shards)}};
    Status status = prepare(&bench);
    if (status == STATUS_OK) {
        run_rounds(&bench);
        (setting->json ? print_json : print_table)(&bench);
    }
    free(bench.memory);
    free(bench.rows);
    return status;
}

static Status bench_layers(const BenchSetting *setting, const Model *model) {
    Status status = STATUS_OK;
    ConvShape shape;
    for (size_t i = 0; i < model_layer_count(model) && status == STATUS_OK; i++)
        if (model_convolution(&shape, model, i)) status = bench_layer(setting, model, i, &shape);
    return status;
}

/* Rank 0's alone: the others of its node sleep. */
Status bench_conv(const BenchSetting *setting) {
    Model *model = NULL;
    Status status = model_new(&model, &setting->config->model);
    if (status == STATUS_OK && comm_rank(setting->comm) == 0) status = bench_layers(setting, model);
    model_destroy(model);
    comm_node_barrier(setting->comm);
    return comm_agree(setting->comm, status);
}
