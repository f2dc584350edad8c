/* The sum over messages, as a plan made once and carried out every step; see gradsync.h.
 *
 * The plan is plain data. A rank's maximal subtrees are the nodes of the tree that lie within its
 * run of shards while their parents do not: they are summed here, and each rank gets its slice of
 * them. A level in between (a node's ranks) would be one more list of subtrees of the same tree. */
#include <stdlib.h>
#include <string.h>

#include "dist/gradsync_parts.h"
#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/shard.h"

/* `pieces[i]` carries the subtree whose first shard is `firsts[i]`. */
typedef struct Transfers {
    CommPiece *pieces;
    size_t *firsts;
    size_t count;
} Transfers;

struct Messages {
    Tree *subtrees; /* (own shards): this rank's maximal subtrees */
    size_t subtree_count;
    Transfers sends, receives;
    float *received;     /* (receives.count, padded slice length) */
    char *parts;         /* of all ranks: squares, then reports */
    size_t *part_ends;   /* (ranks): in bytes of `parts` ... */
    size_t *vector_ends; /* ... and, for each rank's slice, of a vector */
};

static size_t range_size(Range range) {
    return range.end - range.begin;
}

static void append(Transfers *list, size_t rank, size_t first, size_t count) {
    list->firsts[list->count] = first;
    list->pieces[list->count] = (CommPiece){(int)rank, (int)first, NULL, count};
    list->count++;
}

/* A subtree that is summed here goes to everyone who has a slice. */
static Status plan_sends(GradSync *sync, size_t first, size_t width) {
    Messages *messages = sync->messages;
    Tree *tree = &messages->subtrees[messages->subtree_count++];
    for (size_t i = 1; i < sync->ranks; i++) {
        size_t to = (sync->rank + i) % sync->ranks; /* not all to rank 0 first */
        size_t count = range_size(gradsync_slice_of(sync, to));
        if (count > 0) append(&messages->sends, to, first, count);
    }
    return tree_new(tree, sync->shape.shards, sync->shape.shards, first, width);
}

static void plan_receive(GradSync *sync, size_t owner, size_t first) {
    size_t count = range_size(sync->slice);
    if (count > 0) append(&sync->messages->receives, owner, first, count);
}

/* The node over shards first .. first + width - 1. */
static Status plan_node(GradSync *sync, size_t first, size_t width) {
    size_t owner = 0;
    while (gradsync_shards_of(sync, owner).end <= first) owner++;
    if (tree_within_part(sync->shape.shards, sync->ranks, first, width)) {
        if (owner == sync->rank) return plan_sends(sync, first, width);
        plan_receive(sync, owner, first);
        return STATUS_OK;
    }
    Status status = plan_node(sync, first, width / 2);
    return status == STATUS_OK ? plan_node(sync, first + width / 2, width / 2) : status;
}

static void plan_ends(GradSync *sync) {
    Messages *messages = sync->messages;
    size_t end = 0;
    for (size_t r = 0; r < sync->ranks; r++) {
        end += range_size(gradsync_blocks_of(sync, r)) * sizeof(double) +
               range_size(gradsync_shards_of(sync, r)) * sync->shape.report_bytes;
        messages->part_ends[r] = end;
        messages->vector_ends[r] = gradsync_slice_of(sync, r).end * sizeof(float);
    }
}

static Status allocate(Messages *messages, const GradSync *sync) {
    Status status = STATUS_OK;
    size_t own = range_size(sync->own);
    size_t others = sync->shape.shards - own;
    TRY(MEMORY_NEW(&messages->subtrees, own));
    TRY(MEMORY_NEW(&messages->sends.pieces, own * (sync->ranks - 1)));
    TRY(MEMORY_NEW(&messages->sends.firsts, own * (sync->ranks - 1)));
    TRY(MEMORY_NEW(&messages->receives.pieces, others));
    TRY(MEMORY_NEW(&messages->receives.firsts, others));
    TRY(MEMORY_NEW(&messages->part_ends, sync->ranks));
    TRY(MEMORY_NEW(&messages->vector_ends, sync->ranks));
cleanup:
    return status;
}

static Status allocate_buffers(Messages *messages, GradSync *sync) {
    Status status = STATUS_OK;
    size_t each = TREE_LANES * shard_capacity(range_size(sync->slice), TREE_LANES);
    TRY(MEMORY_NEW(&messages->parts, messages->part_ends[sync->ranks - 1]));
    TRY(MEMORY_NEW(&messages->received, messages->receives.count * each));
    for (size_t i = 0; i < messages->receives.count; i++) {
        messages->receives.pieces[i].values = messages->received + i * each;
        sync->leaves[messages->receives.firsts[i]] = messages->received + i * each;
    }
cleanup:
    return status;
}

Status messages_new(Messages **out, GradSync *sync) {
    Status status = MEMORY_NEW(out, 1);
    if (status != STATUS_OK) return status;
    TRY(allocate(*out, sync));
    TRY(plan_node(sync, 0, sync->shape.shards));
    plan_ends(sync);
    TRY(allocate_buffers(*out, sync));
cleanup:
    return status;
}

void messages_destroy(Messages *messages) {
    if (messages == NULL) return;
    for (size_t i = 0; i < messages->subtree_count; i++) tree_destroy(&messages->subtrees[i]);
    free(messages->subtrees);
    free(messages->sends.pieces);
    free(messages->sends.firsts);
    free(messages->receives.pieces);
    free(messages->receives.firsts);
    free(messages->received);
    free(messages->parts);
    free(messages->part_ends);
    free(messages->vector_ends);
    free(messages);
}

void messages_exchange(GradSync *sync) {
    Messages *messages = sync->messages;
    for (size_t i = 0; i < messages->subtree_count; i++)
        gradsync_run_tree(sync, &messages->subtrees[i], sync->gradients,
                          (Range){0, sync->shape.length});
    for (size_t i = 0; i < messages->sends.count; i++) {
        CommPiece *piece = &messages->sends.pieces[i];
        piece->values = sync->gradients[messages->sends.firsts[i]] +
                        gradsync_slice_of(sync, (size_t)piece->rank).begin;
    }
    comm_exchange(sync->comm, messages->sends.pieces, messages->sends.count,
                  messages->receives.pieces, messages->receives.count);
}

/* Where rank r's squares and reports stand, and how many bytes they are. */
typedef struct Part {
    double *squares;
    char *reports;
    size_t square_bytes, report_bytes;
} Part;

static Part part_of(const GradSync *sync, size_t r) {
    Range blocks = gradsync_blocks_of(sync, r), shards = gradsync_shards_of(sync, r);
    size_t each = sync->shape.report_bytes;
    return (Part){sync->squares + blocks.begin, sync->reports + shards.begin * each,
                  range_size(blocks) * sizeof(double), range_size(shards) * each};
}

void messages_share(GradSync *sync) {
    Messages *messages = sync->messages;
    const size_t *ends = messages->part_ends;
    Part mine = part_of(sync, sync->rank);
    char *at = messages->parts + ends[sync->rank] - mine.square_bytes - mine.report_bytes;
    memcpy(at, mine.squares, mine.square_bytes);
    memcpy(at + mine.square_bytes, mine.reports, mine.report_bytes);
    comm_allgather(sync->comm, messages->parts, ends);
    at = messages->parts;
    for (size_t r = 0; r < sync->ranks; r++) {
        Part part = part_of(sync, r);
        memcpy(part.squares, at, part.square_bytes);
        memcpy(part.reports, at + part.square_bytes, part.report_bytes);
        at = messages->parts + ends[r];
    }
}

void messages_gather(GradSync *sync, float *vector) {
    comm_allgather(sync->comm, vector, sync->messages->vector_ends);
}

void messages_collect(GradSync *sync, float *vector) {
    comm_gather(sync->comm, vector, sync->messages->vector_ends);
}
