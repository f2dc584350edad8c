/* The reproducible sum; see gradsync.h.
 *
 * A step has three meetings of the ranks, at each of which all wait for all:
 *   gradients and reports are there   then each rank reads the others' gradients, and writes the
 * sum of its slice over the first leaf's, which nobody else reads the sum and its squares are there
 * then each rank takes the norm, reads the reports, and writes its slice of the parameters, which
 * nobody else reads now the parameters are there          then each rank reads them and writes
 * gradients and reports On one node a meeting is comm_node_barrier; over messages it is the arrival
 * of all that is sent.
 *
 * The second could be done without if the optimizer stepped before the norm is known; but a step
 * whose gradient is not finite must leave everything as it was. */
#include <math.h>
#include <stdlib.h>

#include "dist/gradsync_parts.h"
#include "mnist_dist/base/clones.h"
#include "mnist_dist/base/log.h"
#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/shard.h"
#include "mnist_dist/base/tally.h"

enum { SQUARE_LANES = 16, BLOCKS_PER_TASK = 4 };

size_t gradsync_block_count(const GradSync *sync) {
    return shard_capacity(sync->shape.length, GRADSYNC_BLOCK);
}

Range gradsync_shards_of(const GradSync *sync, size_t rank) {
    return (Range){shard_begin(rank, sync->shape.shards, sync->ranks),
                   shard_begin(rank + 1, sync->shape.shards, sync->ranks)};
}

Range gradsync_blocks_of(const GradSync *sync, size_t rank) {
    return (Range){shard_begin(rank, gradsync_block_count(sync), sync->ranks),
                   shard_begin(rank + 1, gradsync_block_count(sync), sync->ranks)};
}

static size_t block_begin(const GradSync *sync, size_t block) {
    size_t begin = GRADSYNC_BLOCK * block;
    return begin < sync->shape.length ? begin : sync->shape.length;
}

Range gradsync_slice_of(const GradSync *sync, size_t rank) {
    Range blocks = gradsync_blocks_of(sync, rank);
    return (Range){block_begin(sync, blocks.begin), block_begin(sync, blocks.end)};
}

static Status check(size_t shards, size_t ranks) {
    if (shards == 0 || (shards & (shards - 1)) != 0) {
        return status_fail(STATUS_USAGE,
                           "training.shards is %zu, but must be a power of two (1, 2, 4, 8 ...)",
                           shards);
    }
    if (ranks > shards) {
        return status_fail(STATUS_USAGE,
                           "%zu ranks for %zu shards: start at most %zu ranks (mpirun -np), or "
                           "raise training.shards (a power of two; it changes the result's bits)",
                           ranks, shards, shards);
    }
    return STATUS_OK;
}

/* Bytes of a vector, such that the next one is aligned. */
static size_t vector_bytes(const GradSync *sync) {
    return MEMORY_ALIGNMENT * shard_capacity(sync->shape.length * sizeof(float), MEMORY_ALIGNMENT);
}

static size_t memory_bytes(const GradSync *sync, size_t gradients) {
    const GradSyncShape *shape = &sync->shape;
    return (gradients + shape->vectors) * vector_bytes(sync) +
           gradsync_block_count(sync) * sizeof(double) + shape->shards * shape->report_bytes;
}

/* Cuts up the memory, which holds the gradients of these shards. */
static void place(GradSync *sync, Range shards) {
    char *at = sync->memory;
    for (size_t i = shards.begin; i < shards.end; i++, at += vector_bytes(sync))
        sync->gradients[i] = (float *)(void *)at;
    for (size_t i = 0; i < sync->shape.vectors; i++, at += vector_bytes(sync))
        sync->vectors[i] = (float *)(void *)at;
    sync->squares = (double *)(void *)at;
    sync->reports = at + gradsync_block_count(sync) * sizeof(double);
}

/* **Collective.** Leaves sync->memory NULL where the ranks are not of one node, or it has no room.
 */
static void share_memory(GradSync *sync) {
    Range all = {0, sync->shape.shards};
    void *memory = NULL;
    if (!comm_is_one_node(sync->comm)) return;
    Status status = comm_shared(&memory, sync->comm, memory_bytes(sync, all.end));
    if (status != STATUS_OK) {
        log_warning("%s; until then they send messages instead, which is slower", status_message());
        status_clear();
        return;
    }
    sync->memory = memory;
    sync->shared = true;
    place(sync, all);
}

static Status own_memory(GradSync *sync) {
    size_t gradients = sync->own.end - sync->own.begin;
    sync->memory = memory_zeroed(memory_bytes(sync, gradients), 1);
    if (sync->memory == NULL) return STATUS_FAILED;
    place(sync, sync->own);
    return messages_new(&sync->messages, sync);
}

/* A leaf of the slice's tree is a shard, or a subtree that one rank has summed. */
static Status plan(GradSync *sync) {
    size_t shards = sync->shape.shards;
    for (size_t i = 0; i < shards; i++)
        if (sync->gradients[i] != NULL) sync->leaves[i] = sync->gradients[i] + sync->slice.begin;
    return tree_new(&sync->tree, shards, sync->shared ? shards : sync->ranks, 0, shards);
}

static Status allocate(GradSync *sync) {
    Status status = STATUS_OK;
    TRY(MEMORY_NEW(&sync->gradients, sync->shape.shards));
    TRY(MEMORY_NEW(&sync->leaves, sync->shape.shards));
    TRY(MEMORY_NEW(&sync->vectors, sync->shape.vectors));
cleanup:
    return status;
}

static Status fill(GradSync *sync) {
    Status status = STATUS_OK;
    TRY(comm_agree(sync->comm, allocate(sync)));
    share_memory(sync);
    if (!sync->shared) status = own_memory(sync);
    if (status == STATUS_OK) status = plan(sync);
    TRY(comm_agree(sync->comm, status));
cleanup:
    return status;
}

Status gradsync_new(GradSync **out, Comm *comm, Pool *pool, const GradSyncShape *shape) {
    GradSync *sync = NULL;
    *out = NULL;
    Status status = check(shape->shards, (size_t)comm_size(comm));
    if (status == STATUS_OK) status = MEMORY_NEW(&sync, 1);
    TRY(comm_agree(comm, status));
    *sync = (GradSync){.comm = comm,
                       .pool = pool,
                       .shape = *shape,
                       .rank = (size_t)comm_rank(comm),
                       .ranks = (size_t)comm_size(comm)};
    sync->own = gradsync_shards_of(sync, sync->rank);
    sync->slice = gradsync_slice_of(sync, sync->rank);
    TRY(fill(sync));
    *out = sync;
    return status;

cleanup:
    gradsync_destroy(sync);
    return status;
}

void gradsync_destroy(GradSync *sync) {
    if (sync == NULL) return;
    if (sync->shared)
        comm_shared_free(sync->comm, sync->memory);
    else
        free(sync->memory);
    messages_destroy(sync->messages);
    tree_destroy(&sync->tree);
    free(sync->gradients);
    free(sync->leaves);
    free(sync->vectors);
    free(sync);
}

Range gradsync_shards(const GradSync *sync) {
    return sync->own;
}

Range gradsync_slice(const GradSync *sync) {
    return sync->slice;
}

bool gradsync_is_shared(const GradSync *sync) {
    return sync->shared;
}

float *gradsync_gradient(const GradSync *sync, size_t i) {
    return sync->gradients[i];
}

void *gradsync_reports(const GradSync *sync) {
    return sync->reports;
}

float *gradsync_vector(const GradSync *sync, size_t i) {
    return sync->vectors[i];
}

const float *gradsync_sum(const GradSync *sync) {
    return sync->leaves[0];
}

/* In lanes, so that the additions do not wait for each other. */
VECTOR_CLONES static void add_squares(double lanes[restrict SQUARE_LANES],
                                      const float *restrict values, size_t count) {
    size_t whole = count - count % SQUARE_LANES;
    for (size_t i = 0; i < whole; i += SQUARE_LANES)
        for (size_t k = 0; k < SQUARE_LANES; k++)
            lanes[k] += (double)values[i + k] * (double)values[i + k];
    for (size_t i = whole; i < count; i++)
        lanes[i - whole] += (double)values[i] * (double)values[i];
}

static double sum_of_squares(const float *values, size_t count) {
    double lanes[SQUARE_LANES] = {0};
    add_squares(lanes, values, count);
    return tree_sum(lanes, SQUARE_LANES);
}

/* One tree, to be run on a range of its leaves. */
typedef struct TreeRun {
    GradSync *sync;
    const Tree *tree;
    float *const *leaves;
    Range range;
} TreeRun;

static Range task_range(const TreeRun *run, size_t i) {
    size_t each = BLOCKS_PER_TASK * GRADSYNC_BLOCK;
    size_t begin = run->range.begin + i * each;
    return (Range){begin, begin + each < run->range.end ? begin + each : run->range.end};
}

static size_t task_count(Range range) {
    return shard_capacity(range.end - range.begin, BLOCKS_PER_TASK * GRADSYNC_BLOCK);
}

static void run_task(void *context, size_t i, size_t thread) {
    const TreeRun *run = context;
    (void)thread;
    tree_run(run->tree, run->leaves, task_range(run, i));
}

void gradsync_run_tree(GradSync *sync, const Tree *tree, float *const leaves[], Range range) {
    TreeRun run = {sync, tree, leaves, range};
    pool_run(sync->pool, task_count(range), run_task, &run);
}

/* A block's squares are taken while its sum is still in the cache. */
static void finish_task(void *context, size_t i, size_t thread) {
    const TreeRun *run = context;
    Range range = task_range(run, i);
    double *squares = run->sync->squares + run->sync->slice.begin / GRADSYNC_BLOCK;
    (void)thread;
    for (size_t at = range.begin; at < range.end; at += GRADSYNC_BLOCK) {
        size_t end = at + GRADSYNC_BLOCK < range.end ? at + GRADSYNC_BLOCK : range.end;
        tree_run(run->tree, run->leaves, (Range){at, end});
        squares[at / GRADSYNC_BLOCK] = sum_of_squares(run->leaves[0] + at, end - at);
    }
}

/* The sum of this rank's slice and its squares. */
static void finish(GradSync *sync) {
    Range range = {0, sync->slice.end - sync->slice.begin};
    TreeRun run = {sync, &sync->tree, sync->leaves, range};
    pool_run(sync->pool, task_count(range), finish_task, &run);
}

double gradsync_reduce(GradSync *sync) {
    if (sync->shared) {
        comm_node_barrier(sync->comm);
        finish(sync);
        comm_node_barrier(sync->comm);
    } else {
        messages_exchange(sync);
        finish(sync);
        messages_share(sync);
    }
    return sqrt(tree_sum(sync->squares, gradsync_block_count(sync)));
}

void gradsync_gather(GradSync *sync, size_t i) {
    if (sync->shared)
        comm_node_barrier(sync->comm);
    else
        messages_gather(sync, sync->vectors[i]);
}

void gradsync_collect(GradSync *sync, size_t i) {
    if (sync->shared)
        comm_node_barrier(sync->comm);
    else
        messages_collect(sync, sync->vectors[i]);
}

void gradsync_spread(GradSync *sync, size_t i) {
    if (sync->shared)
        comm_node_barrier(sync->comm);
    else
        comm_broadcast(sync->comm, sync->vectors[i], sync->shape.length * sizeof(float), 0);
}
