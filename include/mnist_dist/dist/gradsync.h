/* The reproducible sum: shard gradients added in one fixed binary tree over the shard index.
 *
 * S shards (a power of two) are the leaves of a complete binary tree; a node is the sum left +
 * right. Rank r of R owns shards shard_begin(r, S, R) .. shard_begin(r + 1, S, R) - 1, which is a
 * run of whole ("aligned") subtrees; it adds those up itself. The flat vector is cut into one
 * slice per rank, at multiples of GRADSYNC_BLOCK numbers; each rank receives the other ranks'
 * subtrees of its own slice and finishes the tree there (reduce-scatter). The optimizer then steps
 * on that slice alone, and the new parameters are gathered (allgather): the same traffic as
 * gathering gradients, and the optimizer's work is shared out too. The additions made are the same
 * for every R, so the bits are. Where R divides S, a rank sends one number for each one it does
 * not own; for other R, up to log S times as many. Refused: MPI_Allreduce, whose order depends on
 * R, on the algorithm it picks, and on the vector's length. */
#pragma once

#include <stddef.h>

#include "mnist_dist/base/status.h"
#include "mnist_dist/dist/comm.h"

enum { GRADSYNC_BLOCK = 4096 };

typedef struct GradSync GradSync;

/* For vectors of `length` floats and `shards` shards. STATUS_USAGE if there are more ranks than
 * shards or if shards is no power of two, with the keys to change. */
Status gradsync_new(GradSync **out, Comm *comm, size_t length, size_t shards);
void gradsync_destroy(GradSync *sync);

/* A run of the flat vector, or of shards. */
typedef struct Range {
    size_t begin, end;
} Range;

Range gradsync_shards(const GradSync *sync); /* the shards that this rank computes */
Range gradsync_slice(const GradSync *sync);  /* the floats that this rank finishes; may be empty */

/* **Collective.** gradients[i] is the flat gradient of this rank's i-th shard; they are
 * overwritten. On return the finished sum of this rank's slice stands in gradients[0][slice.begin
 * .. end - 1]. */
void gradsync_reduce(GradSync *sync, float *const gradients[]);

/* **Collective.** Each rank has filled its slice of `vector`; after the call all have all of it. */
void gradsync_gather(GradSync *sync, float *vector);

/* **Collective.** As gradsync_gather, but only rank 0 has all of it. */
void gradsync_collect(GradSync *sync, float *vector);

/* **Collective.** The Euclidean norm of the whole vector, of which each rank has its slice: sums of
 * squares per block of GRADSYNC_BLOCK floats, in double, added by tree_sum. The same double on all
 * ranks. */
double gradsync_norm(GradSync *sync, const float *vector);
