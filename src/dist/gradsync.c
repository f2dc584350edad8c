/* The reproducible sum; see gradsync.h.
 *
 * A step has three meetings of the ranks, at each of which all wait for all:
 *
 * 1. Gradients and reports are there. Then each rank reads the others' gradients, and writes the
 * sum of its slice over the first leaf's, which nobody else reads.
 * 2. The sum and its squares are there. Then each rank takes the norm, reads the reports, and
 * writes its slice of the parameters, which nobody else reads now.
 * 3. The parameters are there. Then each rank reads them, and writes gradients and reports.
 *
 * On one node a meeting is comm_node_barrier; over messages it is the arrival of all that is sent.
 * The second could be done without if the optimizer stepped before the norm is known; but a step
 * whose gradient is not finite must leave everything as it was. */
#include <math.h>
#include <stdlib.h>

#include "dist/gradsync_parts.h"
#include "mnist_dist/base/log.h"
#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/shard.h"
#include "mnist_dist/base/tally.h"

enum {
    BLOCKS_PER_TASK = 4,
    MADE_SHARDS = 64 /* at most, if blocks are to be made when summed: a block of each is held */
};

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
    return gradients * (vector_bytes(sync) + shape->late.bytes) +
           shape->vectors * vector_bytes(sync) + gradsync_block_count(sync) * sizeof(double) +
           shape->shards * shape->report_bytes;
}

/* Cuts up the memory, which holds the gradients of these shards. */
static void place(GradSync *sync, Range shards) {
    char *at = sync->memory;
    for (size_t i = shards.begin; i < shards.end; i++, at += vector_bytes(sync))
        sync->gradients[i] = (float *)(void *)at;
    for (size_t i = 0; i < sync->shape.vectors; i++, at += vector_bytes(sync))
        sync->vectors[i] = (float *)(void *)at;
    for (size_t i = shards.begin; i < shards.end; i++, at += sync->shape.late.bytes)
        sync->left[i] = at;
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
    TRY(MEMORY_NEW(&sync->left, sync->shape.shards));
    TRY(MEMORY_NEW(&sync->leaves, sync->shape.shards));
    TRY(MEMORY_NEW(&sync->vectors, sync->shape.vectors));
cleanup:
    return status;
}

/* Late blocks are made by the rank whose slice they are in, if it sees what all shards left. The
 * ends of the late range that fill no block, and all of it otherwise, are made by the shards' own
 * rank. */
static Status plan_made(GradSync *sync) {
    Range late = sync->shape.late.range;
    size_t shards = sync->shape.shards, others = pool_threads(sync->pool) * (shards - 1);
    size_t begin = shard_capacity(late.begin, GRADSYNC_BLOCK) * GRADSYNC_BLOCK;
    size_t end = late.end / GRADSYNC_BLOCK * GRADSYNC_BLOCK;
    bool made = sync->shared && shards <= MADE_SHARDS && begin < end;
    sync->made = made ? (Range){begin, end} : (Range){late.end, late.end};
    return made ? MEMORY_NEW(&sync->blocks, others * GRADSYNC_BLOCK) : STATUS_OK;
}

static Status fill(GradSync *sync) {
    Status status = STATUS_OK;
    TRY(comm_agree(sync->comm, allocate(sync)));
    share_memory(sync);
    if (!sync->shared) status = own_memory(sync);
    if (status == STATUS_OK) status = plan(sync);
    if (status == STATUS_OK) status = plan_made(sync);
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
    free(sync->blocks);
    free(sync->gradients);
    free(sync->left);
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

void *gradsync_left(const GradSync *sync, size_t i) {
    return sync->left[i];
}

void *gradsync_reports(const GradSync *sync) {
    return sync->reports;
}

float *gradsync_vector(const GradSync *sync, size_t i) {
    return sync->vectors[i];
}

float *gradsync_sum(const GradSync *sync) {
    return sync->leaves[0];
}

/* One tree, to be run on a range of its leaves. */
typedef struct TreeRun {
    const Tree *tree;
    float *const *leaves;
    Range range;
} TreeRun;

static Range task_range(Range range, size_t i) {
    size_t each = (size_t)BLOCKS_PER_TASK * GRADSYNC_BLOCK;
    size_t begin = range.begin + i * each;
    return (Range){begin, begin + each < range.end ? begin + each : range.end};
}

static size_t task_count(Range range) {
    return shard_capacity(range.end - range.begin, (size_t)BLOCKS_PER_TASK * GRADSYNC_BLOCK);
}

static void run_task(void *context, size_t i, size_t thread) {
    const TreeRun *run = context;
    (void)thread;
    tree_run(run->tree, run->leaves, task_range(run->range, i));
}

void gradsync_run_tree(GradSync *sync, const Tree *tree, float *const leaves[], Range range) {
    TreeRun run = {tree, leaves, range};
    pool_run(sync->pool, task_count(range), run_task, &run);
}

static void make(GradSync *sync, float *out, size_t shard, Range range, size_t thread) {
    const GradSyncLate *late = &sync->shape.late;
    late->make(late->context, out, shard, sync->left[shard], range, thread);
}

/* The ends of the late range, of this rank's i-th shard: a task of the pool. */
static void make_ends(void *context, size_t i, size_t thread) {
    GradSync *sync = context;
    Range late = sync->shape.late.range, made = sync->made;
    size_t shard = sync->own.begin + i;
    float *gradient = sync->gradients[shard];
    if (late.begin < made.begin)
        make(sync, gradient + late.begin, shard, (Range){late.begin, made.begin}, thread);
    if (made.end < late.end)
        make(sync, gradient + made.end, shard, (Range){made.end, late.end}, thread);
}

/* One block of the slice's tree whose leaves are made here; the first one's, and the sum, have
 * their place in the first shard's gradient. */
static void sum_made_block(GradSync *sync, Range block, size_t thread) {
    float *leaves[MADE_SHARDS] = {sync->leaves[0] + (block.begin - sync->slice.begin)};
    float *blocks = sync->blocks + thread * (sync->shape.shards - 1) * GRADSYNC_BLOCK;
    for (size_t i = 0; i < sync->shape.shards; i++) {
        if (i > 0) leaves[i] = blocks + (i - 1) * GRADSYNC_BLOCK;
        make(sync, leaves[i], i, block, thread);
    }
    tree_run(&sync->tree, leaves, (Range){0, block.end - block.begin});
}

/* A block's squares are taken while its sum is still in the cache. */
static void finish_block(GradSync *sync, Range block, size_t thread) {
    size_t at = block.begin - sync->slice.begin, count = block.end - block.begin;
    if (block.begin >= sync->made.begin && block.end <= sync->made.end)
        sum_made_block(sync, block, thread);
    else
        tree_run(&sync->tree, sync->leaves, (Range){at, at + count});
    sync->squares[block.begin / GRADSYNC_BLOCK] = squares_sum(sync->leaves[0] + at, count);
}

static void finish_task(void *context, size_t i, size_t thread) {
    GradSync *sync = context;
    Range range = task_range(sync->slice, i);
    for (size_t at = range.begin; at < range.end; at += GRADSYNC_BLOCK) {
        size_t end = at + GRADSYNC_BLOCK < range.end ? at + GRADSYNC_BLOCK : range.end;
        finish_block(sync, (Range){at, end}, thread);
    }
}

/* The sum of this rank's slice and its squares. */
static void finish(GradSync *sync) {
    pool_run(sync->pool, task_count(sync->slice), finish_task, sync);
}

static void make_own_ends(GradSync *sync) {
    Range late = sync->shape.late.range;
    bool ends = late.begin < sync->made.begin || sync->made.end < late.end;
    if (ends) pool_run(sync->pool, sync->own.end - sync->own.begin, make_ends, sync);
}

static double norm_of(const GradSync *sync) {
    size_t blocks = gradsync_block_count(sync);
    size_t part = shard_capacity(sync->shape.length - sync->shape.apart, GRADSYNC_BLOCK);
    double apart = tree_sum(sync->squares + part, blocks - part);
    return isfinite(apart) ? sqrt(tree_sum(sync->squares, part)) : apart;
}

double gradsync_reduce(GradSync *sync) {
    make_own_ends(sync);
    if (sync->shared) {
        comm_node_barrier(sync->comm);
        finish(sync);
        comm_node_barrier(sync->comm);
    } else {
        messages_exchange(sync);
        finish(sync);
        messages_share(sync);
    }
    return norm_of(sync);
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
