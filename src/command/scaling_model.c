/* Predictions of a step's time; see scaling_model.h.
 *
 * The terms are those of the LogGP model (Alexandrov et al., SPAA 1995): a latency, an overhead for
 * each message, and a time for each byte; but the first message's time is taken as it was measured,
 * size by size, since MPI sends small and large messages in different ways. Buckets follow one
 * another on a node's line: each begins when it is ready and the line is free. Refused: a rate of
 * the link as its maker tells it; the time of MPI_Allreduce, which is another algorithm. */
#include "command/scaling_model.h"

#include <math.h>

#include "mnist_dist/base/shard.h"
#include "mnist_dist/dist/gradsync.h"

double scaling_curve(const ScalingCurve *curve, double at) {
    if (curve->count == 1) return curve->value[0];
    size_t i = 1;
    while (i + 1 < curve->count && curve->at[i] < at) i++;
    double x0 = curve->at[i - 1], x1 = curve->at[i], y0 = curve->value[i - 1];
    double value = y0 + (curve->value[i] - y0) * (at - x0) / (x1 - x0);
    return at < x0 ? fmax(value, 0.0) : value;
}

double scaling_exchange(const ScalingExchange *exchange, size_t messages, double bytes) {
    if (messages == 0) return 0.0;
    return scaling_curve(&exchange->one, bytes) +
           (double)(messages - 1) * (exchange->message + bytes * exchange->byte);
}

size_t scaling_levels(size_t messages[SCALING_LEVELS], double bytes[SCALING_LEVELS],
                      const ScalingCase *what, double bucket_bytes) {
    size_t count = 0;
    for (size_t left = what->nodes; left > 1 && count < SCALING_LEVELS; count++) {
        size_t peers = gradsync_peers(left, COMM_MOST_PEERS);
        bucket_bytes /= (double)peers;
        messages[count] = peers - 1;
        bytes[count] = bucket_bytes;
        left /= peers;
    }
    return count;
}

/* A bucket's way: how long it takes, and how long it keeps the line from others. */
typedef struct Passage {
    double time, line, processor;
} Passage;

static Passage passage_of(const ScalingNetwork *network, const ScalingCase *what, double bytes) {
    size_t messages[SCALING_LEVELS];
    double each[SCALING_LEVELS];
    Passage passage = {0.0, 0.0, 0.0};
    size_t levels = scaling_levels(messages, each, what, bytes);
    for (size_t l = 0; l < levels; l++) {
        const ScalingExchange *time = &network->time;
        passage.time += scaling_exchange(time, messages[l], each[l]);
        passage.line += (double)messages[l] * (time->message + each[l] * time->byte);
        passage.processor += scaling_exchange(&network->processor, messages[l], each[l]);
    }
    return passage;
}

/* ---- Own work -------------------------------------------------------------------------------- */

static double shard_seconds(const ScalingWork *work, const ScalingCase *what) {
    return what->crowding * scaling_curve(&work->shard, what->batch / (double)what->shards);
}

/* Shards of the rank that has most. */
static double shard_count(const ScalingCase *what) {
    return (double)shard_capacity(what->shards, what->nodes * what->members);
}

/* Additions and the optimizer, which the ranks of a node share. */
static double tail_seconds(const ScalingWork *work, const ScalingCase *what) {
    double here = (double)shard_capacity(what->shards, what->nodes) - 1.0;
    double elsewhere = (double)(what->nodes - 1) / (double)what->nodes;
    double floats = (double)what->floats, members = (double)what->members;
    double added = floats * (here + elsewhere), updated = floats / (double)what->nodes;
    return what->crowding * (work->add * added + work->update * updated) / members;
}

/* The share of a shard's work after which all gradients of a range are there. */
static double filled_at(const ScalingWork *work, size_t begin, size_t end) {
    double last = 0.0;
    for (size_t i = 0; i < work->layer_count; i++) {
        const ScalingLayer *layer = &work->layers[i];
        if (layer->begin < end && layer->end > begin) last = fmax(last, layer->filled);
    }
    return work->layer_count > 0 ? last : 1.0;
}

/* The share after which some of its parameters are read. */
static double read_at(const ScalingWork *work, size_t begin, size_t end) {
    double first = 1.0;
    for (size_t i = 0; i < work->layer_count; i++) {
        const ScalingLayer *layer = &work->layers[i];
        if (layer->begin < end && layer->end > begin) first = fmin(first, layer->read);
    }
    return work->layer_count > 0 ? first : 0.0;
}

/* ---- The exchanges --------------------------------------------------------------------------- */

/* Of the sums, or of the gathering. */
typedef struct Journey {
    double alone;     /* its time if nothing were hidden */
    double exposed;   /* what is waited for */
    double processor; /* of a rank that sends */
} Journey;

typedef struct Buckets {
    const ScalingWork *work;
    const ScalingNetwork *network;
    const ScalingCase *what;
    double line; /* when it is free */
    double last; /* arrival after the own work that hides it */
    Journey journey;
} Buckets;

/* One more bucket, which is ready at a time and needed at another. */
static void pass(Buckets *buckets, double bytes, double ready, double needed) {
    Passage passage = passage_of(buckets->network, buckets->what, bytes);
    double start = fmax(buckets->line, ready);
    buckets->line = start + passage.line;
    buckets->last = fmax(buckets->last, start + passage.time - needed);
    buckets->journey.alone += passage.line;
    buckets->journey.processor += passage.processor;
    buckets->journey.exposed = buckets->last;
}

/* The last buckets' gradients are there first. */
static void pass_down(Buckets *buckets, size_t at, size_t size) {
    const ScalingCase *what = buckets->what;
    if (at >= what->floats) return;
    size_t end = gradsync_bucket_end(at, what->floats, what->bucket_bytes, &size);
    pass_down(buckets, end, size);
    double shard = shard_seconds(buckets->work, what), all = shard * shard_count(what);
    double ready = what->overlaps ? all - shard * (1.0 - filled_at(buckets->work, at, end)) : all;
    pass(buckets, (double)((end - at) * what->gradient_bytes), ready, all);
}

static void pass_up(Buckets *buckets) {
    const ScalingCase *what = buckets->what;
    double shard = shard_seconds(buckets->work, what);
    size_t size = 0;
    for (size_t at = 0; at < what->floats;) {
        size_t end = gradsync_bucket_end(at, what->floats, what->bucket_bytes, &size);
        double needed = what->overlaps ? shard * read_at(buckets->work, at, end) : 0.0;
        pass(buckets, (double)((end - at) * sizeof(float)), 0.0, needed);
        at = end;
    }
}

/* Squares and reports, by MPI_Allreduce: a logarithm of rounds. */
static double share_seconds(const ScalingNetwork *network, const ScalingCase *what) {
    double squares = sizeof(double) * (double)shard_capacity(what->floats, GRADSYNC_BLOCK);
    double bytes = squares + (double)(what->report_bytes * what->shards);
    return ceil(log2((double)what->nodes)) * scaling_exchange(&network->time, 1, bytes);
}

ScalingTraffic scaling_traffic(const ScalingCase *what) {
    size_t messages[SCALING_LEVELS], size = 0;
    double bytes[SCALING_LEVELS];
    ScalingTraffic traffic = {0.0, 0.0};
    for (size_t at = 0; at < what->floats;) {
        size_t end = gradsync_bucket_end(at, what->floats, what->bucket_bytes, &size);
        size_t levels = scaling_levels(messages, bytes, what, (double)(end - at));
        for (size_t l = 0; l < levels; l++) {
            traffic.messages += 2.0 * (double)messages[l];
            traffic.bytes +=
                (double)messages[l] * bytes[l] * (double)(what->gradient_bytes + sizeof(float));
        }
        at = end;
    }
    return traffic;
}

ScalingTime scaling_step(const ScalingWork *work, const ScalingNetwork *network,
                         const ScalingCase *what) {
    double own = shard_seconds(work, what) * shard_count(what) + tail_seconds(work, what);
    if (what->nodes == 1) return (ScalingTime){.own = own, .step = own};
    Buckets sums = {.work = work, .network = network, .what = what}, gathering = sums;
    pass_down(&sums, 0, 0);
    pass_up(&gathering);
    double share = share_seconds(network, what);
    double waited = sums.journey.exposed + gathering.journey.exposed;
    double alone = sums.journey.alone + gathering.journey.alone;
    double hidden = fmax(1.0 - waited / fmax(alone, 1e-9), 0.0);
    double taken = sums.journey.processor + gathering.journey.processor;
    ScalingTime time = {.own = own + what->crowding * hidden * taken,
                        .network = alone + share,
                        .exposed = waited + share};
    time.step = time.own + time.exposed;
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
