/* `bench allreduce`: what crosses shards and ranks in a step: the sum of the shards' gradients of
 * the configuration's model, its norm, and the gathering of the parameters. All of the gradient is
 * written out here; a step makes the large dense layer's when it sums it (nn/late.c). Over several
 * nodes it is measured for some sizes of buckets, of which the best is named.
 *
 * The rate counts each shard's gradient once and the parameters once, whatever the number of ranks,
 * so that runs of different ranks can be compared. */
#include <stdio.h>
#include <stdlib.h>

#include "command/bench.h"
#include "mnist_dist/base/clock.h"
#include "mnist_dist/base/memory.h"

enum { REPETITIONS = 10, SIZES = 5 };

/* kB; 0 is all at once. */
static const size_t BUCKETS[SIZES] = {0, 256, 512, 1024, 2048};

struct SumBench {
    Comm *comm;
    Pool *pool;
    GradSync *sync; /* its gradients are zeros, so that summing them again and again stays finite */
    size_t length, shards;
};

static Status allocate(SumBench *bench, const BenchSetting *setting) {
    Model *model = NULL;
    Status status = STATUS_OK;
    bench->comm = setting->comm;
    TRY(model_new(&model, &setting->config->model));
    bench->length = model_parameter_count(model);
    bench->shards = (size_t)setting->config->training.shards;
    TRY(pool_new(&bench->pool, (size_t)setting->config->training.threads));
cleanup:
    model_destroy(model);
    return status;
}

Status sum_bench_new(SumBench **out, const BenchSetting *setting, size_t bucket_bytes) {
    SumBench *bench = NULL;
    Status status = MEMORY_NEW(&bench, 1);
    *out = bench;
    if (status == STATUS_OK) status = allocate(bench, setting);
    status = comm_agree(setting->comm, status);
    if (status != STATUS_OK) return status;
    GradSyncShape shape = {.length = bench->length,
                           .shards = bench->shards,
                           .vectors = 1,
                           .bucket_bytes = bucket_bytes,
                           .halves = setting->config->training.wire == COMPUTE_BFLOAT16};
    return gradsync_new(&bench->sync, setting->comm, bench->pool, &shape);
}

void sum_bench_destroy(SumBench *bench) {
    if (bench == NULL) return;
    gradsync_destroy(bench->sync);
    pool_destroy(bench->pool);
    free(bench);
}

double sum_bench_measure(SumBench *bench) {
    comm_barrier(bench->comm);
    double since = clock_seconds();
    for (int i = 0; i < REPETITIONS; i++) {
        gradsync_reduce(bench->sync);
        gradsync_gather(bench->sync, 0);
    }
    comm_barrier(bench->comm);
    return (clock_seconds() - since) / REPETITIONS;
}

GradSyncTraffic sum_bench_traffic(const SumBench *bench) {
    return gradsync_traffic(bench->sync);
}

static void name_measures(Measure times[SIZES]) {
    for (size_t i = 0; i < SIZES; i++) {
        times[i].units = "ms";
        snprintf(times[i].name, sizeof times[i].name,
                 BUCKETS[i] == 0 ? "sum and gather" : "the same in buckets of %zu kB", BUCKETS[i]);
    }
}

static void print(const BenchSetting *setting, const SumBench *bench, const Measure times[],
                  size_t sizes) {
    Measure rate = {.name = "sum and gather", .units = "GB/s"};
    double bytes = sizeof(float) * (double)bench->length * (double)(bench->shards + 1);
    size_t best = 0;
    for (int round = 0; round < BENCH_ROUNDS; round++)
        rate.values[round] = 1e-6 * bytes / times[0].values[round];
    bench_heading(setting, "Sum of %zu gradients of %zu numbers over %d rank%s, and the gathering",
                  bench->shards, bench->length, comm_size(setting->comm),
                  comm_size(setting->comm) > 1 ? "s" : "");
    for (size_t i = 0; i < sizes; i++) {
        measure_print(setting, &times[i], NULL, NULL);
        if (measure_median(&times[i]) < measure_median(&times[best])) best = i;
    }
    measure_print(setting, &rate, NULL, NULL);
    if (sizes > 1)
        bench_figure(setting, "training.bucket_size of the fastest", "kB", (double)BUCKETS[best]);
}

Status bench_allreduce(const BenchSetting *setting) {
    SumBench *benches[SIZES] = {NULL};
    Measure times[SIZES] = {0};
    size_t sizes = comm_is_one_node(setting->comm) ? 1 : SIZES;
    Status status = STATUS_OK;
    name_measures(times);
    for (size_t i = 0; i < sizes; i++) TRY(sum_bench_new(&benches[i], setting, BUCKETS[i] << 10));
    for (int round = -1; round < BENCH_ROUNDS; round++)
        for (size_t i = 0; i < sizes; i++)
            times[i].values[bench_slot(round)] = 1e3 * sum_bench_measure(benches[i]);
    print(setting, benches[0], times, sizes);
cleanup:
    for (size_t i = 0; i < sizes; i++) sum_bench_destroy(benches[i]);
    return status;
}
