/* What a training step takes on any number of nodes, from what was measured on a few: pure
 * functions, for `bench scaling`.
 *
 * A step is the ranks' own work, in processor time, and exchanges between nodes, in each of which
 * every node sends so many messages of so many bytes and receives as many. Own work takes longer
 * where ranks share processors: by `crowding`. The vector travels in buckets (dist/gradsync.h),
 * while the last shard's backward pass and the next forward pass go on; what is not done by then
 * is waited for. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { SCALING_POINTS = 9, SCALING_LAYERS = 64, SCALING_LEVELS = 8 };

/* A function known at some points, rising; linear between them and beyond. */
typedef struct ScalingCurve {
    size_t count;
    double at[SCALING_POINTS], value[SCALING_POINTS];
} ScalingCurve;
double scaling_curve(const ScalingCurve *curve, double at);

/* When, within a shard's work, a layer's parameters are first read and their gradients there: as a
 * share of it. */
typedef struct ScalingLayer {
    size_t begin, end; /* of the flat vector */
    double read, filled;
} ScalingLayer;

/* A rank's own work, in seconds on a processor of its own. */
typedef struct ScalingWork {
    ScalingCurve shard; /* by samples: fetching them, forward, loss, backward */
    double add;         /* per number that is added to another */
    double update;      /* per number that the optimizer steps */
    ScalingLayer layers[SCALING_LAYERS];
    size_t layer_count;
} ScalingWork;

/* Seconds of an exchange, in which all nodes send at once. */
typedef struct ScalingExchange {
    ScalingCurve one; /* by bytes: one message each way */
    double message;   /* of each further one: seconds ... */
    double byte;      /* ... and seconds per byte */
} ScalingExchange;

typedef struct ScalingNetwork {
    ScalingExchange time, processor; /* until all have come; of a processor meanwhile */
} ScalingNetwork;

/* `messages` of `bytes` each from every node to others, and as many back. */
double scaling_exchange(const ScalingExchange *exchange, size_t messages, double bytes);

/* What is to be foreseen. */
typedef struct ScalingCase {
    size_t floats;         /* of the flat vector */
    size_t report_bytes;   /* of a shard */
    size_t gradient_bytes; /* of a number on its way: 4, or 2 */
    size_t bucket_bytes;   /* training.bucket_size; 0: all at once */
    bool overlaps;         /* training.overlap */
    size_t nodes, members; /* and the ranks of each */
    size_t shards;
    double batch; /* images of a step */
    double crowding;
} ScalingCase;

/* A bucket's sum, or its gathering, at each level of the nodes: at most 64 speak with one another
 * in each. Returns how many levels there are; messages[l] and bytes[l] are a node's. */
size_t scaling_levels(size_t messages[SCALING_LEVELS], double bytes[SCALING_LEVELS],
                      const ScalingCase *what, double bucket_bytes);

/* What a node sends in a step, by the sums and the gathering: as gradsync_traffic says. */
typedef struct ScalingTraffic {
    double messages, bytes;
} ScalingTraffic;
ScalingTraffic scaling_traffic(const ScalingCase *what);

typedef struct ScalingTime {
    double own;     /* the ranks' work, with what TCP takes of their processors meanwhile */
    double network; /* the exchanges, one after the other */
    double exposed; /* what of that is waited for */
    double step;    /* own and exposed */
} ScalingTime;
ScalingTime scaling_step(const ScalingWork *work, const ScalingNetwork *network,
                         const ScalingCase *what);

/* Images of a step for which the network takes as long as the ranks' own work: with fewer it is
 * the limit. The shards stay as many. */
double scaling_balance(const ScalingWork *work, const ScalingNetwork *network,
                       const ScalingCase *what);
