/* `bench overlap`: how much of the nodes' messages a step hides behind its computing.
 *
 * The same step in three ways: with messages that travel while ranks compute, as a run makes it;
 * with messages for which all wait; and muted, which is its computing alone: gradients and
 * parameters do not travel, but the ranks meet once a step, so that waiting for the slowest is not
 * taken for the messages' time. And the messages alone, as `bench allreduce` makes them. Where all
 * ranks are of one node, nothing is sent. */
#include <math.h>
#include <stdlib.h>

#include "command/bench.h"

typedef enum Way { OVERLAPPED, BLOCKING, MUTE, WAYS } Way;

typedef struct OverlapBench {
    Config configs[WAYS];
    StepBench *steps[WAYS];
    SumBench *sum;
    Measure times[WAYS], wire, to_larger, hidden;
} OverlapBench;

/* **Collective.** */
static Status prepare(OverlapBench *bench, const BenchSetting *setting) {
    Status status = STATUS_OK;
    for (Way way = OVERLAPPED; way < WAYS; way++) {
        BenchSetting own = *setting;
        bench->configs[way] = *setting->config;
        bench->configs[way].training.overlap = way == OVERLAPPED;
        bench->configs[way].training.check_replicas = 0; /* without messages they differ */
        own.config = &bench->configs[way];
        TRY(step_bench_new(&bench->steps[way], &own));
    }
    TRY(sum_bench_new(&bench->sum, setting, (size_t)setting->config->training.bucket_size << 10));
cleanup:
    return status;
}

/* **Collective.** In milliseconds; no rank begins before all are ready. */
static Status time_way(OverlapBench *bench, const BenchSetting *setting, Way way, int round) {
    double seconds = 0.0;
    comm_barrier(setting->comm);
    comm_mute(setting->comm, way == MUTE);
    Status status = step_bench_measure(&seconds, bench->steps[way]);
    comm_mute(setting->comm, false);
    bench->times[way].values[round] = 1e3 * bench_mean(setting->comm, seconds);
    return comm_agree(setting->comm, status);
}

/* What a step takes beyond its computing, with messages that travel meanwhile, is what of them was
 * not hidden. */
static void judge(OverlapBench *bench, int round) {
    double all = bench->times[BLOCKING].values[round] - bench->times[MUTE].values[round];
    double shown = bench->times[OVERLAPPED].values[round] - bench->times[MUTE].values[round];
    double larger = fmax(bench->times[MUTE].values[round], bench->wire.values[round]);
    bench->hidden.values[round] = all > 0.0 ? 100.0 * (1.0 - shown / all) : 0.0;
    bench->to_larger.values[round] = bench->times[OVERLAPPED].values[round] / larger;
}

static Status run_rounds(OverlapBench *bench, const BenchSetting *setting) {
    Status status = STATUS_OK;
    for (int round = 0; round < BENCH_ROUNDS; round++) {
        for (Way way = OVERLAPPED; way < WAYS; way++) TRY(time_way(bench, setting, way, round));
        bench->wire.values[round] = 1e3 * sum_bench_measure(bench->sum);
        judge(bench, round);
    }
cleanup:
    return status;
}

static void print(const BenchSetting *setting, const OverlapBench *bench) {
    const TrainingOptions *training = &setting->config->training;
    GradSyncTraffic traffic = sum_bench_traffic(bench->sum);
    bench_heading(setting, "Steps of %lld images in %lld shards, over %d node%s of rank%s",
                  (long long)training->batch_size, (long long)training->shards,
                  comm_node_count(setting->comm), comm_node_count(setting->comm) > 1 ? "s" : "",
                  comm_is_one_node(setting->comm) ? "s: no messages" : "s");
    for (Way way = OVERLAPPED; way < WAYS; way++)
        measure_print(setting, &bench->times[way], NULL, NULL);
    measure_print(setting, &bench->wire, NULL, NULL);
    measure_print(setting, &bench->to_larger, NULL, NULL);
    measure_print(setting, &bench->hidden, NULL, NULL);
    bench_figure(setting, "messages of a node", "per step", (double)traffic.messages);
    bench_figure(setting, "bytes of a node", "MB", 1e-6 * (double)traffic.bytes);
}

Status bench_overlap(const BenchSetting *setting) {
    OverlapBench bench = {
        .times = {{.name = "step, overlapped", .units = "ms"},
                  {.name = "step, blocking", .units = "ms"},
                  {.name = "step, muted", .units = "ms"}},
        .wire = {.name = "messages alone", .units = "ms"},
        .to_larger = {.name = "overlapped to larger of last two", .units = "times"},
        .hidden = {.name = "hidden of blocking less muted", .units = "%"}};
    Status status = STATUS_OK;
    TRY(prepare(&bench, setting));
    TRY(run_rounds(&bench, setting));
    print(setting, &bench);
cleanup:
    for (Way way = OVERLAPPED; way < WAYS; way++) step_bench_destroy(bench.steps[way]);
    sum_bench_destroy(bench.sum);
    return status;
}
