/* Making a sum: who acts together, and where its memory stands; see gradsync.h.
 *
 * Ranks act by nodes if every node has room for what its ranks share, else each for itself: all
 * alike, since who sends to whom hangs on it. */
#include <stdlib.h>

#include "dist/gradsync_parts.h"
#include "mnist_dist/base/log.h"
#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/shard.h"

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

size_t gradsync_told_bytes(const GradSync *sync) {
    return gradsync_block_count(sync) * sizeof(double) +
           sync->shape.shards * sync->shape.report_bytes;
}

static size_t memory_bytes(const GradSync *sync) {
    const GradSyncShape *shape = &sync->shape;
    return range_size(sync->unit) * (vector_bytes(sync) + shape->late.bytes) +
           shape->vectors * vector_bytes(sync) + aligned(gradsync_told_bytes(sync)) +
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
    at += aligned(gradsync_told_bytes(sync));
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
    TRY(MEMORY_NEW(&sync->ended, range_size(sync->own)));
    TRY(MEMORY_NEW(&sync->merged, gradsync_told_bytes(sync)));
    TRY(MEMORY_NEW(&sync->slice_ends, (size_t)comm_size(sync->comm)));
cleanup:
    return status;
}

void gradsync_clear_states(GradSync *sync) {
    uint64_t shards = range_size(sync->unit);
    for (size_t b = 0; b < sync->bucket_count; b++) {
        const Range range = sync->buckets[b].range;
        atomic_store(&sync->states[b].missing, shards * range_size(range));
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
    if (status == STATUS_OK && gradsync_leads(sync)) gradsync_clear_states(sync);
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
