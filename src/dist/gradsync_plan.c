/* Who adds up what, and sends it to whom: plain data, made once; see gradsync_parts.h.
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

static size_t range_size(Range range) {
    return range.end - range.begin;
}

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

/* The run of shards that a unit knows after a level. */
static Range run_of(const GradSync *sync, size_t level, size_t unit) {
    size_t span = level_span(&sync->levels[level]), first = unit / span * span;
    const size_t *ends = sync->group.ends;
    return (Range){first > 0 ? ends[first - 1] : 0, ends[first + span - 1]};
}

/* The width of the largest node of the tree that begins at `first` and ends by `end`. */
static size_t subtree_width(size_t first, size_t end, size_t shards) {
    size_t width = shards;
    while (first % width != 0 || first + width > end) width /= 2;
    return width;
}

static size_t count_subtrees(Range run, size_t shards) {
    size_t count = 0;
    for (size_t at = run.begin; at < run.end; count++) at += subtree_width(at, run.end, shards);
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
    Range run = run_of(sync, number, sync->group.unit);
    size_t *ends = NULL, shards = sync->shape.shards;
    Status status = STATUS_OK;
    Runs runs;
    level->tree_count = count_subtrees(run, shards);
    TRY(make_runs(&runs, &ends, sync, number));
    for (int rounds = 0; rounds <= sync->shape.halves; rounds++) {
        size_t at = run.begin;
        TRY(MEMORY_NEW(&level->trees[rounds], level->tree_count));
        for (size_t i = 0; i < level->tree_count; i++) {
            size_t width = subtree_width(at, run.end, shards);
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

/* Subtrees that a unit has before a level. */
static size_t held_before(const GradSync *sync, size_t level, size_t unit) {
    return count_subtrees(run_of(sync, level - 1, unit), sync->shape.shards);
}

static size_t receive_count(const GradSync *sync, size_t level) {
    const Level *at = &sync->levels[level];
    size_t unit = sync->group.unit, count = 0;
    for (size_t i = 0; i < at->peers; i++)
        if (i != gradsync_peer_index(at, unit))
            count += held_before(sync, level, gradsync_peer_unit(at, unit, i));
    return count;
}

static size_t padded(Range range) {
    return TREE_LANES * shard_capacity(range_size(range), TREE_LANES);
}

size_t gradsync_received_count(const GradSync *sync) {
    size_t count = 0;
    for (size_t b = 0; b < sync->bucket_count; b++)
        for (size_t l = 1; l < sync->level_count; l++)
            count += receive_count(sync, l) * padded(sync->buckets[b].stages[l].range);
    return count;
}

static void append(Transfers *list, size_t peer, float *values, size_t count) {
    if (count > 0) list->items[list->count++] = (Transfer){(int)peer, values, count, NULL};
}

/* Each subtree that is here before the level goes to each peer, in part; what stays is a leaf of
 * the level's trees. */
static void plan_sends(const GradSync *sync, const Bucket *bucket, size_t l) {
    const Level *level = &sync->levels[l], *before = &sync->levels[l - 1];
    const Stage *from = &bucket->stages[l - 1];
    Stage *stage = &bucket->stages[l];
    size_t mine = gradsync_peer_index(level, sync->group.unit);
    for (size_t i = 1; i <= level->peers; i++) {
        size_t index = (mine + i) % level->peers; /* not all to the same first */
        Range part = gradsync_part(from->range, index, level->peers);
        for (size_t t = 0; t < before->tree_count; t++) {
            size_t first = before->trees[0][t].first;
            float *values = from->leaves[first] + (part.begin - from->range.begin);
            if (index == mine)
                stage->leaves[first] = values;
            else
                append(&stage->sends, gradsync_peer_unit(level, sync->group.unit, index), values,
                       range_size(part));
        }
    }
}

/* Takes memory from *at. */
static void plan_receives(const GradSync *sync, const Bucket *bucket, size_t l, float **at) {
    const Level *level = &sync->levels[l];
    Stage *stage = &bucket->stages[l];
    for (size_t i = 0; i < level->peers; i++) {
        size_t peer = gradsync_peer_unit(level, sync->group.unit, i), shards = sync->shape.shards;
        Range run = run_of(sync, l - 1, peer);
        if (peer == sync->group.unit) continue;
        for (size_t first = run.begin; first < run.end;
             first += subtree_width(first, run.end, shards)) {
            stage->leaves[first] = *at;
            append(&stage->receives, peer, *at, range_size(stage->range));
            *at += padded(stage->range);
        }
    }
}

static Status plan_stage(const GradSync *sync, const Bucket *bucket, size_t l, float **at) {
    Stage *stage = &bucket->stages[l];
    const size_t held = sync->levels[l - 1].tree_count, peers = sync->levels[l].peers;
    CommFlight **flights[] = {&stage->in, &stage->out, &stage->gather_in, &stage->gather_out};
    Status status = STATUS_OK;
    TRY(MEMORY_NEW(&stage->sends.items, held * peers));
    TRY(MEMORY_NEW(&stage->receives.items, receive_count(sync, l)));
    plan_sends(sync, bucket, l);
    plan_receives(sync, bucket, l, at);
    for (size_t i = 0; gradsync_leads(sync) && i < sizeof flights / sizeof *flights; i++)
        TRY(comm_flight_new(flights[i], sync->comm, sync->group.scope));
cleanup:
    return status;
}

/* Gives the transfers room for numbers as they travel, from *at on; returns how many they are. */
static size_t place_halves(const GradSync *sync, uint16_t *at) {
    size_t count = 0;
    for (size_t b = 0; b < sync->bucket_count; b++) {
        for (size_t l = 1; sync->buckets[b].halves && l < sync->level_count; l++) {
            Stage *stage = &sync->buckets[b].stages[l];
            Transfers *lists[] = {&stage->sends, &stage->receives};
            for (int k = 0; k < 2; k++)
                for (size_t i = 0; i < lists[k]->count; i++) {
                    if (at != NULL) lists[k]->items[i].halves = at + count;
                    count += lists[k]->items[i].count;
                }
        }
    }
    return count;
}

Status gradsync_plan_transfers(GradSync *sync) {
    size_t shards = sync->shape.shards;
    float *at = sync->received;
    Status status = STATUS_OK;
    for (size_t b = 0; b < sync->bucket_count; b++) {
        Bucket *bucket = &sync->buckets[b];
        bucket->state = &sync->states[b];
        for (size_t l = 0; l < sync->level_count; l++) {
            TRY(MEMORY_NEW(&bucket->stages[l].leaves, shards));
            if (l > 0) TRY(plan_stage(sync, bucket, l, &at));
            for (size_t i = sync->unit.begin; l == 0 && i < sync->unit.end; i++)
                bucket->stages[0].leaves[i] = sync->gradients[i] + bucket->range.begin;
        }
    }
    TRY(MEMORY_NEW(&sync->halves, place_halves(sync, NULL)));
    place_halves(sync, sync->halves);
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

GradSyncTraffic gradsync_traffic(const GradSync *sync) {
    GradSyncTraffic traffic = {0, 0};
    for (size_t b = 0; b < sync->bucket_count; b++) {
        for (size_t l = 1; l < sync->level_count; l++) {
            const Stage *stage = &sync->buckets[b].stages[l];
            size_t others = sync->levels[l].peers - 1, size = range_size(stage->range);
            for (size_t i = 0; i < stage->sends.count; i++) {
                const Transfer *send = &stage->sends.items[i];
                traffic.bytes +=
                    send->count * (send->halves ? sizeof *send->halves : sizeof(float));
            }
            traffic.messages += stage->sends.count + (size > 0 ? others : 0);
            traffic.bytes += others * size * sizeof(float);
        }
    }
    return traffic;
}
