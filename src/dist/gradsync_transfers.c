/* What of a bucket is sent to whom at each level, where it stands and where it arrives: plain data,
 * made once there is memory; see gradsync_parts.h.
 *
 * Subtrees that stay here are leaves of the next level's trees where they stand; a peer's get room
 * in sync->received, level after level. */
#include "dist/gradsync_parts.h"
#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/shard.h"

/* Subtrees that a unit has before a level. */
static size_t held_before(const GradSync *sync, size_t level, size_t unit) {
    return gradsync_count_subtrees(gradsync_run(sync, level - 1, unit), sync->shape.shards);
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
        Range run = gradsync_run(sync, l - 1, peer);
        if (peer == sync->group.unit) continue;
        for (size_t first = run.begin; first < run.end;
             first += gradsync_subtree_width(first, run.end, shards)) {
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
