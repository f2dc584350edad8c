/* What gradsync.c (the calls), gradsync_make.c (memory), gradsync_plan.c (who adds up what),
 * gradsync_transfers.c (who sends what), gradsync_sum.c (additions), gradsync_post.c (messages) and
 * gradsync_exchange.c (bringing them on) share. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "dist/tree.h"
#include "mnist_dist/dist/gradsync.h"

enum { GRADSYNC_MOST_LEVELS = 16 };

/* A unit is what acts as one towards others: the ranks of a node, of which the first sends, or a
 * rank by itself where memory is not shared. */
typedef struct Group {
    CommScope scope;
    size_t unit, units;
    size_t member, members; /* this rank, of its unit */
    size_t *ends;           /* (units): where each one's shards end */
} Group;

/* Units meet in levels. At level 0 each one adds up its own shards; at each level above, `peers`
 * units whose numbers differ by multiples of `stride` exchange what they have, and know more of
 * the tree, of a smaller part of the vector. After the last they know all of it. */
typedef struct Level {
    size_t peers, stride;
    Tree *trees[2]; /* (tree_count): this unit's largest subtrees then; those of [1] round */
    size_t tree_count;
} Level;

/* Numbers that go to a peer, or come from one. */
typedef struct Transfer {
    int peer;
    float *values;
    size_t count;
    uint16_t *halves; /* (count): as they travel; NULL if they travel as they are */
} Transfer;

typedef struct Transfers {
    Transfer *items;
    size_t count;
} Transfers;

/* A bucket at a level. */
typedef struct Stage {
    Range range;    /* what this unit has of it */
    float **leaves; /* (shards): of the level's trees, from number range.begin on */
    Transfers sends, receives;
    CommFlight *in, *out, *gather_in, *gather_out;
    bool sent, given; /* whether this unit's part of the sum, of the gathering, is on its way */
} Stage;

/* What the ranks of a unit tell one another of a bucket. */
typedef struct BucketState {
    _Alignas(64) _Atomic uint64_t missing; /* numbers of the unit's shards that are not announced */
    _Atomic uint32_t summed;               /* members that have added up their part */
    _Atomic uint32_t arrived;              /* the last step of which all numbers are here */
    _Atomic uint32_t gathered;             /* likewise, the last gathering */
} BucketState;

typedef struct Bucket {
    Range range;
    Range part;        /* of `range`: what this rank adds up at level 0 */
    Range own;         /* this rank's slice */
    bool halves;       /* travels as bfloat16 */
    Stage *stages;     /* (levels) */
    size_t next;       /* the level that the leader's messages are to reach; levels: all reached */
    size_t turn;       /* likewise of the gathering, downwards; 0: all here */
    unsigned row;      /* of the timeline ... */
    double since;      /* ... where it is under way since then */
    atomic_bool taken; /* whether this rank has begun to add up its part */
    BucketState *state;
} Bucket;

struct GradSync {
    Comm *comm;
    Pool *pool;
    GradSyncShape shape;
    Group group;
    Range own;  /* shards of this rank */
    Range unit; /* shards of its unit */
    Level *levels;
    size_t level_count;
    Bucket *buckets;
    size_t bucket_count;

    char *memory; /* all that follows, down to `received`; of comm_shared if members share it */
    bool in_node; /* whether it is */
    float **gradients; /* (shards); NULL for those that are not here */
    char **left;       /* (shards, late.bytes); likewise */
    float **vectors;   /* (vectors) */
    double *squares;   /* (blocks): sums of squares of the finished sum ... */
    char *reports;     /* ... and behind them (shards, report_bytes) */
    BucketState *states;
    float *received; /* what comes from other units */

    Range made;         /* the late floats that are made when summed: whole blocks */
    float *blocks;      /* (threads, width - 1, GRADSYNC_BLOCK) for that */
    bool *ended;        /* (own shards): whether the ends of its late range are made */
    uint16_t *halves;   /* for all transfers that travel so */
    char *merged;       /* squares and reports on their way */
    size_t *slice_ends; /* (units): where their slices of a bucket end, which is to be collected */
    bool begun;         /* the step */
    uint32_t step, gathers;
    float *gathering; /* the vector of the gathering under way */

    bool overlaps;
    pthread_t thread;
    pthread_mutex_t mutex;        /* guards messages and what the leader knows of them */
    pthread_cond_t work;          /* there are messages to bring on */
    bool active, in_air, closing; /* whether messages are awaited; whether some are on their way */
    atomic_int waiting;           /* threads that do */
};

static inline size_t range_size(Range range) {
    return range.end - range.begin;
}

size_t gradsync_block_count(const GradSync *sync);
Range gradsync_shards_of(const GradSync *sync, size_t rank);

/* Part i of n of a range, cut at blocks. */
Range gradsync_part(Range range, size_t i, size_t n);

/* Bytes of squares and reports. */
size_t gradsync_told_bytes(const GradSync *sync);

/* Nothing is announced, or added up. Between meetings, by one rank of the unit. */
void gradsync_clear_states(GradSync *sync);

/* Which of its peers at a level a unit is, and which unit a peer is. */
size_t gradsync_peer_index(const Level *level, size_t unit);
size_t gradsync_peer_unit(const Level *level, size_t unit, size_t index);

/* The run of shards that a unit knows after a level. */
Range gradsync_run(const GradSync *sync, size_t level, size_t unit);

/* A run is cut into the largest nodes of the tree over `shards` that fit: the width of the one at
 * `first`, and how many they are. */
size_t gradsync_subtree_width(size_t first, size_t end, size_t shards);
size_t gradsync_count_subtrees(Range run, size_t shards);

/* Plans levels and buckets; then, once there is memory, where everything stands. */
Status gradsync_plan(GradSync *sync);
Status gradsync_plan_transfers(GradSync *sync);
void gradsync_plan_destroy(GradSync *sync);
size_t gradsync_received_count(const GradSync *sync); /* floats of `received` */

/* Decides what is made when it is summed, once the memory is there. */
Status gradsync_plan_made(GradSync *sync);

/* Adds up this rank's part of the buckets that are announced, or of all. */
void gradsync_sum_announced(GradSync *sync, size_t thread);
void gradsync_sum_rest(GradSync *sync);

/* The rest of the tree for this rank's slice of a bucket, all of whose numbers are here. */
void gradsync_finish(GradSync *sync, const Bucket *bucket);

/* One of the unit's, beyond level 0: what the leader must add up to have something to send. */
void gradsync_sum_level(const GradSync *sync, const Bucket *bucket, size_t level);

/* The ends of the late range of a shard of this rank's, which fill no block. */
void gradsync_make_ends(GradSync *sync, size_t shard, size_t thread);

/* The leader's messages of a bucket at a level. A sum's numbers are sent; room for them is given
 * beforehand, and they are unpacked when they are here; slices of sync->gathering are sent, or
 * room is given for them. */
void gradsync_send_level(GradSync *sync, Bucket *bucket, size_t level);
void gradsync_receive_level(GradSync *sync, const Bucket *bucket, size_t level);
void gradsync_unpack_level(const Stage *stage);
void gradsync_gather_level(GradSync *sync, const Bucket *bucket, size_t level, bool sends);

/* Messages between units; of the leader alone but for the waits. `gradsync_arrived` waits until all
 * numbers of a bucket are here, `gradsync_exchange_settle` until nothing is under way. */
void gradsync_exchange_init(GradSync *sync);
Status gradsync_exchange_new(GradSync *sync);
void gradsync_exchange_destroy(GradSync *sync);
void gradsync_exchange_begin(GradSync *sync);
void gradsync_exchange_wake(GradSync *sync); /* there is something new to send */
void gradsync_exchange_gather(GradSync *sync, float *vector);
void gradsync_arrived(GradSync *sync, const Bucket *bucket);
void gradsync_gathered(GradSync *sync, const Bucket *bucket);
void gradsync_exchange_settle(GradSync *sync);
