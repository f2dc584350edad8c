/* The calls of the reproducible sum; see gradsync.h.
 *
 * A step has three meetings of the ranks, at each of which all wait for all:
 *
 * 1. Gradients and reports are there. Then each rank adds up what it is to, and writes sums over
 * the gradients of first leaves, which nobody else reads.
 * 2. The sum and its squares are there. Then each rank takes the norm, reads the reports, and
 * writes its slices of the parameters, which nobody else reads now.
 * 3. The parameters are there. Then each rank reads them, and writes gradients and reports.
 *
 * Within a node a meeting is comm_node_barrier; between nodes it is the arrival of all that is
 * sent. The first is passed bucket by bucket where gradients are announced, the third layer by
 * layer. The second could be done without if the optimizer stepped before the norm is known; but a
 * step whose gradient is not finite must leave everything as it was. */
#include <math.h>
#include <string.h>

#include "dist/gradsync_parts.h"
#include "mnist_dist/base/shard.h"
#include "mnist_dist/base/tally.h"

size_t gradsync_block_count(const GradSync *sync) {
    return shard_capacity(sync->shape.length, GRADSYNC_BLOCK);
}

Range gradsync_shards_of(const GradSync *sync, size_t rank) {
    size_t ranks = (size_t)comm_size(sync->comm), shards = sync->shape.shards;
    return (Range){shard_begin(rank, shards, ranks), shard_begin(rank + 1, shards, ranks)};
}

bool gradsync_leads(const GradSync *sync) {
    return sync->group.member == 0;
}

Range gradsync_shards(const GradSync *sync) {
    return sync->own;
}

size_t gradsync_slice_count(const GradSync *sync) {
    return sync->bucket_count;
}

Range gradsync_slice(const GradSync *sync, size_t i) {
    return sync->buckets[i].own;
}

bool gradsync_is_shared(const GradSync *sync) {
    return sync->group.units == 1;
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

float *gradsync_sum(const GradSync *sync, size_t place) {
    const Bucket *bucket = sync->buckets;
    while (place >= bucket->range.end) bucket++;
    const Stage *last = &bucket->stages[sync->level_count - 1];
    return last->leaves[0] + (place - last->range.begin);
}

static void meet(GradSync *sync) {
    if (sync->group.members > 1) comm_node_barrier(sync->comm);
}

void gradsync_begin(GradSync *sync) {
    if (sync->begun) return;
    sync->begun = true;
    sync->step++;
    gradsync_exchange_begin(sync);
}

void gradsync_announce(GradSync *sync, size_t shard, Range range, size_t thread) {
    Range late = range_overlap(range, sync->shape.late.range);
    if (late.begin < late.end) gradsync_make_ends(sync, shard, thread);
    if (!sync->overlaps) return;
    for (size_t b = 0; b < sync->bucket_count; b++) {
        Range filled = range_overlap(range, sync->buckets[b].range);
        if (filled.begin < filled.end)
            atomic_fetch_sub(&sync->states[b].missing, range_size(filled));
    }
    gradsync_sum_announced(sync, thread);
}

static void make_end(void *context, size_t i, size_t thread) {
    GradSync *sync = context;
    gradsync_make_ends(sync, sync->own.begin + i, thread);
}

/* The ends of the late range that were not announced. */
static void make_ends(GradSync *sync) {
    Range late = sync->shape.late.range;
    if (late.begin < late.end) pool_run(sync->pool, range_size(sync->own), make_end, sync);
}

/* Squares of the unit's slices and reports of its shards, to go to the others. */
static void fill_merged(GradSync *sync) {
    size_t each = sync->shape.report_bytes, last = sync->level_count - 1;
    size_t reports = gradsync_block_count(sync) * sizeof(double);
    memset(sync->merged, 0, gradsync_told_bytes(sync));
    for (size_t b = 0; b < sync->bucket_count; b++) {
        Range range = sync->buckets[b].stages[last].range;
        size_t begin = range.begin / GRADSYNC_BLOCK;
        size_t end = shard_capacity(range.end, GRADSYNC_BLOCK);
        if (range.begin < range.end)
            memcpy(sync->merged + begin * sizeof(double), sync->squares + begin,
                   (end - begin) * sizeof(double));
    }
    memcpy(sync->merged + reports + sync->unit.begin * each,
           sync->reports + sync->unit.begin * each, range_size(sync->unit) * each);
}

/* **Collective.** All get the squares and reports of all; and all is ready for the next step. */
static void share(GradSync *sync) {
    meet(sync);
    if (sync->level_count > 1 && gradsync_leads(sync)) {
        fill_merged(sync);
        comm_merge(sync->comm, sync->group.scope, sync->merged, gradsync_told_bytes(sync));
        memcpy(sync->squares, sync->merged, gradsync_told_bytes(sync));
    }
    if (gradsync_leads(sync)) gradsync_clear_states(sync);
    for (size_t b = 0; b < sync->bucket_count; b++) atomic_store(&sync->buckets[b].taken, false);
    for (size_t i = 0; i < range_size(sync->own); i++) sync->ended[i] = false;
    if (sync->level_count > 1) gradsync_exchange_settle(sync);
    meet(sync);
    sync->begun = false;
}

static double norm_of(const GradSync *sync) {
    size_t blocks = gradsync_block_count(sync);
    size_t part = shard_capacity(sync->shape.length - sync->shape.apart, GRADSYNC_BLOCK);
    double apart = tree_sum(sync->squares + part, blocks - part);
    return isfinite(apart) ? sqrt(tree_sum(sync->squares, part)) : apart;
}

double gradsync_reduce(GradSync *sync) {
    gradsync_settle(sync);
    gradsync_begin(sync);
    make_ends(sync);
    meet(sync);
    gradsync_sum_rest(sync);
    for (size_t b = sync->bucket_count; b-- > 0 && sync->level_count > 1;) {
        gradsync_arrived(sync, &sync->buckets[b]);
        gradsync_finish(sync, &sync->buckets[b]);
    }
    share(sync);
    return norm_of(sync);
}

void gradsync_start_gather(GradSync *sync, size_t i) {
    gradsync_settle(sync);
    meet(sync);
    if (sync->level_count == 1) return;
    sync->gathers++;
    gradsync_exchange_gather(sync, sync->vectors[i]);
    if (!sync->overlaps) gradsync_settle(sync);
}

void gradsync_await(GradSync *sync, Range range) {
    for (size_t b = 0; b < sync->bucket_count && sync->level_count > 1; b++) {
        Range part = range_overlap(range, sync->buckets[b].range);
        if (part.begin < part.end) gradsync_gathered(sync, &sync->buckets[b]);
    }
}

void gradsync_settle(GradSync *sync) {
    if (sync->level_count > 1) gradsync_exchange_settle(sync);
}

void gradsync_gather(GradSync *sync, size_t i) {
    gradsync_start_gather(sync, i);
    gradsync_settle(sync);
}

/* Of the leaders: each unit's slice of a bucket to unit 0. */
static void collect_bucket(GradSync *sync, const Bucket *bucket, float *vector) {
    const Group *group = &sync->group;
    for (size_t u = 0; u < group->units; u++) {
        Range slice = gradsync_part(bucket->range, u, group->units);
        sync->slice_ends[u] = (slice.end - bucket->range.begin) * sizeof *vector;
    }
    comm_scope_gather(sync->comm, group->scope, vector + bucket->range.begin, sync->slice_ends);
}

/* The slices of units that sum in several stages do not stand in the units' order. */
void gradsync_collect(GradSync *sync, size_t i) {
    if (sync->level_count > 2) {
        gradsync_gather(sync, i);
        return;
    }
    gradsync_settle(sync);
    meet(sync);
    if (sync->level_count == 1) return;
    for (size_t b = 0; b < sync->bucket_count && gradsync_leads(sync); b++)
        collect_bucket(sync, &sync->buckets[b], sync->vectors[i]);
    meet(sync);
}

void gradsync_spread(GradSync *sync, size_t i) {
    gradsync_settle(sync);
    meet(sync);
    if (sync->level_count > 1 && gradsync_leads(sync))
        comm_scope_broadcast(sync->comm, sync->group.scope, sync->vectors[i],
                             sync->shape.length * sizeof(float));
    meet(sync);
}
