/* What gradsync.c (the sum of a slice, and shared memory) and gradsync_messages.c (what ranks send
 * one another where they share none) share. */
#pragma once

#include "dist/tree.h"
#include "mnist_dist/dist/gradsync.h"

/* The message path's own: plans made once. */
typedef struct Messages Messages;

struct GradSync {
    Comm *comm;
    Pool *pool;
    GradSyncShape shape;
    size_t rank, ranks;
    Range own;         /* shards of this rank */
    Range slice;       /* floats of this rank */
    char *memory;      /* all that follows; of comm_shared if `shared` */
    bool shared;       /* else `memory` is this rank's, with the gradients of its own shards only */
    float **gradients; /* (shards); NULL for those that are not here */
    char **left;       /* (shards, late.bytes); likewise */
    float **vectors;   /* (vectors) */
    double *squares;   /* (blocks): sums of squares of the finished sum */
    char *reports;     /* (shards, report_bytes) */
    Tree tree;         /* of the slice: what is added there, once ... */
    float **leaves;    /* ... (shards) its leaves are here, from number slice.begin on */
    Range made;        /* the late floats that are made when summed: whole blocks */
    float *blocks;     /* (threads, shards - 1, GRADSYNC_BLOCK) for that */
    Messages *messages; /* NULL if `shared` */
};

/* The cutting of shards, floats and blocks. */
Range gradsync_shards_of(const GradSync *sync, size_t rank);
Range gradsync_slice_of(const GradSync *sync, size_t rank);
Range gradsync_blocks_of(const GradSync *sync, size_t rank);
size_t gradsync_block_count(const GradSync *sync);

/* Runs a tree on numbers range.begin .. range.end - 1 of its leaves, on all threads. */
void gradsync_run_tree(GradSync *sync, const Tree *tree, float *const leaves[], Range range);

/* Also points sync->leaves at where the subtrees of other ranks will arrive. */
Status messages_new(Messages **out, GradSync *sync);
void messages_destroy(Messages *messages);

/* **Collective.** The subtrees of this rank's slice arrive. */
void messages_exchange(GradSync *sync);

/* **Collective.** Squares and reports of all ranks arrive. */
void messages_share(GradSync *sync);

/* **Collective.** As gradsync_gather and gradsync_collect. */
void messages_gather(GradSync *sync, float *vector);
void messages_collect(GradSync *sync, float *vector);
