/* How long messages between ranks take; see bench_scaling.h.
 *
 * All ranks send at once, as in a step, so that what they share is shared here too: a link, a
 * switch, and the processors that TCP itself takes time of. Rank r sends to those behind it, in
 * turn. */
#include <math.h>
#include <stdlib.h>

#include "command/bench_scaling.h"
#include "mnist_dist/base/clock.h"
#include "mnist_dist/base/memory.h"

enum { BURST = 8, BURST_BYTES = 1 << 18, LARGEST = 1 << 21 };
static const double PART_SECONDS = 0.02;
static const size_t SIZES[SCALING_POINTS] = {8,       1 << 10, 1 << 13, 1 << 15, 1 << 16,
                                             1 << 17, 1 << 18, 1 << 19, LARGEST};

struct NetworkBench {
    Comm *comm;
    float *out, *in;
    CommPiece sends[BURST], receives[BURST];
};

double scaling_mean(Comm *comm, double value) {
    /* In nanoseconds, so that MPI may add them in any order. */
    return 1e-9 * (double)comm_sum(comm, llround(1e9 * value)) / comm_size(comm);
}

static void plan(NetworkBench *bench, size_t messages, size_t bytes) {
    int ranks = comm_size(bench->comm), rank = comm_rank(bench->comm);
    size_t count = bytes / sizeof(float);
    for (size_t i = 0; i < messages; i++) {
        int apart = 1 + (int)i % (ranks - 1);
        bench->sends[i] =
            (CommPiece){(rank + apart) % ranks, (int)i, bench->out + i * count, count};
        bench->receives[i] =
            (CommPiece){(rank + ranks - apart) % ranks, (int)i, bench->in + i * count, count};
    }
}

/* **Collective.** Seconds of one of `count` exchanges, the mean over ranks. */
static double time_some(NetworkBench *bench, size_t messages, int count) {
    double since = clock_seconds();
    for (int i = 0; i < count; i++)
        comm_exchange(bench->comm, bench->sends, messages, bench->receives, messages);
    return scaling_mean(bench->comm, (clock_seconds() - since) / count);
}

/* **Collective.** */
static double time_exchange(NetworkBench *bench, size_t messages, size_t bytes) {
    plan(bench, messages, bytes);
    double first = time_some(bench, messages, 1);
    return time_some(bench, messages, (int)fmin(fmax(PART_SECONDS / first, 1.0), 300.0));
}

void network_bench_measure(ScalingNetwork *network, NetworkBench *bench) {
    *network = (ScalingNetwork){.one = {.count = SCALING_POINTS}};
    for (size_t i = 0; i < SCALING_POINTS; i++) {
        network->one.at[i] = (double)SIZES[i];
        if (comm_size(bench->comm) > 1) network->one.value[i] = time_exchange(bench, 1, SIZES[i]);
    }
    if (comm_size(bench->comm) == 1) return;
    double small = time_exchange(bench, BURST, SIZES[0]);
    double large = time_exchange(bench, BURST, BURST_BYTES);
    double one = scaling_curve(&network->one, BURST_BYTES);
    network->message = fmax(small - network->one.value[0], 0.0) / (BURST - 1);
    network->byte = fmax((large - one) / (BURST - 1) - network->message, 0.0) / (double)BURST_BYTES;
}

static Status allocate(NetworkBench *bench) {
    Status status = STATUS_OK;
    TRY(MEMORY_NEW(&bench->out, LARGEST / sizeof(float)));
    TRY(MEMORY_NEW(&bench->in, LARGEST / sizeof(float)));
cleanup:
    return status;
}

Status network_bench_new(NetworkBench **out, const BenchSetting *setting) {
    NetworkBench *bench = NULL;
    Status status = MEMORY_NEW(&bench, 1);
    if (status == STATUS_OK) {
        bench->comm = setting->comm;
        status = allocate(bench);
    }
    *out = bench;
    return comm_agree(setting->comm, status);
}

void network_bench_destroy(NetworkBench *bench) {
    if (bench == NULL) return;
    free(bench->out);
    free(bench->in);
    free(bench);
}
