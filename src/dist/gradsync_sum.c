/* The additions of the reproducible sum, a block at a time; see gradsync.h.
 *
 * A unit's ranks share out level 0 by parts of each bucket. Where gradients are announced, a rank
 * adds up its part of a bucket as soon as it comes by and finds it complete, between two layers of
 * its own backward pass. Refused: to leave it to whoever announces last, who would then be last
 * with all that follows. */
#include <stdlib.h>

#include "dist/gradsync_parts.h"
#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/shard.h"
#include "mnist_dist/base/tally.h"

enum {
    BLOCKS_PER_TASK = 4,
    MADE_SHARDS = 64 /* at most, if blocks are to be made when summed: a block of each is held */
};

/* Late blocks are made by the rank that adds them up. The ends of the late range that fill no
 * block, and all of it otherwise, are made by the shards' own rank. */
Status gradsync_plan_made(GradSync *sync) {
    Range late = sync->shape.late.range;
    size_t width = range_size(sync->unit);
    size_t others = pool_threads(sync->pool) * (width - 1);
    size_t begin = shard_capacity(late.begin, GRADSYNC_BLOCK) * GRADSYNC_BLOCK;
    size_t end = late.end / GRADSYNC_BLOCK * GRADSYNC_BLOCK;
    bool made = sync->shape.shards <= MADE_SHARDS && begin < end;
    sync->made = made ? (Range){begin, end} : (Range){late.end, late.end};
    return made ? MEMORY_NEW(&sync->blocks, others * GRADSYNC_BLOCK) : STATUS_OK;
}

static void make(const GradSync *sync, float *out, size_t shard, Range range, size_t thread) {
    const GradSyncLate *late = &sync->shape.late;
    late->make(late->context, out, shard, sync->left[shard], range, thread);
}

void gradsync_make_ends(GradSync *sync, size_t shard, size_t thread) {
    Range late = sync->shape.late.range, made = sync->made;
    float *gradient = sync->gradients[shard];
    bool *ended = &sync->ended[shard - sync->own.begin];
    if (*ended) return;
    if (late.begin < made.begin)
        make(sync, gradient + late.begin, shard, (Range){late.begin, made.begin}, thread);
    if (made.end < late.end)
        make(sync, gradient + made.end, shard, (Range){made.end, late.end}, thread);
    *ended = true;
}

/* One block of a tree of level 0 whose leaves are made here; the first one's, and the sum, have
 * their place in the first shard's gradient. */
static void sum_made_block(const GradSync *sync, const Tree *tree, Range block, size_t thread) {
    float *leaves[MADE_SHARDS];
    float *blocks = sync->blocks + thread * (range_size(sync->unit) - 1) * GRADSYNC_BLOCK;
    for (size_t i = 0; i < tree->width; i++) {
        float *own = sync->gradients[tree->first] + block.begin;
        leaves[tree->first + i] = i == 0 ? own : blocks + (i - 1) * GRADSYNC_BLOCK;
        make(sync, leaves[tree->first + i], tree->first + i, block, thread);
    }
    tree_run(tree, leaves, (Range){0, range_size(block)});
}

static bool is_made(const GradSync *sync, Range block) {
    return block.begin >= sync->made.begin && block.end <= sync->made.end;
}

/* One block of a bucket, by all trees of a level; after the last level its squares too, while the
 * sum is still in the cache. */
static void sum_block(const GradSync *sync, const Bucket *bucket, size_t level, Range block,
                      size_t thread) {
    const Level *at = &sync->levels[level];
    const Stage *stage = &bucket->stages[level];
    Range range = {block.begin - stage->range.begin, block.end - stage->range.begin};
    for (size_t i = 0; i < at->tree_count; i++) {
        const Tree *tree = &at->trees[bucket->halves][i];
        if (level == 0 && is_made(sync, block))
            sum_made_block(sync, tree, block, thread);
        else
            tree_run(tree, stage->leaves, range);
    }
    if (level + 1 == sync->level_count)
        sync->squares[block.begin / GRADSYNC_BLOCK] =
            squares_sum(stage->leaves[0] + range.begin, range_size(range));
}

static void sum_range(const GradSync *sync, const Bucket *bucket, size_t level, Range range,
                      size_t thread) {
    for (size_t at = range.begin; at < range.end; at += GRADSYNC_BLOCK) {
        size_t end = at + GRADSYNC_BLOCK < range.end ? at + GRADSYNC_BLOCK : range.end;
        sum_block(sync, bucket, level, (Range){at, end}, thread);
    }
}

void gradsync_sum_level(const GradSync *sync, const Bucket *bucket, size_t level) {
    sum_range(sync, bucket, level, bucket->stages[level].range, 0);
}

/* A range of a bucket, shared out among the pool's threads. */
typedef struct Work {
    const GradSync *sync;
    const Bucket *bucket;
    size_t level;
    Range range;
} Work;

static void run_task(void *context, size_t i, size_t thread) {
    const Work *work = context;
    const size_t each = (size_t)BLOCKS_PER_TASK * GRADSYNC_BLOCK;
    size_t begin = work->range.begin + i * each;
    Range all = {begin, begin + each};
    sum_range(work->sync, work->bucket, work->level, range_overlap(all, work->range), thread);
}

static void run(const GradSync *sync, const Bucket *bucket, size_t level, Range range) {
    const size_t each = (size_t)BLOCKS_PER_TASK * GRADSYNC_BLOCK;
    Work work = {sync, bucket, level, range};
    pool_run(sync->pool, shard_capacity(range_size(range), each), run_task, &work);
}

void gradsync_finish(GradSync *sync, const Bucket *bucket) {
    run(sync, bucket, sync->level_count - 1, bucket->own);
}

static void note_summed(GradSync *sync, const Bucket *bucket) {
    atomic_fetch_add_explicit(&bucket->state->summed, 1, memory_order_release);
    gradsync_exchange_wake(sync);
}

void gradsync_sum_announced(GradSync *sync, size_t thread) {
    for (size_t b = sync->bucket_count; b-- > 0;) {
        Bucket *bucket = &sync->buckets[b];
        if (atomic_load_explicit(&bucket->state->missing, memory_order_acquire) > 0 ||
            atomic_exchange(&bucket->taken, true))
            continue;
        sum_range(sync, bucket, 0, bucket->part, thread);
        note_summed(sync, bucket);
    }
}

void gradsync_sum_rest(GradSync *sync) {
    for (size_t b = sync->bucket_count; b-- > 0;) {
        Bucket *bucket = &sync->buckets[b];
        if (atomic_exchange(&bucket->taken, true)) continue;
        run(sync, bucket, 0, bucket->part);
        note_summed(sync, bucket);
    }
}
