/* The fixed binary tree over shards, as a list of additions carried out on vectors.
 *
 * S shards (a power of two) are the leaves of a complete binary tree; a node is the sum left +
 * right. Of a node whose shards all belong to one rank, that rank may hand over the finished sum:
 * such a node is a leaf of the others' tree. The additions made are the same wherever they are
 * made. Nothing in the list hangs on which part of a vector it is applied to. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "mnist_dist/base/status.h"
#include "mnist_dist/dist/gradsync.h"

enum {
    TREE_LANES = 16,  /* floats that are added at once */
    TREE_FAN_IN = 8,  /* operands of an addition, at most */
    TREE_HEIGHT = 12, /* of the whole tree, at most */
    TREE_SUMS = 32    /* on their way at once, at most: below 7 for 3 levels of the tree */
};

/* 2, 4 or 8 operands, added as the tree's levels between them and their sum say. An operand below
 * `shards` is the leaf whose first shard it is; those from there on are sums on their way. */
typedef struct Addition {
    size_t out, count, in[TREE_FAN_IN];
} Addition;

typedef struct Tree {
    size_t shards;       /* of the whole tree */
    size_t first, width; /* this one's shards */
    Addition *items;
    size_t count;
    bool rounds;
} Tree;

/* Consecutive runs of shards, by where they end. */
typedef struct Runs {
    const size_t *ends;
    size_t count;
} Runs;

/* Whether the node over `width` shards from `first` lies within one run. */
bool runs_hold(const Runs *runs, size_t first, size_t width);

/* The node over shards first .. first + width - 1 of `shards`. Its leaves are the largest nodes
 * that lie within one of the runs. If it `rounds`, leaves and sums are rounded to the nearest
 * bfloat16, ties to even, wherever they stand in the tree: so the same numbers come out whichever
 * of the sums travel as bfloat16. */
Status tree_new(Tree *tree, size_t shards, const Runs *runs, size_t first, size_t width,
                bool rounds);
void tree_destroy(Tree *tree);

/* Replaces numbers range.begin .. range.end - 1 of the node's first leaf by the node's sum.
 * leaves[s] is the leaf whose first shard is s, with room up to the next multiple of TREE_LANES
 * numbers, where what stands there is added too. A tree that rounds also overwrites its leaves. */
void tree_run(const Tree *tree, float *const leaves[], Range range);
