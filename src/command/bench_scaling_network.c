/* How long messages between nodes take; see bench_scaling.h.
 *
 * All nodes send at once, as in a step, so that what they share is shared here too: a link, a
 * switch, and the processors that TCP itself takes time of. Node n sends to those behind it, in
 * turn. Every other node sets out a little later with its large messages, since in a step no two
 * are ready at the same time: MPI asks before it sends much, and what a node answers stands behind
 * what it is sending itself, so that two that have begun at different times send one after the
 * other (2 nodes on lines of 100 Mbit/s: 300 in place of 150 ms for 1.8 MB each way). Who waits
 * naps, as the sum does (dist/gradsync_exchange.c): so the processor time that is
 * taken meanwhile is that of the messages. */
#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

#include "command/bench_scaling.h"
#include "mnist_dist/base/clock.h"
#include "mnist_dist/base/memory.h"

enum { BURST = 8, BURST_BYTES = 1 << 18, LARGEST = 1 << 21, YIELDS = 20, NAP = 20000 };
enum { MUCH = 1 << 16 /* bytes of a message */ };
static const double PART_SECONDS = 0.02, BEHIND_SECONDS = 0.004;
static const size_t SIZES[SCALING_POINTS] = {8,       1 << 10, 1 << 13, 1 << 15, 1 << 16,
                                             1 << 17, 1 << 18, 1 << 19, LARGEST};

struct NetworkBench {
    Comm *comm;
    bool leads; /* sends for its node */
    char *out, *in;
    CommFlight *sends, *receives;
};

/* What an exchange takes of time, and of a processor. */
typedef struct Taken {
    double time, processor;
} Taken;

static void nap(int round) {
    const struct timespec pause = {.tv_nsec = NAP};
    if (round < YIELDS)
        sched_yield();
    else
        nanosleep(&pause, NULL);
}

static void wait_for(CommFlight *flight) {
    for (int round = 0; !comm_flight_has_landed(flight); round++) nap(round);
}

/* Takes what comes, but sends nothing yet. */
static void fall_behind(const NetworkBench *bench) {
    double since = clock_seconds();
    for (int round = 0; clock_seconds() - since < BEHIND_SECONDS; round++) {
        comm_flight_has_landed(bench->receives);
        nap(round);
    }
}

static void exchange(NetworkBench *bench, size_t messages, size_t bytes) {
    int nodes = comm_node_count(bench->comm), node = comm_node(bench->comm);
    for (size_t i = 0; i < messages; i++) {
        int from = (node + nodes - 1 - (int)i % (nodes - 1)) % nodes;
        comm_flight_receive(bench->receives, from, (int)i, bench->in + i * bytes, bytes);
    }
    if (bytes >= MUCH && node % 2 > 0) fall_behind(bench);
    for (size_t i = 0; i < messages; i++) {
        int to = (node + 1 + (int)i % (nodes - 1)) % nodes;
        comm_flight_send(bench->sends, to, (int)i, bench->out + i * bytes, bytes);
    }
    wait_for(bench->receives);
    wait_for(bench->sends);
}

void network_bench_meet(NetworkBench *bench) {
    comm_node_barrier(bench->comm);
    if (bench->leads && !comm_is_one_node(bench->comm)) exchange(bench, 1, SIZES[0]);
    comm_node_barrier(bench->comm);
}

/* **Collective.** One of `count` exchanges, the mean over nodes. */
static Taken time_some(NetworkBench *bench, size_t messages, size_t bytes, int count) {
    double since = clock_seconds(), ran = clock_processor_seconds();
    double behind = bytes >= MUCH ? count * BEHIND_SECONDS : 0.0; /* all have waited for */
    for (int i = 0; i < count && bench->leads; i++) exchange(bench, messages, bytes);
    double share = bench->leads ? 1.0 / (count * comm_node_count(bench->comm)) : 0.0;
    double ranks = comm_size(bench->comm);
    Taken taken = {fmax(clock_seconds() - since - behind, 0.0) * share,
                   (clock_processor_seconds() - ran) * share};
    comm_node_barrier(bench->comm); /* where the others sleep */
    taken.time = ranks * bench_mean(bench->comm, taken.time);
    taken.processor = ranks * bench_mean(bench->comm, taken.processor);
    return taken;
}

/* **Collective.** */
static Taken time_exchange(NetworkBench *bench, size_t messages, size_t bytes) {
    double first = time_some(bench, messages, bytes, 1).time;
    int count = (int)fmin(fmax(PART_SECONDS / fmax(first, 1e-5), 1.0), bytes < MUCH ? 300.0 : 5.0);
    return time_some(bench, messages, bytes, count);
}

/* The terms of further messages, from bursts of small and of large ones. */
static void fit(ScalingExchange *exchange, double small, double large) {
    double one = scaling_curve(&exchange->one, BURST_BYTES);
    exchange->message = fmax(small - exchange->one.value[0], 0.0) / (BURST - 1);
    exchange->byte = fmax((large - one) / (BURST - 1) - exchange->message, 0.0) / BURST_BYTES;
}

void network_bench_measure(ScalingNetwork *network, NetworkBench *bench) {
    *network = (ScalingNetwork){{.one = {.count = 1}}, {.one = {.count = 1}}};
    if (comm_is_one_node(bench->comm)) return;
    network->time.one.count = network->processor.one.count = SCALING_POINTS;
    for (size_t i = 0; i < SCALING_POINTS; i++) {
        Taken taken = time_exchange(bench, 1, SIZES[i]);
        network->time.one.at[i] = network->processor.one.at[i] = (double)SIZES[i];
        network->time.one.value[i] = taken.time;
        network->processor.one.value[i] = taken.processor;
    }
    Taken small = time_exchange(bench, BURST, SIZES[0]);
    Taken large = time_exchange(bench, BURST, BURST_BYTES);
    fit(&network->time, small.time, large.time);
    fit(&network->processor, small.processor, large.processor);
}

static Status allocate(NetworkBench *bench) {
    Status status = STATUS_OK;
    if (!bench->leads || comm_is_one_node(bench->comm)) return STATUS_OK;
    TRY(MEMORY_NEW(&bench->out, LARGEST));
    TRY(MEMORY_NEW(&bench->in, LARGEST));
    TRY(comm_flight_new(&bench->sends, bench->comm, COMM_NODES));
    TRY(comm_flight_new(&bench->receives, bench->comm, COMM_NODES));
cleanup:
    return status;
}

Status network_bench_new(NetworkBench **out, const BenchSetting *setting) {
    NetworkBench *bench = NULL;
    Status status = MEMORY_NEW(&bench, 1);
    if (status == STATUS_OK) {
        bench->comm = setting->comm;
        bench->leads = comm_node_rank(setting->comm) == 0;
        status = allocate(bench);
    }
    *out = bench;
    return comm_agree(setting->comm, status);
}

void network_bench_destroy(NetworkBench *bench) {
    if (bench == NULL) return;
    comm_flight_destroy(bench->sends);
    comm_flight_destroy(bench->receives);
    free(bench->out);
    free(bench->in);
    free(bench);
}
