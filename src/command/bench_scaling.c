/* `bench scaling`: what a step takes on these ranks, measured, and foreseen from its parts; with
 * --model also what it would take on up to 4,096 ranks over the same network, and from which batch
 * on the network is no longer the limit. */
#include <math.h>
#include <stdio.h>

#include "command/bench_scaling.h"
#include "mnist_dist/base/log.h"
#include "mnist_dist/base/safefile.h"
#include "mnist_dist/base/shard.h"
#include "mnist_dist/report/plots.h"
#include "mnist_dist/train/trainer.h"

enum { MOST_RANKS = 4096, RANK_SHARDS = 8, LATENCY_BYTES = 8, RATE_BYTES = 1 << 19 };

typedef struct ScalingBench {
    const BenchSetting *setting;
    WorkBench *work_bench;
    NetworkBench *network_bench;
    StepBench *step_bench;
    ScalingWork work;
    ScalingNetwork network; /* of all rounds, the least disturbed */
    ScalingCase here;
    Measure crowding, own, network_alone, exposed, foreseen, measured, ratio;
    PlotScaling plot;
} ScalingBench;

static double share(const ScalingTime *time) {
    return 100.0 * time->exposed / time->step;
}

static ScalingCase case_here(const BenchSetting *setting, size_t floats) {
    const TrainingOptions *training = &setting->config->training;
    return (ScalingCase){.floats = floats,
                         .report_bytes = sizeof(ShardReport),
                         .gradient_bytes = training->wire == COMPUTE_BFLOAT16 ? 2 : sizeof(float),
                         .bucket_bytes = (size_t)training->bucket_size << 10,
                         .overlaps = training->overlap,
                         .nodes = (size_t)comm_node_count(setting->comm),
                         .members = (size_t)comm_node_size(setting->comm),
                         .shards = (size_t)training->shards,
                         .batch = (double)training->batch_size,
                         .crowding = 1.0};
}

static Status count_floats(size_t *floats, const BenchSetting *setting) {
    Model *model = NULL;
    Status status = model_new(&model, &setting->config->model);
    if (status == STATUS_OK) *floats = model_parameter_count(model);
    model_destroy(model);
    return status;
}

/* Rank 0: whether the picture can be written, before anything is measured for it. */
static Status check_output(const BenchSetting *setting) {
    if (setting->output == NULL || comm_rank(setting->comm) != 0) return STATUS_OK;
    return safefile_try(setting->output, STATUS_USAGE);
}

/* **Collective.** */
static Status prepare(ScalingBench *bench) {
    const BenchSetting *setting = bench->setting;
    size_t floats = 0;
    Status status;
    TRY(comm_agree(setting->comm, check_output(setting)));
    TRY(comm_agree(setting->comm, count_floats(&floats, setting)));
    bench->here = case_here(setting, floats);
    TRY(work_bench_new(&bench->work_bench, setting));
    TRY(network_bench_new(&bench->network_bench, setting));
    TRY(step_bench_new(&bench->step_bench, setting));
cleanup:
    return status;
}

static double less(double old, double now, int round) {
    return round == 0 ? now : fmin(old, now);
}

static void keep_least(ScalingExchange *least, const ScalingExchange *now, int round) {
    least->one.count = now->one.count;
    for (size_t i = 0; i < now->one.count; i++) {
        least->one.at[i] = now->one.at[i];
        least->one.value[i] = less(least->one.value[i], now->one.value[i], round);
    }
    least->message = less(least->message, now->message, round);
    least->byte = less(least->byte, now->byte, round);
}

/* **Collective.** The parts, what they foretell, and the step, soon after one another, since a
 * machine may be busy with other things. */
static Status run_round(ScalingBench *bench, int round) {
    ScalingNetwork network;
    double seconds = 0.0;
    bench->here.crowding =
        work_bench_crowding(bench->work_bench, bench->network_bench, &bench->work);
    network_bench_measure(&network, bench->network_bench);
    Status status = step_bench_measure(&seconds, bench->step_bench);
    if (status != STATUS_OK) return status;
    ScalingTime time = scaling_step(&bench->work, &network, &bench->here);
    keep_least(&bench->network.time, &network.time, round);
    keep_least(&bench->network.processor, &network.processor, round);
    bench->crowding.values[round] = bench->here.crowding;
    bench->own.values[round] = 1e3 * time.own;
    bench->network_alone.values[round] = 1e3 * time.network;
    bench->exposed.values[round] = 1e3 * time.exposed;
    bench->foreseen.values[round] = 1e3 * time.step;
    bench->measured.values[round] = 1e3 * seconds;
    bench->ratio.values[round] = time.step / seconds;
    return STATUS_OK;
}

/* **Collective.** */
static Status measure(ScalingBench *bench) {
    Status status = STATUS_OK;
    work_bench_measure(&bench->work, bench->work_bench);
    for (int round = 0; round < BENCH_ROUNDS; round++) TRY(run_round(bench, round));
cleanup:
    return status;
}

static void print_parts(const ScalingBench *bench) {
    const BenchSetting *setting = bench->setting;
    const ScalingWork *work = &bench->work;
    const ScalingCurve *one = &bench->network.time.one;
    double samples = bench->here.batch / (double)bench->here.shards;
    bench_heading(setting, "What a step is made of, on %zu node%s of %zu rank%s at once",
                  bench->here.nodes, bench->here.nodes > 1 ? "s" : "", bench->here.members,
                  bench->here.members > 1 ? "s" : "");
    bench_figure(setting, "a shard's images", "images/s",
                 samples / scaling_curve(&work->shard, samples));
    bench_figure(setting, "adding a gradient", "ms", 1e3 * work->add * (double)bench->here.floats);
    bench_figure(setting, "optimizer", "ms", 1e3 * work->update * (double)bench->here.floats);
    measure_print(setting, &bench->crowding, NULL, NULL);
    if (bench->here.nodes == 1) return;
    bench_figure(setting, "a small message", "us", 1e6 * scaling_curve(one, LATENCY_BYTES));
    bench_figure(setting, "each further one", "us", 1e6 * bench->network.time.message);
    bench_figure(setting, "rate, both ways at once", "MB/s",
                 1e-6 * RATE_BYTES /
                     (scaling_curve(one, 2.0 * RATE_BYTES) - scaling_curve(one, RATE_BYTES)));
}

static void print_step(const ScalingBench *bench) {
    const BenchSetting *setting = bench->setting;
    bench_heading(setting, "A step of %.0f images in %zu shards", bench->here.batch,
                  bench->here.shards);
    measure_print(setting, &bench->own, NULL, NULL);
    measure_print(setting, &bench->network_alone, NULL, NULL);
    measure_print(setting, &bench->exposed, NULL, NULL);
    measure_print(setting, &bench->foreseen, NULL, NULL);
    measure_print(setting, &bench->measured, NULL, NULL);
    measure_print(setting, &bench->ratio, NULL, NULL);
}

/* One row of a table, and a point of the plot. */
static void print_row(ScalingBench *bench, const char *kind, const ScalingCase *what, double one,
                      PlotScalingCurve *curve) {
    ScalingTime time = scaling_step(&bench->work, &bench->network, what);
    size_t ranks = what->nodes * what->members;
    double rate = what->batch / time.step, faster = rate / one;
    double efficiency = faster * (double)bench->here.members / (double)ranks;
    double balance = what->nodes > 1 ? scaling_balance(&bench->work, &bench->network, what) : 0.0;
    const char *row = "%-7s %6zu %9.0f %11.2f %12.0f %9.2f %9.0f %% %8.0f %% %11.0f";
    const char *json = "{\"name\": \"%s scaling, %zu ranks\", \"units\": \"images/s\", \"batch\": "
                       "%.0f, \"step_ms\": %.6g, \"median\": %.6g, \"speedup\": %.6g, "
                       "\"efficiency\": %.4g, \"network_share\": %.4g, \"balance\": %.6g}";
    log_line(bench->setting->json ? json : row, kind, ranks, what->batch, 1e3 * time.step, rate,
             faster, 100.0 * efficiency, share(&time), balance);
    curve->points[curve->count++] = (PlotScalingPoint){(double)ranks, rate};
}

/* One node like those here, on as many processors as it has ranks. */
static ScalingCase one_node(const ScalingBench *bench) {
    ScalingCase what = bench->here;
    what.crowding = 1.0;
    what.nodes = 1;
    return what;
}

static double rate_of(const ScalingBench *bench, const ScalingCase *what) {
    return what->batch / scaling_step(&bench->work, &bench->network, what).step;
}

/* The same batch on more and more ranks, which are no more than its images. */
static void print_strong(ScalingBench *bench) {
    ScalingCase what = one_node(bench);
    size_t ranks = what.members;
    double one = rate_of(bench, &what);
    for (; ranks <= MOST_RANKS && (double)ranks <= what.batch; ranks *= 2) {
        what.nodes = ranks / what.members;
        if (what.shards < ranks) what.shards = ranks;
        print_row(bench, "strong", &what, one, &bench->plot.strong);
    }
}

/* A batch, and its shards, that grow with the ranks. */
static void print_weak(ScalingBench *bench) {
    ScalingCase what = one_node(bench);
    double batch = what.batch / (double)what.members, one = 0.0;
    for (size_t ranks = what.members; ranks <= MOST_RANKS; ranks *= 2) {
        what.nodes = ranks / what.members;
        what.shards = RANK_SHARDS * ranks;
        what.batch = batch * (double)ranks;
        if (what.nodes == 1) one = rate_of(bench, &what);
        print_row(bench, "weak", &what, one, &bench->plot.weak);
    }
}

static Status print_tables(ScalingBench *bench) {
    const BenchSetting *setting = bench->setting;
    bench_heading(
        setting,
        "Foreseen on as many processors, %zu rank%s a node: %.0f images in all (strong) or "
        "per node (weak)",
        bench->here.members, bench->here.members > 1 ? "s" : "", bench->here.batch);
    if (!setting->json)
        log_line(
            "kind     ranks     batch     step/ms     images/s  speed-up  efficiency    network "
            "   balance");
    print_strong(bench);
    print_weak(bench);
    if (!setting->json)
        log_line("network: the share of a step that it is waited for; balance: the batch for which "
                 "it works as "
                 "long as the ranks, and below which it is the limit");
    if (setting->output == NULL || comm_rank(setting->comm) != 0) return STATUS_OK;
    bench->plot.batch = bench->here.batch;
    return plots_write_scaling(&bench->plot, setting->output);
}

Status bench_scaling(const BenchSetting *setting) {
    ScalingBench bench = {.setting = setting,
                          .crowding = {.name = "slower by sharing processors", .units = "times"},
                          .own = {.name = "own work, foreseen", .units = "ms"},
                          .network_alone = {.name = "network, foreseen", .units = "ms"},
                          .exposed = {.name = "waiting for it, foreseen", .units = "ms"},
                          .foreseen = {.name = "step, foreseen", .units = "ms"},
                          .measured = {.name = "step, measured", .units = "ms"},
                          .ratio = {.name = "foreseen by measured", .units = "ratio"}};
    Status status = STATUS_OK;
    TRY(prepare(&bench));
    TRY(measure(&bench));
    print_parts(&bench);
    print_step(&bench);
    if (setting->model) TRY(comm_agree(setting->comm, print_tables(&bench)));
cleanup:
    work_bench_destroy(bench.work_bench);
    network_bench_destroy(bench.network_bench);
    step_bench_destroy(bench.step_bench);
    return status;
}
