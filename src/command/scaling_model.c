/* Predictions of a step's time; see scaling_model.h.
 *
 * The terms are those of the LogGP model (Alexandrov et al., SPAA 1995): a latency, an overhead for
 * each message, and a time for each byte; but the first message's time is taken as it was measured,
 * size by size, since MPI sends small and large messages in different ways. Refused: a rate of the
 * link as its maker tells it; the time of MPI_Allreduce, which is another algorithm. */
#include "command/scaling_model.h"

#include <math.h>

#include "mnist_dist/base/shard.h"
#include "mnist_dist/dist/gradsync.h"

enum { MOST_PARTNERS = 64 };

double scaling_curve(const ScalingCurve *curve, double at) {
    if (curve->count == 1) return curve->value[0];
    size_t i = 1;
    while (i + 1 < curve->count && curve->at[i] < at) i++;
    double x0 = curve->at[i - 1], x1 = curve->at[i], y0 = curve->value[i - 1];
    double value = y0 + (curve->value[i] - y0) * (at - x0) / (x1 - x0);
    return at < x0 ? fmax(value, 0.0) : value;
}

double scaling_exchange(const ScalingNetwork *network, size_t messages, double bytes) {
    if (messages == 0) return 0.0;
    return scaling_curve(&network->one, bytes) +
           (double)(messages - 1) * (network->message + bytes * network->byte);
}

/* How many a node of `nodes` speaks with in each of the stages of an exchange: nodes in all are
 * their product. Returns the number of stages. */
static size_t cut(size_t parts[2], size_t nodes) {
    size_t first = nodes <= MOST_PARTNERS ? nodes : MOST_PARTNERS;
    parts[0] = first;
    parts[1] = shard_capacity(nodes, first);
    return parts[1] > 1 ? 2 : 1;
}

/* Adds an exchange of a vector of so many bytes, of which each node ends with, or begins with, its
 * own part. */
static size_t add_exchange(ScalingStage stages[], size_t count, size_t nodes, double bytes) {
    size_t parts[2], all = cut(parts, nodes);
    for (size_t i = 0; i < all; i++) {
        bytes /= (double)parts[i];
        stages[count++] = (ScalingStage){parts[i] - 1, bytes};
    }
    return count;
}

size_t scaling_stages(ScalingStage stages[SCALING_STAGES], const ScalingCase *what) {
    double vector = sizeof(float) * (double)what->floats;
    double squares = sizeof(double) * (double)shard_capacity(what->floats, GRADSYNC_BLOCK);
    double reports = (double)(what->report_bytes * what->shards);
    size_t count = 0;
    if (what->ranks == 1) return 0;
    count = add_exchange(stages, count, what->ranks, vector);
    count = add_exchange(stages, count, what->ranks, squares + reports);
    return add_exchange(stages, count, what->ranks, vector);
}

/* Processor time of the rank that has most to do. */
static double own_work(const ScalingWork *work, const ScalingCase *what) {
    double shards = (double)shard_capacity(what->shards, what->ranks);
    double leaves = what->ranks == 1 ? 0.0 : (double)what->ranks - 1.0;
    double floats = (double)what->floats, slice = floats / (double)what->ranks;
    double samples = what->batch / (double)what->shards;
    return shards * scaling_curve(&work->shard, samples) +
           work->add * (floats * (shards - 1.0) + slice * leaves) + work->update * slice;
}

ScalingTime scaling_step(const ScalingWork *work, const ScalingNetwork *network,
                         const ScalingCase *what) {
    ScalingStage stages[SCALING_STAGES];
    ScalingTime time = {.own = what->crowding * own_work(work, what)};
    size_t count = scaling_stages(stages, what);
    for (size_t i = 0; i < count; i++)
        time.network += scaling_exchange(network, stages[i].messages, stages[i].bytes);
    time.step = time.own + time.network;
    return time;
}

double scaling_balance(const ScalingWork *work, const ScalingNetwork *network,
                       const ScalingCase *what) {
    ScalingCase tried = *what;
    double low = 0.0, high = 1e9;
    for (int i = 0; i < 100; i++) {
        tried.batch = 0.5 * (low + high);
        ScalingTime time = scaling_step(work, network, &tried);
        if (time.own < time.network)
            low = tried.batch;
        else
            high = tried.batch;
    }
    return high;
}
