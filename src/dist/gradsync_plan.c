/* Who adds up what: plain data, made once; see gradsync_parts.h. What is sent for that, and to
 * whom, is in gradsync_transfers.c.
 *
 * Units are cut into levels of at most comm_most_peers units each: one level, as long as that is
 * enough. At a level a unit has the largest subtrees within its run of shards; it sends each peer
 * the peer's part of them, and gets its own part of the peers'. What it has then are the largest
 * subtrees within the run of all peers together: the next level's. A count of units with a prime
 * factor above comm_most_peers takes it in one level all the same. */
#include <stdlib.h>

#include "dist/gradsync_parts.h"
#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/shard.h"

enum { SMALLEST_SHARE = 8 /* of bucket_bytes: the first bucket */ };

Range gradsync_part(Range range, size_t i, size_t n) {
    size_t blocks = shard_capacity(range_size(range), GRADSYNC_BLOCK);
    Range part = {range.begin + GRADSYNC_BLOCK * shard_begin(i, blocks, n),
                  range.begin + GRADSYNC_BLOCK * shard_begin(i + 1, blocks, n)};
    if (part.begin > range.end) part.begin = range.end;
    if (part.end > range.end) part.end = range.end;
    return part;
}

size_t gradsync_peers(size_t groups, size_t most) {
    size_t best = most < groups ? most : groups;
    while (best > 1 && groups % best != 0) best--;
    return best > 1 ? best : groups;
}

static Status plan_peers(GradSync *sync) {
    size_t left = sync->group.units, stride = 1;
    Status status = MEMORY_NEW(&sync->levels, GRADSYNC_MOST_LEVELS);
    if (status != STATUS_OK) return status;
    sync->levels[0] = (Level){.peers = 1, .stride = 1};
    for (sync->level_count = 1; left > 1; sync->level_count++) {
        size_t peers = gradsync_peers(left, (size_t)comm_most_peers(sync->comm));
        sync->levels[sync->level_count] = (Level){.peers = peers, .stride = stride};
        stride *= peers;
        left /= peers;
    }
    return STATUS_OK;
}

/* Units that know one another's shards after a level. */
static size_t level_span(const Level *level) {
    return level->peers * level->stride;
}

Range gradsync_run(const GradSync *sync, size_t level, size_t unit) {
    size_t span = level_span(&sync->levels[level]), first = unit / span * span;
    const size_t *ends = sync->group.ends;
    return (Range){first > 0 ? ends[first - 1] : 0, ends[first + span - 1]};
}

size_t gradsync_subtree_width(size_t first, size_t end, size_t shards) {
    size_t width = shards;
    while (first % width != 0 || first + width > end) width /= 2;
    return width;
}

size_t gradsync_count_subtrees(Range run, size_t shards) {
    size_t count = 0;
    for (size_t at = run.begin; at < run.end; count++)
        at += gradsync_subtree_width(at, run.end, shards);
    return count;
}

/* The runs whose subtrees are the leaves of a level's trees: of single shards, at level 0. */
static Status make_runs(Runs *runs, size_t **ends, const GradSync *sync, size_t level) {
    size_t span = level > 0 ? level_span(&sync->levels[level - 1]) : 1;
    runs->count = level > 0 ? sync->group.units / span : sync->shape.shards;
    Status status = MEMORY_NEW(ends, runs->count);
    for (size_t i = 0; status == STATUS_OK && i < runs->count; i++)
        (*ends)[i] = level > 0 ? sync->group.ends[(i + 1) * span - 1] : i + 1;
    runs->ends = *ends;
    return status;
}

static Status plan_trees(GradSync *sync, size_t number) {
    Level *level = &sync->levels[number];
    Range run = gradsync_run(sync, number, sync->group.unit);
    size_t *ends = NULL, shards = sync->shape.shards;
    Status status = STATUS_OK;
    Runs runs;
    level->tree_count = gradsync_count_subtrees(run, shards);
    TRY(make_runs(&runs, &ends, sync, number));
    for (int rounds = 0; rounds <= sync->shape.halves; rounds++) {
        size_t at = run.begin;
        TRY(MEMORY_NEW(&level->trees[rounds], level->tree_count));
        for (size_t i = 0; i < level->tree_count; i++) {
            size_t width = gradsync_subtree_width(at, run.end, shards);
            TRY(tree_new(&level->trees[rounds][i], shards, &runs, at, width, rounds));
            at += width;
        }
    }
cleanup:
    free(ends);
    return status;
}

size_t gradsync_peer_index(const Level *level, size_t unit) {
    return unit / level->stride % level->peers;
}

size_t gradsync_peer_unit(const Level *level, size_t unit, size_t index) {
    return unit - gradsync_peer_index(level, unit) * level->stride + index * level->stride;
}

static Status plan_bucket(Bucket *bucket, const GradSync *sync) {
    const Group *group = &sync->group;
    Status status = MEMORY_NEW(&bucket->stages, sync->level_count);
    if (status != STATUS_OK) return status;
    bucket->next = sync->level_count; /* until a step begins */
    Range range = bucket->range;
    for (size_t l = 0; l < sync->level_count; l++) {
        const Level *level = &sync->levels[l];
        range = gradsync_part(range, gradsync_peer_index(level, group->unit), level->peers);
        bucket->stages[l].range = range;
    }
    bucket->part = gradsync_part(bucket->range, group->member, group->members);
    bucket->own = gradsync_part(range, group->member, group->members);
    return STATUS_OK;
}

size_t gradsync_bucket_end(size_t at, size_t end, size_t bucket_bytes, size_t *size) {
    size_t most = bucket_bytes / sizeof(float);
    if (most == 0) return end;
    if (at == 0) *size = most / SMALLEST_SHARE;
    size_t blocks = *size > GRADSYNC_BLOCK ? *size / GRADSYNC_BLOCK : 1;
    *size = 2 * *size < most ? 2 * *size : most;
    return at + blocks * GRADSYNC_BLOCK < end ? at + blocks * GRADSYNC_BLOCK : end;
}

/* Cuts the vector, if `buckets` is not NULL; returns how many buckets there are. Where nothing is
 * sent, those apart alone are a bucket of their own. */
static size_t cut(Bucket *buckets, const GradSync *sync) {
    const GradSyncShape *shape = &sync->shape;
    const size_t parts = shape->length - shape->apart;
    const size_t bytes = sync->level_count > 1 ? shape->bucket_bytes : 0;
    size_t size = 0, count = 0, at = 0;
    while (at < shape->length || count == 0) {
        bool apart = at >= parts;
        size_t end = gradsync_bucket_end(at, apart ? shape->length : parts, bytes, &size);
        if (buckets != NULL)
            buckets[count] = (Bucket){.range = {at, end}, .halves = shape->halves && !apart};
        count++;
        at = end;
    }
    return count;
}

Status gradsync_plan(GradSync *sync) {
    Status status = STATUS_OK;
    TRY(plan_peers(sync));
    for (size_t l = 0; l < sync->level_count; l++) TRY(plan_trees(sync, l));
    sync->bucket_count = cut(NULL, sync);
    TRY(MEMORY_NEW(&sync->buckets, sync->bucket_count));
    cut(sync->buckets, sync);
    for (size_t b = 0; b < sync->bucket_count; b++) TRY(plan_bucket(&sync->buckets[b], sync));
cleanup:
    return status;
}

static void stage_destroy(Stage *stage) {
    comm_flight_destroy(stage->in);
    comm_flight_destroy(stage->out);
    comm_flight_destroy(stage->gather_in);
    comm_flight_destroy(stage->gather_out);
    free(stage->sends.items);
    free(stage->receives.items);
    free(stage->leaves);
}

static void level_destroy(Level *level) {
    for (int rounds = 0; rounds < 2; rounds++) {
        for (size_t i = 0; level->trees[rounds] != NULL && i < level->tree_count; i++)
            tree_destroy(&level->trees[rounds][i]);
        free(level->trees[rounds]);
    }
}

void gradsync_plan_destroy(GradSync *sync) {
    for (size_t b = 0; sync->buckets != NULL && b < sync->bucket_count; b++) {
        Stage *stages = sync->buckets[b].stages;
        for (size_t l = 0; stages != NULL && l < sync->level_count; l++) stage_destroy(&stages[l]);
        free(stages);
    }
    for (size_t l = 0; sync->levels != NULL && l < sync->level_count; l++)
        level_destroy(&sync->levels[l]);
    free(sync->buckets);
    free(sync->levels);
    free(sync->halves);
    sync->buckets = NULL;
    sync->levels = NULL;
    sync->halves = NULL;
}
