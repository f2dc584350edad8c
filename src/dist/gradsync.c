/* The calls of the reproducible sum, and its memory; see gradsync.h.
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
#include <stdlib.h>
#include <string.h>

#include "dist/gradsync_parts.h"
#include "mnist_dist/base/log.h"
#include "mnist_dist/base/memory.h"
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

/* Where ranks act by nodes, or each for itself. */
static Status form_group(GradSync *sync, bool by_node) {
    const Comm *comm = sync->comm;
    Group *group = &sync->group;
    free(group->ends);
    *group = (Group){
        .scope = by_node ? COMM_NODES : COMM_RANKS,
        .unit = (size_t)(by_node ? comm_node(comm) : comm_rank(comm)),
        .units = (size_t)(by_node ? comm_node_count(comm) : comm_size(comm)),
        .member = by_node ? (size_t)comm_node_rank(comm) : 0,
        .members = by_node ? (size_t)comm_node_size(comm) : 1,
    };
    Status status = MEMORY_NEW(&group->ends, group->units);
    for (size_t u = 0; status == STATUS_OK && u < group->units; u++) {
        size_t last = by_node ? (size_t)comm_node_begin(comm, (int)u + 1) - 1 : u;
        group->ends[u] = gradsync_shards_of(sync, last).end;
    }
    if (status == STATUS_OK)
        sync->unit =
            (Range){group->unit > 0 ? group->ends[group->unit - 1] : 0, group->ends[group->unit]};
    return status;
}

/* The group, and all that is planned without memory. */
static Status plan(GradSync *sync, bool by_node) {
    Status status = form_group(sync, by_node);
    return status == STATUS_OK ? gradsync_plan(sync) : status;
}

static size_t aligned(size_t bytes) {
    return MEMORY_ALIGNMENT * shard_capacity(bytes, MEMORY_ALIGNMENT);
}

static size_t vector_bytes(const GradSync *sync) {
    return aligned(sync->shape.length * sizeof(float));
}

/* Squares, then reports. */
static size_t told_bytes(const GradSync *sync) {
    return gradsync_block_count(sync) * sizeof(double) +
           sync->shape.shards * sync->shape.report_bytes;
}

static size_t memory_bytes(const GradSync *sync) {
    const GradSyncShape *shape = &sync->shape;
    return (sync->unit.end - sync->unit.begin) * (vector_bytes(sync) + shape->late.bytes) +
           shape->vectors * vector_bytes(sync) + aligned(told_bytes(sync)) +
           sync->bucket_count * sizeof(BucketState) + gradsync_received_count(sync) * sizeof(float);
}

/* Cuts up the memory. */
static void place(GradSync *sync) {
    char *at = sync->memory;
    for (size_t i = sync->unit.begin; i < sync->unit.end; i++, at += vector_bytes(sync))
        sync->gradients[i] = (float *)(void *)at;
    for (size_t i = 0; i < sync->shape.vectors; i++, at += vector_bytes(sync))
        sync->vectors[i] = (float *)(void *)at;
    for (size_t i = sync->unit.begin; i < sync->unit.end; i++, at += sync->shape.late.bytes)
        sync->left[i] = at;
    sync->squares = (double *)(void *)at;
    sync->reports = at + gradsync_block_count(sync) * sizeof(double);
    at += aligned(told_bytes(sync));
    sync->states = (BucketState *)(void *)at;
    sync->received = (float *)(void *)(at + sync->bucket_count * sizeof(BucketState));
}

/* **Collective.** Leaves sync->memory NULL where some node has no room. */
static void share_memory(GradSync *sync) {
    void *memory = NULL;
    Status status = comm_shared(&memory, sync->comm, memory_bytes(sync));
    sync->memory = memory;
    sync->in_node = status == STATUS_OK;
    if (status == STATUS_OK) return;
    log_warning("%s; until then they send messages instead, which is slower", status_message());
    status_clear();
}

/* **Collective.** */
static Status find_memory(GradSync *sync) {
    Status status = comm_agree(sync->comm, plan(sync, true));
    if (status != STATUS_OK) return status;
    share_memory(sync);
    if (sync->in_node) return STATUS_OK;
    gradsync_plan_destroy(sync);
    status = plan(sync, false);
    if (status == STATUS_OK) sync->memory = memory_zeroed(memory_bytes(sync), 1);
    if (status == STATUS_OK && sync->memory == NULL) status = STATUS_FAILED;
    return comm_agree(sync->comm, status);
}

static Status allocate(GradSync *sync) {
    Status status = STATUS_OK;
    TRY(MEMORY_NEW(&sync->gradients, sync->shape.shards));
    TRY(MEMORY_NEW(&sync->left, sync->shape.shards));
    TRY(MEMORY_NEW(&sync->vectors, sync->shape.vectors));
    TRY(MEMORY_NEW(&sync->ended, sync->own.end - sync->own.begin));
    TRY(MEMORY_NEW(&sync->merged, told_bytes(sync)));
    TRY(MEMORY_NEW(&sync->slice_ends, (size_t)comm_size(sync->comm)));
cleanup:
    return status;
}

/* Nothing is announced, or added up. Between meetings, by one rank of the unit. */
static void clear_states(GradSync *sync) {
    uint64_t shards = sync->unit.end - sync->unit.begin;
    for (size_t b = 0; b < sync->bucket_count; b++) {
        const Range range = sync->buckets[b].range;
        atomic_store(&sync->states[b].missing, shards * (range.end - range.begin));
        atomic_store(&sync->states[b].summed, 0);
    }
}

static Status fill(GradSync *sync) {
    Status status = STATUS_OK;
    TRY(comm_agree(sync->comm, allocate(sync)));
    TRY(find_memory(sync));
    place(sync);
    status = gradsync_plan_transfers(sync);
    if (status == STATUS_OK) status = gradsync_plan_made(sync);
    if (status == STATUS_OK) status = gradsync_exchange_new(sync);
    if (status == STATUS_OK && gradsync_leads(sync)) clear_states(sync);
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
    *sync = (GradSync){.comm = comm, .pool = pool, .shape = *shape};
    gradsync_exchange_init(sync);
    sync->own = gradsync_shards_of(sync, (size_t)comm_rank(comm));
    TRY(fill(sync));
    *out = sync;
    return status;

cleanup:
    gradsync_destroy(sync);
    return status;
}

void gradsync_destroy(GradSync *sync) {
    if (sync == NULL) return;
    if (sync->gathers > 0)
        gradsync_settle(sync); /* parameters of the last step may be on their way */
    gradsync_exchange_destroy(sync);
    if (sync->in_node)
        comm_shared_free(sync->comm, sync->memory);
    else
        free(sync->memory);
    gradsync_plan_destroy(sync);
    free(sync->group.ends);
    free(sync->blocks);
    free(sync->gradients);
    free(sync->left);
    free(sync->vectors);
    free(sync->ended);
    free(sync->merged);
    free(sync->slice_ends);
    free(sync);
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
    Range late = gradsync_overlap(range, sync->shape.late.range);
    if (late.begin < late.end) gradsync_make_ends(sync, shard, thread);
    if (!sync->overlaps) return;
    for (size_t b = 0; b < sync->bucket_count; b++) {
        Range filled = gradsync_overlap(range, sync->buckets[b].range);
        if (filled.begin < filled.end)
            atomic_fetch_sub(&sync->states[b].missing, filled.end - filled.begin);
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
    if (late.begin < late.end)
        pool_run(sync->pool, sync->own.end - sync->own.begin, make_end, sync);
}

/* Squares of the unit's slices and reports of its shards, to go to the others. */
static void fill_merged(GradSync *sync) {
    size_t each = sync->shape.report_bytes, last = sync->level_count - 1;
    size_t reports = gradsync_block_count(sync) * sizeof(double);
    memset(sync->merged, 0, told_bytes(sync));
    for (size_t b = 0; b < sync->bucket_count; b++) {
        Range range = sync->buckets[b].stages[last].range;
        size_t begin = range.begin / GRADSYNC_BLOCK;
        size_t end = shard_capacity(range.end, GRADSYNC_BLOCK);
        if (range.begin < range.end)
            memcpy(sync->merged + begin * sizeof(double), sync->squares + begin,
                   (end - begin) * sizeof(double));
    }
    memcpy(sync->merged + reports + sync->unit.begin * each,
           sync->reports + sync->unit.begin * each, (sync->unit.end - sync->unit.begin) * each);
}

/* **Collective.** All get the squares and reports of all; and all is ready for the next step. */
static void share(GradSync *sync) {
    meet(sync);
    if (sync->level_count > 1 && gradsync_leads(sync)) {
        fill_merged(sync);
        comm_merge(sync->comm, sync->group.scope, sync->merged, told_bytes(sync));
        memcpy(sync->squares, sync->merged, told_bytes(sync));
    }
    if (gradsync_leads(sync)) clear_states(sync);
    for (size_t b = 0; b < sync->bucket_count; b++) atomic_store(&sync->buckets[b].taken, false);
    for (size_t i = 0; i < sync->own.end - sync->own.begin; i++) sync->ended[i] = false;
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
        Range part = gradsync_overlap(range, sync->buckets[b].range);
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
