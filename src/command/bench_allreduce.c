/* `bench allreduce`: what crosses shards and ranks in a step: the sum of the shards' gradients of
 * the configuration's model, its norm, and the gathering of the parameters. All of the gradient is
 * written out here; a step makes the large dense layer's when it sums it (nn/late.c).
 *
 * The rate counts each shard's gradient once and the parameters once, whatever the number of ranks,
 * so that runs of different ranks can be compared. */
#include <stdlib.h>

#include "command/bench.h"
#include "mnist_dist/base/clock.h"
#include "mnist_dist/dist/gradsync.h"

enum { REPETITIONS = 10 };

typedef struct SumBench {
    Pool *pool;
    GradSync *sync; /* its gradients are zeros, so that summing them again and again stays finite */
    size_t length, shards;
    Measure seconds, rate;
} SumBench;

static Status allocate(SumBench *bench, const BenchSetting *setting) {
    Model *model = NULL;
    Status status = STATUS_OK;
    TRY(model_new(&model, &setting->config->model));
    bench->length = model_parameter_count(model);
    bench->shards = (size_t)setting->config->training.shards;
    TRY(pool_new(&bench->pool, (size_t)setting->config->training.threads));
cleanup:
    model_destroy(model);
    return status;
}

/* **Collective.** Seconds of one. */
static double time_sum(const BenchSetting *setting, SumBench *bench) {
    comm_barrier(setting->comm);
    double since = clock_seconds();
    for (int i = 0; i < REPETITIONS; i++) {
        gradsync_reduce(bench->sync);
        gradsync_gather(bench->sync, 0);
    }
    comm_barrier(setting->comm);
    return (clock_seconds() - since) / REPETITIONS;
}

static void run_rounds(SumBench *bench, const BenchSetting *setting) {
    double bytes = sizeof(float) * (double)bench->length * (double)(bench->shards + 1);
    for (int round = -1; round < BENCH_ROUNDS; round++) {
        double seconds = time_sum(setting, bench);
        bench->seconds.values[bench_slot(round)] = 1e3 * seconds;
        bench->rate.values[bench_slot(round)] = bytes / seconds * 1e-9;
    }
}

static void sum_bench_destroy(SumBench *bench) {
    gradsync_destroy(bench->sync);
    pool_destroy(bench->pool);
}

Status bench_allreduce(const BenchSetting *setting) {
    SumBench bench = {.seconds = {.name = "sum and gather", .units = "ms"},
                      .rate = {.name = "sum and gather", .units = "GB/s"}};
    Status status = STATUS_OK;
    TRY(comm_agree(setting->comm, allocate(&bench, setting)));
    GradSyncShape shape = {.length = bench.length, .shards = bench.shards, .vectors = 1};
    TRY(gradsync_new(&bench.sync, setting->comm, bench.pool, &shape));
    run_rounds(&bench, setting);
    bench_heading(setting, "Sum of %zu gradients of %zu numbers over %d rank%s, and the gathering",
                  bench.shards, bench.length, comm_size(setting->comm),
                  comm_size(setting->comm) > 1 ? "s" : "");
    measure_print(setting, &bench.seconds, NULL, NULL);
    measure_print(setting, &bench.rate, NULL, NULL);
cleanup:
    sum_bench_destroy(&bench);
    return status;
}
