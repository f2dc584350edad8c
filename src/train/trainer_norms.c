/* The norms of whole kernels that LARS and LAMB scale their steps by; see trainer_parts.h.
 *
 * A kernel is cut where the flat vector's blocks end, which is where slices may end too; so each
 * piece lies within one rank's slice, whatever the number of ranks. Sums of squares of the pieces,
 * of weights and of directions, are in double; all ranks get them and add them in one tree. Biases
 * and batch normalisation's parameters take the plain step, as is usual. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/shard.h"
#include "mnist_dist/base/tally.h"
#include "trainer_parts.h"

/* A part of a run within one block. */
typedef struct Piece {
    size_t run;
    Range range;
} Piece;

typedef struct Norms {
    Piece *pieces; /* (count), in the vector's order */
    size_t count;
    size_t *own; /* (own_count): pieces of this rank's slices */
    size_t own_count;
    double *weights, *directions; /* (count) each, one behind the other: sums of squares */
} Norms;

static void append(Norms *norms, size_t run, Range range) {
    if (range.begin < range.end) norms->pieces[norms->count++] = (Piece){run, range};
}

static void cut_runs(Norms *norms, const Trainer *trainer) {
    for (size_t run = 0; run < trainer->run_count; run++) {
        Range whole = trainer->runs[run].range;
        for (size_t at = whole.begin / GRADSYNC_BLOCK * GRADSYNC_BLOCK; at < whole.end;
             at += GRADSYNC_BLOCK)
            append(norms, run, range_overlap(whole, (Range){at, at + GRADSYNC_BLOCK}));
    }
}

/* How many pieces begin below this place of the vector. */
static size_t pieces_below(const Norms *norms, size_t place) {
    size_t i = 0;
    while (i < norms->count && norms->pieces[i].range.begin < place) i++;
    return i;
}

static void find_own(Norms *norms, const Trainer *trainer) {
    for (size_t i = 0; i < norms->count; i++)
        for (size_t k = 0; k < gradsync_slice_count(trainer->sync); k++) {
            Range slice = gradsync_slice(trainer->sync, k), piece = norms->pieces[i].range;
            if (piece.begin >= slice.begin && piece.begin < slice.end)
                norms->own[norms->own_count++] = i;
        }
}

static Status allocate(Norms *norms, const Trainer *trainer) {
    size_t blocks = shard_capacity(model_parameter_count(trainer->model), GRADSYNC_BLOCK);
    size_t most = blocks + trainer->run_count;
    Status status = STATUS_OK;
    TRY(MEMORY_NEW(&norms->pieces, most));
    TRY(MEMORY_NEW(&norms->own, most));
    TRY(MEMORY_NEW(&norms->weights, 2 * most));
cleanup:
    return status;
}

Status norms_new(Trainer *trainer) {
    Status status = STATUS_OK;
    if (!optimizer_is_layerwise(&trainer->config->optimizer)) return STATUS_OK;
    status = MEMORY_NEW(&trainer->norms, 1);
    if (status == STATUS_OK) status = allocate(trainer->norms, trainer);
    status = comm_agree(trainer->comm, status);
    if (status != STATUS_OK) return status;
    cut_runs(trainer->norms, trainer);
    find_own(trainer->norms, trainer);
    trainer->norms->directions = trainer->norms->weights + trainer->norms->count;
    return STATUS_OK;
}

void norms_destroy(Norms *norms) {
    if (norms == NULL) return;
    free(norms->pieces);
    free(norms->own);
    free(norms->weights);
    free(norms);
}

/* A task of the pool: one of this rank's pieces. */
static void find_piece(void *context, size_t i, size_t thread) {
    const Trainer *trainer = context;
    Norms *norms = trainer->norms;
    size_t number = norms->own[i];
    const Piece *piece = &norms->pieces[number];
    UpdatePart part = trainer_part(trainer, piece->range, &trainer->runs[piece->run]);
    (void)thread;
    if (trainer->gradient_scale < 1.0f)
        scale_gradient(part.gradients, part.count, trainer->gradient_scale);
    optimizer_direct(&part.options, part.params, part.gradients, part.slots, part.count,
                     trainer->progress.step + 1);
    norms->weights[number] = squares_sum(part.params, part.count);
    norms->directions[number] = squares_sum(part.gradients, part.count);
}

void norms_find(Trainer *trainer) {
    Norms *norms = trainer->norms;
    size_t begin = 0, bytes = 2 * norms->count * sizeof *norms->weights;
    memset(norms->weights, 0, bytes);
    pool_run(trainer->pool, norms->own_count, find_piece, trainer);
    comm_merge(trainer->comm, COMM_RANKS, norms->weights, bytes);
    for (size_t k = 0; k < trainer->run_count; k++) {
        UpdateRun *run = &trainer->runs[k];
        size_t end = pieces_below(norms, run->range.end), count = end - begin;
        run->ratio = run->adapts ? optimizer_ratio(&trainer->config->optimizer,
                                                   sqrt(tree_sum(norms->weights + begin, count)),
                                                   sqrt(tree_sum(norms->directions + begin, count)))
                                 : 1.0;
        begin = end;
    }
}
