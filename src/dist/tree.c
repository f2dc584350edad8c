/* The tree's additions, some hundred numbers at a time; see tree.h.
 *
 * Every leaf is read once and the result written once: sums on their way stand in registers, those
 * of more than eight shards in buffers that stay in the cache. For eight leaves of 3.7 MB this
 * takes 1.4 ms on a core that reads them in 1.9 ms; pairs at a time, with all their sums in the
 * first cache, took 3.2 ms. Vectors are written out, since compilers leave such loops scalar at
 * -O2. */
#include "dist/tree.h"

#include <stdlib.h>

#include "mnist_dist/base/clones.h"
#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/shard.h"

enum { CHUNK = 512 /* floats */ };

typedef float Lanes __attribute__((vector_size(4 * TREE_LANES), aligned(4), may_alias));

bool tree_within_part(size_t shards, size_t parts, size_t first, size_t width) {
    size_t part = 0;
    while (shard_begin(part + 1, shards, parts) <= first) part++;
    return first + width <= shard_begin(part + 1, shards, parts);
}

/* Whether none of the node's descendants of width `each` is a leaf. */
static bool can_split(const Tree *tree, size_t parts, size_t first, size_t width, size_t each) {
    for (size_t i = 0; i < width; i += each)
        if (tree_within_part(tree->shards, parts, first + i, each)) return false;
    return true;
}

static size_t fan_in(const Tree *tree, size_t parts, size_t first, size_t width) {
    size_t count = 2;
    while (count < TREE_FAN_IN && can_split(tree, parts, first, width, width / count)) count *= 2;
    return count;
}

/* Appends the additions of a node, before which `sums` buffers are in use; returns the operand that
 * holds its sum. The sum takes the place of the first one that it is made of, if any. */
static size_t plan(Tree *tree, size_t parts, size_t first, size_t width, size_t sums) {
    if (tree_within_part(tree->shards, parts, first, width)) return first;
    Addition addition = {.out = tree->shards + sums, .count = fan_in(tree, parts, first, width)};
    size_t each = width / addition.count;
    for (size_t i = 0; i < addition.count; i++) {
        addition.in[i] = plan(tree, parts, first + i * each, each, sums);
        sums += addition.in[i] >= tree->shards;
    }
    tree->items[tree->count++] = addition;
    return addition.out;
}

static Status check_height(size_t shards) {
    const size_t most = (size_t)1 << TREE_HEIGHT;
    if (shards <= most) return STATUS_OK;
    return status_fail(STATUS_USAGE, "training.shards is %zu, but at most %zu can be summed",
                       shards, most);
}

Status tree_new(Tree *tree, size_t shards, size_t parts, size_t first, size_t width) {
    Status status = STATUS_OK;
    *tree = (Tree){.shards = shards, .first = first};
    TRY(check_height(shards));
    TRY(MEMORY_NEW(&tree->items, width));
    plan(tree, parts, first, width, 0);
cleanup:
    return status;
}

void tree_destroy(Tree *tree) {
    free(tree->items);
    *tree = (Tree){0};
}

/* Whole vectors, of which the last may reach into the padding. The sum may overwrite an operand. */
VECTOR_CLONES static void add_2(Lanes *out, const Lanes *const in[], size_t count) {
    const Lanes *a = in[0], *b = in[1];
    for (size_t i = 0; i < count; i++) out[i] = a[i] + b[i];
}

VECTOR_CLONES static void add_4(Lanes *out, const Lanes *const in[], size_t count) {
    const Lanes *a = in[0], *b = in[1], *c = in[2], *d = in[3];
    for (size_t i = 0; i < count; i++) out[i] = (a[i] + b[i]) + (c[i] + d[i]);
}

VECTOR_CLONES static void add_8(Lanes *out, const Lanes *const in[], size_t count) {
    const Lanes *a = in[0], *b = in[1], *c = in[2], *d = in[3];
    const Lanes *e = in[4], *f = in[5], *g = in[6], *h = in[7];
    for (size_t i = 0; i < count; i++)
        out[i] = ((a[i] + b[i]) + (c[i] + d[i])) + ((e[i] + f[i]) + (g[i] + h[i]));
}

static void add(Lanes *out, const Lanes *const in[], size_t operands, size_t count) {
    if (operands == 2) add_2(out, in, count);
    if (operands == 4) add_4(out, in, count);
    if (operands == 8) add_8(out, in, count);
}

/* Numbers begin .. begin + count - 1, no more than a chunk. */
static void run_chunk(const Tree *tree, float *const leaves[], size_t begin, size_t count) {
    Lanes sums[TREE_SUMS][CHUNK / TREE_LANES];
    const Lanes *in[TREE_FAN_IN];
    for (size_t i = 0; i < tree->count; i++) {
        const Addition *a = &tree->items[i];
        for (size_t k = 0; k < a->count; k++)
            if (a->in[k] < tree->shards)
                in[k] = (const Lanes *)(void *)(leaves[a->in[k]] + begin);
            else
                /* cppcheck-suppress legacyUninitvar ; an earlier addition has left its sum there */
                in[k] = sums[a->in[k] - tree->shards];
        bool last = i + 1 == tree->count;
        add(last ? (Lanes *)(void *)(leaves[tree->first] + begin) : sums[a->out - tree->shards], in,
            a->count, shard_capacity(count, TREE_LANES));
    }
}

void tree_run(const Tree *tree, float *const leaves[], Range range) {
    for (size_t i = range.begin; i < range.end; i += CHUNK) {
        size_t left = range.end - i;
        run_chunk(tree, leaves, i, left < CHUNK ? left : CHUNK);
    }
}
