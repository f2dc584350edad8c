/* The reproducible sum: shard gradients added in one fixed binary tree over the shard index.
 *
 * S shards (a power of two) are the leaves of a complete binary tree; a node is the sum left +
 * right. Rank r of R computes shards shard_begin(r, S, R) .. shard_begin(r + 1, S, R) - 1. Each
 * rank finishes the tree for slices of its own of the flat vector (reduce-scatter). The optimizer
 * then steps on those slices alone, and all ranks get the new parameters (allgather): the same
 * traffic as gathering gradients, and the optimizer's work is shared out too. The additions made
 * are the same for every R, so the bits are. Refused: MPI_Allreduce, whose order depends on R, on
 * the algorithm it picks, and on the vector's length.
 *
 * How the numbers get there is the sync's choice, so the vectors are the sync's. The ranks of a
 * node keep gradients and vectors in memory that they share: they add up the largest subtrees that
 * lie within the node's run of shards, each a part of the vector, and there is one copy of the
 * parameters. The first rank of each node sends for all of them: each other node gets its slice of
 * those subtrees. Where the nodes' runs are subtrees, that is one number sent for each one that is
 * not the node's own; otherwise up to log S times as many. Among many nodes the sum is made in
 * stages, so that nobody sends to more than comm_most_peers others, unless their number has a prime
 * factor above that. Where a node has no room for shared memory, every rank sends for itself.
 *
 * The vector travels in buckets, each as soon as it may: gradients while backward goes on to the
 * layers below, parameters while the next forward pass is on its way to the layers above. The last
 * layers' gradients are there first, and their parameters are needed last; so the first buckets,
 * with the first layers, are small. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "mnist_dist/base/pool.h"
#include "mnist_dist/base/status.h"
#include "mnist_dist/dist/comm.h"

enum { GRADSYNC_BLOCK = 4096 };

typedef struct GradSync GradSync;

/* A run of the flat vector, or of shards. */
typedef struct Range {
    size_t begin, end;
} Range;

/* What two ranges have in common; empty, if nothing. */
static inline Range range_overlap(Range a, Range b) {
    size_t begin = a.begin > b.begin ? a.begin : b.begin, end = a.end < b.end ? a.end : b.end;
    return (Range){begin, end > begin ? end : begin};
}

/* A part of the gradient that shards do not write out: each leaves something smaller (`bytes`, a
 * multiple of 64) from which whoever sums makes the numbers that he needs, a block at a time, in
 * cache. */
typedef struct GradSyncLate {
    Range range; /* of the flat vector; empty if there is none */
    size_t bytes;
    /* Numbers `range`, within the above, of a shard's gradient, into out (range.end - range.begin),
     * from what the shard left; called by many threads of the pool. */
    void (*make)(void *context, float *out, size_t shard, const void *left, Range range,
                 size_t thread);
    void *context;
} GradSyncLate;

typedef struct GradSyncShape {
    size_t length;       /* floats of each vector */
    size_t apart;        /* the last so many, from a multiple of GRADSYNC_BLOCK on, are summed like
                            all, but are no part of the norm */
    size_t shards;       /* a power of two, no fewer than ranks */
    size_t vectors;      /* beside the gradients: parameters, the optimizer's state */
    size_t report_bytes; /* what each shard tells all ranks; a multiple of 8 */
    size_t bucket_bytes; /* of a bucket, at most; 0: all the vector at once */
    bool overlaps;       /* messages travel while the caller computes, by a thread of the sync */
    bool halves;         /* gradients travel as bfloat16, and sums are rounded to it (tree.h) at any
                            number of ranks, but for those apart */
    GradSyncLate late;
} GradSyncShape;

/* **Collective.** All memory is zeroed. The pool's threads share the work; comm and pool must
 * outlive the sync. STATUS_USAGE if there are more ranks than shards or if shards is no power of
 * two, with the keys to change. */
Status gradsync_new(GradSync **out, Comm *comm, Pool *pool, const GradSyncShape *shape);
/* **Collective.** */
void gradsync_destroy(GradSync *sync);

Range gradsync_shards(const GradSync *sync); /* the shards that this rank computes */

/* The floats that this rank finishes: ascending ranges that begin at multiples of GRADSYNC_BLOCK;
 * any may be empty. */
size_t gradsync_slice_count(const GradSync *sync);
Range gradsync_slice(const GradSync *sync, size_t i);

/* Whether this rank is the first of those whose vectors stand in the same memory. */
bool gradsync_leads(const GradSync *sync);

/* Whether this rank's vectors are those of all ranks. */
bool gradsync_is_shared(const GradSync *sync);

/* The flat gradient of shard i, one of this rank's: (length), for the caller to fill. */
float *gradsync_gradient(const GradSync *sync, size_t i);

/* Where shard i, one of this rank's, leaves what its late gradient is made of: (late.bytes). */
void *gradsync_left(const GradSync *sync, size_t i);

/* Reports of all shards: (shards, report_bytes). The caller fills those of its own; the others'
 * are there after gradsync_reduce, until the next step. */
void *gradsync_reports(const GradSync *sync);

/* Vector i: (length), aligned to 64 bytes. A rank may write its slices between gradsync_reduce and
 * the gathering, rank 0 all of it before gradsync_spread. */
float *gradsync_vector(const GradSync *sync, size_t i);

/* A step begins: from now on gradients may be announced. Optional; gradsync_reduce begins what has
 * not begun. */
void gradsync_begin(GradSync *sync);

/* These numbers of a shard of this rank's are filled, for good: so they may set out. Optional; a
 * pool's thread may call it. What lies late is announced when it has been left. */
void gradsync_announce(GradSync *sync, size_t shard, Range range, size_t thread);

/* **Collective.** Once each rank's gradients, reports and what is late are filled: sums up, and
 * returns the Euclidean norm of the whole sum, the same double on all ranks. It is made of sums of
 * squares per block of GRADSYNC_BLOCK floats, in double, added by tree_sum. It is not finite if any
 * number of the sum is not, those apart included. The gradients are overwritten. */
double gradsync_reduce(GradSync *sync);

/* What gradsync_reduce found for number `place` of this rank's slices, and behind it the rest of
 * that slice: the caller's to change until the gathering. */
float *gradsync_sum(const GradSync *sync, size_t place);

/* **Collective.** Each rank has filled its slices of vector i; after the call all have all of it.
 */
void gradsync_gather(GradSync *sync, size_t i);

/* **Collective.** As gradsync_gather, but only rank 0 is sure to have all of it: for fewer messages
 * and bytes. */
void gradsync_collect(GradSync *sync, size_t i);

/* **Collective.** Begins such a gathering. Numbers of other ranks' slices are there after
 * gradsync_await of them, or gradsync_settle, which waits for all; the collective calls of the sync
 * settle first. Any thread may await. */
void gradsync_start_gather(GradSync *sync, size_t i);
void gradsync_await(GradSync *sync, Range range);
void gradsync_settle(GradSync *sync);

/* **Collective.** Gives all ranks rank 0's vector i. */
void gradsync_spread(GradSync *sync, size_t i);

/* How the plan is made, for whoever foresees it elsewhere. With how many, itself included, a group
 * exchanges at the next level, if `groups` of them are left to meet: the largest factor that is at
 * most `most`, or all where there is none. */
size_t gradsync_peers(size_t groups, size_t most);

/* Where the bucket that begins at `at` ends, in floats: at `end`, if not before. *size, of no
 * meaning where `at` is 0, is what the bucket before left for it. */
size_t gradsync_bucket_end(size_t at, size_t end, size_t bucket_bytes, size_t *size);

/* What this rank's node sends to others in a step, by the sums and the gathering: for whoever
 * predicts a step's time. */
typedef struct GradSyncTraffic {
    size_t messages, bytes;
} GradSyncTraffic;
GradSyncTraffic gradsync_traffic(const GradSync *sync);
