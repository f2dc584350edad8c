/* The reproducible sum: shard gradients added in one fixed binary tree over the shard index.
 *
 * S shards (a power of two) are the leaves of a complete binary tree; a node is the sum left +
 * right. Rank r of R computes shards shard_begin(r, S, R) .. shard_begin(r + 1, S, R) - 1. The flat
 * vector is cut into one slice per rank, at multiples of GRADSYNC_BLOCK numbers, and each rank
 * finishes the tree for its own slice (reduce-scatter). The optimizer then steps on that slice
 * alone, and all ranks get the new parameters (allgather): the same traffic as gathering gradients,
 * and the optimizer's work is shared out too. The additions made are the same for every R, so the
 * bits are. Refused: MPI_Allreduce, whose order depends on R, on the algorithm it picks, and on the
 * vector's length.
 *
 * How the numbers get there is the sync's choice, so the vectors are the sync's. Where all ranks
 * are of one node, gradients and vectors stand in memory that they share: a rank reads the others'
 * gradients in place, and there is one copy of the parameters. Otherwise (or where the node lacks
 * room for that) a rank adds up the largest subtrees that lie within its run of shards, and sends
 * each rank its slice of them: where R divides S, one number for each one that it does not own; for
 * other R, up to log S times as many. */
#pragma once

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
    GradSyncLate late;
} GradSyncShape;

/* **Collective.** All memory is zeroed. The pool's threads share the work; comm and pool must
 * outlive the sync. STATUS_USAGE if there are more ranks than shards or if shards is no power of
 * two, with the keys to change. */
Status gradsync_new(GradSync **out, Comm *comm, Pool *pool, const GradSyncShape *shape);
/* **Collective.** */
void gradsync_destroy(GradSync *sync);

Range gradsync_shards(const GradSync *sync); /* the shards that this rank computes */
Range gradsync_slice(const GradSync *sync);  /* the floats that this rank finishes; may be empty */

/* Whether this rank's vectors are those of all ranks. */
bool gradsync_is_shared(const GradSync *sync);

/* The flat gradient of shard i, one of this rank's: (length), for the caller to fill. */
float *gradsync_gradient(const GradSync *sync, size_t i);

/* Where shard i, one of this rank's, leaves what its late gradient is made of: (late.bytes). */
void *gradsync_left(const GradSync *sync, size_t i);

/* Reports of all shards: (shards, report_bytes). The caller fills those of its own; the others'
 * are there after gradsync_reduce, until the next step. */
void *gradsync_reports(const GradSync *sync);

/* Vector i: (length), aligned to 64 bytes. A rank may write its slice between gradsync_reduce and
 * gradsync_gather, rank 0 all of it before gradsync_spread. */
float *gradsync_vector(const GradSync *sync, size_t i);

/* **Collective.** Once each rank's gradients, reports and what is late are filled: sums up, and
 * returns the Euclidean norm of the whole sum, the same double on all ranks. It is made of sums of
 * squares per block of GRADSYNC_BLOCK floats, in double, added by tree_sum. It is not finite if any
 * number of the sum is not, those apart included. The gradients are overwritten. */
double gradsync_reduce(GradSync *sync);

/* What gradsync_reduce found for this rank's slice: (slice.end - slice.begin), the caller's to
 * change until gradsync_gather. */
float *gradsync_sum(const GradSync *sync);

/* **Collective.** Each rank has filled its slice of vector i; after the call all have all of it. */
void gradsync_gather(GradSync *sync, size_t i);

/* **Collective.** As gradsync_gather, but only rank 0 is sure to have all of it. */
void gradsync_collect(GradSync *sync, size_t i);

/* **Collective.** Gives all ranks rank 0's vector i. */
void gradsync_spread(GradSync *sync, size_t i);
