/* What a training step takes on any number of ranks, from what was measured on a few: pure
 * functions, for `bench scaling`.
 *
 * A step is a rank's own work, in processor time, and exchanges between nodes, in each of which
 * every node sends so many messages of so many bytes and receives as many. Own work takes longer
 * where ranks share processors: by `crowding`. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { SCALING_POINTS = 9, SCALING_STAGES = 8 };

/* A function known at some points, rising; linear between them and beyond. */
typedef struct ScalingCurve {
    size_t count;
    double at[SCALING_POINTS], value[SCALING_POINTS];
} ScalingCurve;
double scaling_curve(const ScalingCurve *curve, double at);

/* A rank's own work, in seconds on a processor of its own. */
typedef struct ScalingWork {
    ScalingCurve shard; /* by samples: fetching them, forward, loss, backward */
    double add;         /* per number that is added to another */
    double update;      /* per number that the optimizer steps */
} ScalingWork;

/* Exchanges between nodes, all of which send at once. */
typedef struct ScalingNetwork {
    ScalingCurve one; /* seconds, by bytes: one message each way */
    double message;   /* of each further one: seconds ... */
    double byte;      /* ... and seconds per byte */
} ScalingNetwork;

/* `messages` of `bytes` each from every node to others, and as many back. */
double scaling_exchange(const ScalingNetwork *network, size_t messages, double bytes);

/* What is to be foreseen. */
typedef struct ScalingCase {
    size_t floats;       /* of the flat vector */
    size_t report_bytes; /* of a shard */
    size_t ranks, shards;
    double batch; /* images of a step */
    double crowding;
} ScalingCase;

typedef struct ScalingStage {
    size_t messages; /* of a node */
    double bytes;    /* of each */
} ScalingStage;

/* The exchanges of a step: of the shards' sums, of squares and reports, and of parameters; each in
 * as many stages as it takes for a node to speak with at most 64 others in each. Returns how many
 * (SCALING_STAGES at most). */
size_t scaling_stages(ScalingStage stages[SCALING_STAGES], const ScalingCase *what);

typedef struct ScalingTime {
    double own, network, step; /* seconds; step is the sum */
} ScalingTime;
ScalingTime scaling_step(const ScalingWork *work, const ScalingNetwork *network,
                         const ScalingCase *what);

/* Images of a step at which the network takes as long as the ranks' own work: with fewer it is the
 * limit. The shards stay as many. */
double scaling_balance(const ScalingWork *work, const ScalingNetwork *network,
                       const ScalingCase *what);
