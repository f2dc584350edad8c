/* The reproducible sum, as a plan made once and carried out every step.
 *
 * The plan is plain data. A rank's maximal aligned subtrees are the nodes of the tree that lie
 * within its shards while their parents do not. `local` lists the additions below those nodes,
 * `sends` and `receives` say which subtree goes to whom, and `finish` lists the additions above
 * them. An addition names its operands by slot: a subtree's sum stands in the slot of its first
 * shard. Nothing in the plan hangs on which part of the vector it is applied to, so it can be
 * carried out by ranges of the vector, and a level in between (a node's ranks) would be a third
 * list of additions of the same tree.
 *
 * Lists are carried out block by block, so that a block of every operand stays in the cache. */
#include "mnist_dist/dist/gradsync.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/shard.h"
#include "mnist_dist/base/tally.h"

enum { SQUARE_LANES = 8 };

/* slots[out] = slots[left] + slots[right] */
typedef struct Addition {
    size_t out, left, right;
} Addition;

typedef struct Additions {
    Addition *items; /* (shards) */
    size_t count;
} Additions;

/* `pieces[i]` carries the subtree whose first shard is `firsts[i]`. */
typedef struct Transfers {
    CommPiece *pieces;
    size_t *firsts;
    size_t count;
} Transfers;

struct GradSync {
    Comm *comm;
    size_t length, shards, rank, ranks;
    Range own;   /* shards of this rank */
    Range slice; /* floats of this rank */
    Additions local, finish;
    Transfers sends, receives;
    float **slots;       /* (shards + 1): the last is for the result */
    float *received;     /* (receives.count, slice length) */
    double *squares;     /* (blocks) */
    size_t *float_ends;  /* (ranks): each rank's slice in bytes of the vector ... */
    size_t *square_ends; /* ... and of `squares` */
};

static size_t block_count(const GradSync *sync) {
    return shard_capacity(sync->length, GRADSYNC_BLOCK);
}

static Range shards_of(const GradSync *sync, size_t rank) {
    return (Range){shard_begin(rank, sync->shards, sync->ranks),
                   shard_begin(rank + 1, sync->shards, sync->ranks)};
}

static size_t slice_begin(const GradSync *sync, size_t rank) {
    size_t begin = GRADSYNC_BLOCK * shard_begin(rank, block_count(sync), sync->ranks);
    return begin < sync->length ? begin : sync->length;
}

static Range slice_of(const GradSync *sync, size_t rank) {
    return (Range){slice_begin(sync, rank), slice_begin(sync, rank + 1)};
}

static size_t range_size(Range range) {
    return range.end - range.begin;
}

static void append_addition(Additions *list, size_t first, size_t width) {
    list->items[list->count++] = (Addition){first, first, first + width / 2};
}

static void append_transfer(Transfers *list, size_t rank, size_t first, size_t count) {
    list->firsts[list->count] = first;
    list->pieces[list->count] = (CommPiece){(int)rank, (int)first, NULL, count};
    list->count++;
}

/* A whole subtree within this rank's shards is summed here. */
static void plan_additions(Additions *list, size_t first, size_t width) {
    if (width == 1) return;
    plan_additions(list, first, width / 2);
    plan_additions(list, first + width / 2, width / 2);
    append_addition(list, first, width);
}

/* Its sum goes to everyone who has a slice. */
static void plan_sends(GradSync *sync, size_t first) {
    for (size_t i = 1; i < sync->ranks; i++) {
        size_t to = (sync->rank + i) % sync->ranks; /* not all to rank 0 first */
        size_t count = range_size(slice_of(sync, to));
        if (count > 0) append_transfer(&sync->sends, to, first, count);
    }
}

static void plan_receive(GradSync *sync, size_t owner, size_t first) {
    size_t count = range_size(sync->slice);
    if (count == 0) return;
    append_transfer(&sync->receives, owner, first, count);
}

/* The node over shards first .. first + width - 1, whose first shard is `owner`'s. */
static void plan_node(GradSync *sync, size_t first, size_t width) {
    size_t owner = 0;
    while (shards_of(sync, owner).end <= first) owner++;
    if (first + width > shards_of(sync, owner).end) {
        plan_node(sync, first, width / 2);
        plan_node(sync, first + width / 2, width / 2);
        append_addition(&sync->finish, first, width);
    } else if (owner == sync->rank) {
        plan_additions(&sync->local, first, width);
        plan_sends(sync, first);
    } else {
        plan_receive(sync, owner, first);
    }
}

/* The root is written to where the caller looks for it. */
static void plan_result(GradSync *sync) {
    if (sync->finish.count > 0) sync->finish.items[sync->finish.count - 1].out = sync->shards;
}

static void plan_ends(GradSync *sync) {
    for (size_t r = 0; r < sync->ranks; r++) {
        sync->float_ends[r] = slice_of(sync, r).end * sizeof(float);
        sync->square_ends[r] = shard_begin(r + 1, block_count(sync), sync->ranks) * sizeof(double);
    }
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

static Status allocate(GradSync *sync) {
    Status status = STATUS_OK;
    size_t most_sends = range_size(sync->own) * (sync->ranks - 1);
    size_t most_receives = sync->shards - range_size(sync->own);

    TRY(MEMORY_NEW(&sync->local.items, sync->shards));
    TRY(MEMORY_NEW(&sync->finish.items, sync->shards));
    TRY(MEMORY_NEW(&sync->sends.pieces, most_sends));
    TRY(MEMORY_NEW(&sync->sends.firsts, most_sends));
    TRY(MEMORY_NEW(&sync->receives.pieces, most_receives));
    TRY(MEMORY_NEW(&sync->receives.firsts, most_receives));
    TRY(MEMORY_NEW(&sync->slots, sync->shards + 1));
    TRY(MEMORY_NEW(&sync->squares, block_count(sync)));
    TRY(MEMORY_NEW(&sync->float_ends, sync->ranks));
    TRY(MEMORY_NEW(&sync->square_ends, sync->ranks));
cleanup:
    return status;
}

static Status allocate_received(GradSync *sync) {
    size_t each = range_size(sync->slice);
    sync->received = memory_zeroed(sync->receives.count * each, sizeof(float));
    if (sync->received == NULL) return STATUS_FAILED;
    for (size_t i = 0; i < sync->receives.count; i++) {
        sync->receives.pieces[i].values = sync->received + i * each;
    }
    return STATUS_OK;
}

Status gradsync_new(GradSync **out, Comm *comm, size_t length, size_t shards) {
    Status status = STATUS_OK;
    GradSync *sync = NULL;

    *out = NULL;
    TRY(check(shards, (size_t)comm_size(comm)));
    TRY(MEMORY_NEW(&sync, 1));
    sync->comm = comm;
    sync->length = length;
    sync->shards = shards;
    sync->rank = (size_t)comm_rank(comm);
    sync->ranks = (size_t)comm_size(comm);
    sync->own = shards_of(sync, sync->rank);
    sync->slice = slice_of(sync, sync->rank);
    TRY(allocate(sync));
    plan_node(sync, 0, shards);
    plan_result(sync);
    plan_ends(sync);
    TRY(allocate_received(sync));
    *out = sync;
    return status;

cleanup:
    gradsync_destroy(sync);
    return status;
}

void gradsync_destroy(GradSync *sync) {
    if (sync == NULL) return;
    free(sync->local.items);
    free(sync->finish.items);
    free(sync->sends.pieces);
    free(sync->sends.firsts);
    free(sync->receives.pieces);
    free(sync->receives.firsts);
    free(sync->slots);
    free(sync->received);
    free(sync->squares);
    free(sync->float_ends);
    free(sync->square_ends);
    free(sync);
}

Range gradsync_shards(const GradSync *sync) {
    return sync->own;
}

Range gradsync_slice(const GradSync *sync) {
    return sync->slice;
}

static void add(float *out, const float *left, const float *right, size_t count) {
    for (size_t i = 0; i < count; i++) out[i] = left[i] + right[i];
}

/* Carries the additions out on numbers 0 .. count - 1 of each slot. */
static void run_additions(const Additions *list, float *const slots[], size_t count) {
    for (size_t begin = 0; begin < count; begin += GRADSYNC_BLOCK) {
        size_t size = count - begin < GRADSYNC_BLOCK ? count - begin : GRADSYNC_BLOCK;
        for (size_t i = 0; i < list->count; i++) {
            Addition a = list->items[i];
            add(slots[a.out] + begin, slots[a.left] + begin, slots[a.right] + begin, size);
        }
    }
}

/* Points the slots of this rank's shards at number `begin` of their gradients. */
static void set_own_slots(GradSync *sync, float *const gradients[], size_t begin) {
    for (size_t i = sync->own.begin; i < sync->own.end; i++) {
        sync->slots[i] = gradients[i - sync->own.begin] + begin;
    }
}

static void exchange(GradSync *sync, float *const gradients[]) {
    for (size_t i = 0; i < sync->sends.count; i++) {
        CommPiece *piece = &sync->sends.pieces[i];
        piece->values = gradients[sync->sends.firsts[i] - sync->own.begin] +
                        slice_begin(sync, (size_t)piece->rank);
    }
    comm_exchange(sync->comm, sync->sends.pieces, sync->sends.count, sync->receives.pieces,
                  sync->receives.count);
}

static void finish(GradSync *sync, float *const gradients[]) {
    set_own_slots(sync, gradients, sync->slice.begin);
    for (size_t i = 0; i < sync->receives.count; i++) {
        sync->slots[sync->receives.firsts[i]] = sync->receives.pieces[i].values;
    }
    sync->slots[sync->shards] = gradients[0] + sync->slice.begin;
    run_additions(&sync->finish, sync->slots, range_size(sync->slice));
}

void gradsync_reduce(GradSync *sync, float *const gradients[]) {
    set_own_slots(sync, gradients, 0);
    run_additions(&sync->local, sync->slots, sync->length);
    exchange(sync, gradients);
    finish(sync, gradients);
}

void gradsync_gather(GradSync *sync, float *vector) {
    comm_allgather(sync->comm, vector, sync->float_ends);
}

void gradsync_collect(GradSync *sync, float *vector) {
    comm_gather(sync->comm, vector, sync->float_ends);
}

/* In SQUARE_LANES sums, so that the additions do not wait for each other. */
static double sum_of_squares(const float *values, size_t count) {
    double lanes[SQUARE_LANES] = {0};
    for (size_t i = 0; i < count; i++) {
        lanes[i % SQUARE_LANES] += (double)values[i] * (double)values[i];
    }
    return tree_sum(lanes, SQUARE_LANES);
}

/* Sums of squares of this rank's slice, by block. */
static void slice_squares(const GradSync *sync, const float *vector, double blocks[]) {
    for (size_t i = sync->slice.begin; i < sync->slice.end; i += GRADSYNC_BLOCK) {
        size_t left = sync->slice.end - i;
        blocks[i / GRADSYNC_BLOCK] =
            sum_of_squares(vector + i, left < GRADSYNC_BLOCK ? left : GRADSYNC_BLOCK);
    }
}

double gradsync_norm(GradSync *sync, const float *vector) {
    slice_squares(sync, vector, sync->squares);
    comm_allgather(sync->comm, sync->squares, sync->square_ends);
    return sqrt(tree_sum(sync->squares, block_count(sync)));
}
