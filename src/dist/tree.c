/* The tree's additions, some hundred numbers at a time; see tree.h.
 *
 * Every leaf is read once and the result written once: sums on their way stand in registers, those
 * of more than eight shards in buffers that stay in the cache. For eight leaves of 3.7 MB this
 * takes 1.4 ms on a core that reads them in 1.9 ms; pairs at a time, with all their sums in the
 * first cache, took 3.2 ms. Vectors are written out, since compilers leave such loops scalar at
 * -O2. */
#include "dist/tree.h"

#include <stdint.h>
#include <stdlib.h>

#include "mnist_dist/base/clones.h"
#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/shard.h"

enum { CHUNK = 512 /* floats */ };

typedef float Lanes __attribute__((vector_size(4 * TREE_LANES), aligned(4), may_alias));

bool runs_hold(const Runs *runs, size_t first, size_t width) {
    size_t run = 0;
    while (runs->ends[run] <= first) run++;
    return first + width <= runs->ends[run];
}

/* Whether none of the node's descendants of width `each` is a leaf. */
static bool can_split(const Runs *runs, size_t first, size_t width, size_t each) {
    for (size_t i = 0; i < width; i += each)
        if (runs_hold(runs, first + i, each)) return false;
    return true;
}

/* Where every sum is rounded, additions are of two. */
static size_t fan_in(const Tree *tree, const Runs *runs, size_t first, size_t width) {
    size_t count = 2;
    while (count < TREE_FAN_IN && !tree->rounds && can_split(runs, first, width, width / count))
        count *= 2;
    return count;
}

/* Appends the additions of a node, before which `sums` buffers are in use; returns the operand that
 * holds its sum. The sum takes the place of the first one that it is made of, if any. */
static size_t plan(Tree *tree, const Runs *runs, size_t first, size_t width, size_t sums) {
    if (runs_hold(runs, first, width)) return first;
    Addition addition = {.out = tree->shards + sums, .count = fan_in(tree, runs, first, width)};
    size_t each = width / addition.count;
    for (size_t i = 0; i < addition.count; i++) {
        addition.in[i] = plan(tree, runs, first + i * each, each, sums);
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

Status tree_new(Tree *tree, size_t shards, const Runs *runs, size_t first, size_t width,
                bool rounds) {
    Status status = STATUS_OK;
    *tree = (Tree){.shards = shards, .first = first, .width = width, .rounds = rounds};
    TRY(check_height(shards));
    TRY(MEMORY_NEW(&tree->items, width));
    plan(tree, runs, first, width, 0);
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

typedef uint32_t Bits __attribute__((vector_size(4 * TREE_LANES), aligned(4), may_alias));

/* To the nearest bfloat16, ties to even; a NaN stays one. */
VECTOR_CLONES static void round_all(Lanes *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        Bits bits = (Bits)values[i], nan = (Bits)(values[i] != values[i]);
        Bits nearest = bits + 0x7fff + (bits >> 16 & 1), quiet = bits | 0x400000;
        values[i] = (Lanes)(((nearest & ~nan) | (quiet & nan)) & 0xffff0000);
    }
}

/* Where an operand's numbers from `begin` on are. */
static Lanes *operand(const Tree *tree, float *const leaves[], Lanes (*sums)[CHUNK / TREE_LANES],
                      size_t number, size_t begin) {
    bool leaf = number < tree->shards;
    return leaf ? (Lanes *)(void *)(leaves[number] + begin) : sums[number - tree->shards];
}

/* Numbers begin .. begin + count - 1, no more than a chunk. */
static void run_chunk(const Tree *tree, float *const leaves[], size_t begin, size_t count) {
    Lanes sums[TREE_SUMS][CHUNK / TREE_LANES];
    const size_t vectors = shard_capacity(count, TREE_LANES);
    const Lanes *in[TREE_FAN_IN];
    for (size_t i = 0; i < tree->count; i++) {
        const Addition *a = &tree->items[i];
        size_t to = i + 1 == tree->count ? tree->first : a->out;
        Lanes *out = operand(tree, leaves, sums, to, begin);
        for (size_t k = 0; k < a->count; k++) {
            Lanes *values = operand(tree, leaves, sums, a->in[k], begin);
            if (tree->rounds && a->in[k] < tree->shards) round_all(values, vectors);
            in[k] = values;
        }
        add(out, in, a->count, vectors);
        if (tree->rounds) round_all(out, vectors);
    }
}

void tree_run(const Tree *tree, float *const leaves[], Range range) {
    for (size_t i = range.begin; i < range.end; i += CHUNK) {
        size_t left = range.end - i;
        run_chunk(tree, leaves, i, left < CHUNK ? left : CHUNK);
    }
}
