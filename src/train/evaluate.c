/* Evaluation in fixed blocks, in rounds; see evaluate.h.
 *
 * A rank computes a contiguous run of blocks, some per round; between rounds the ranks ask one
 * another whether to give up, so that a signal is answered within a fraction of a second. All ranks
 * make the same number of rounds, whatever they have left to do. */
#include "mnist_dist/train/evaluate.h"

#include <stdlib.h>
#include <string.h>

#include "mnist_dist/base/heartbeat.h"
#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/minmax.h"
#include "mnist_dist/base/shard.h"
#include "mnist_dist/data/augment.h"
#include "mnist_dist/data/batch.h"
#include "mnist_dist/nn/loss.h"

enum { BLOCKS_PER_ROUND = 4 /* per thread */ };

typedef struct EvaluatorThread {
    Batch batch;
    Scratch *scratch;
} EvaluatorThread;

struct Evaluator {
    Comm *comm;
    Pool *pool;
    const Model *model;
    size_t views;
    bool (*interrupted)(void);
    EvaluatorThread *threads;
};

/* One evaluation under way. */
typedef struct Evaluation {
    Evaluator *evaluator;
    const float *params;
    const EvaluationImages *images;
    size_t first_block;    /* of the round */
    EvaluationImages seen; /* of the round: all images, or those that were read for it ... */
    size_t seen_first;     /* ... of which this is the first */
    uint8_t *held;         /* (round, 28, 28), (round): what was read; NULL if nothing is */
    Tally *tallies;        /* (blocks) */
    float *probabilities;  /* (count, 10), or NULL */
} Evaluation;

static Status allocate(Evaluator *evaluator) {
    Status status = STATUS_OK;
    TRY(MEMORY_NEW(&evaluator->threads, pool_threads(evaluator->pool)));
    for (size_t i = 0; i < pool_threads(evaluator->pool); i++) {
        TRY(batch_new(&evaluator->threads[i].batch, EVALUATION_BLOCK));
        TRY(scratch_new(&evaluator->threads[i].scratch, evaluator->model, EVALUATION_BLOCK, false));
    }
cleanup:
    return status;
}

Status evaluator_new(Evaluator **out, Comm *comm, Pool *pool, const Model *model, size_t views,
                     bool (*interrupted)(void)) {
    Evaluator *evaluator = NULL;
    Status status = comm_agree(comm, MEMORY_NEW(&evaluator, 1));
    if (status != STATUS_OK) return status;
    *evaluator = (Evaluator){
        .comm = comm, .pool = pool, .model = model, .views = views, .interrupted = interrupted};
    status = comm_agree(comm, allocate(evaluator));
    if (status == STATUS_OK)
        *out = evaluator;
    else
        evaluator_destroy(evaluator);
    return status;
}

void evaluator_destroy(Evaluator *evaluator) {
    if (evaluator == NULL) return;
    for (size_t i = 0; evaluator->threads != NULL && i < pool_threads(evaluator->pool); i++) {
        batch_destroy(&evaluator->threads[i].batch);
        scratch_destroy(evaluator->threads[i].scratch);
    }
    free(evaluator->threads);
    free(evaluator);
}

static size_t block_count(const EvaluationImages *images) {
    return shard_capacity(images->count, EVALUATION_BLOCK);
}

/* Shows a filled batch's images in another way, with zeros beyond the border. */
static void look(Batch *batch, const EvaluationImages *images, size_t view) {
    const AffineMap map = augment_view(view);
    for (size_t i = 0; i < batch->count; i++)
        augment_image(batch->images + i * DIGIT_PIXELS,
                      images->images + (size_t)batch->ids[i] * DIGIT_PIXELS, &map, FILL_ZERO, NULL);
}

static const float *forward(const Evaluation *run, EvaluatorThread *own) {
    ModelPass pass = {.count = own->batch.count, .images = own->batch.images};
    return model_forward(run->evaluator->model, run->params, own->scratch, &pass);
}

/* The tally of a filled batch; probabilities (count, 10), or NULL. */
static Tally judge_batch(const Evaluation *run, EvaluatorThread *own, float *probabilities) {
    const Batch *batch = &own->batch;
    const float *logits = forward(run, own);
    if (probabilities != NULL) loss_softmax(probabilities, logits, batch->count);
    return loss_cross_entropy(logits, batch->targets, batch->labels, batch->count);
}

/* The same by the mean over views, which are added in their order, in float, and divided once. */
static Tally judge_views(const Evaluation *run, EvaluatorThread *own, float *probabilities) {
    float mean[EVALUATION_BLOCK * DIGIT_CLASSES] = {0}, one[EVALUATION_BLOCK * DIGIT_CLASSES];
    const size_t views = run->evaluator->views, numbers = own->batch.count * DIGIT_CLASSES;
    for (size_t view = 0; view < views; view++) {
        if (view > 0) look(&own->batch, &run->seen, view);
        loss_softmax(one, forward(run, own), own->batch.count);
        for (size_t i = 0; i < numbers; i++) mean[i] += one[i];
    }
    for (size_t i = 0; i < numbers; i++) mean[i] /= (float)views;
    if (probabilities != NULL) memcpy(probabilities, mean, numbers * sizeof *mean);
    return loss_of_probabilities(mean, own->batch.labels, own->batch.count);
}

/* A task of the pool: one block's tally and, if asked for, its probabilities. */
static void evaluate_block(void *context, size_t i, size_t thread) {
    const Evaluation *run = context;
    const EvaluationImages *images = run->images;
    heartbeat_beat();
    EvaluatorThread *own = &run->evaluator->threads[thread];
    size_t block = run->first_block + i;
    size_t first = block * EVALUATION_BLOCK;
    size_t left = images->count - first;
    size_t count = left < EVALUATION_BLOCK ? left : EVALUATION_BLOCK;
    const EvaluationImages *seen = &run->seen;
    const size_t at = first - run->seen_first;
    const uint32_t *rows = seen->rows != NULL ? seen->rows + at : NULL;
    float *probabilities =
        run->probabilities != NULL ? run->probabilities + first * DIGIT_CLASSES : NULL;

    batch_fill_rows(&own->batch, seen->images, seen->labels, rows, at, count);
    run->tallies[block] = run->evaluator->views > 1 ? judge_views(run, own, probabilities)
                                                    : judge_batch(run, own, probabilities);
}

static size_t blocks_per_round(const Evaluator *evaluator) {
    return BLOCKS_PER_ROUND * pool_threads(evaluator->pool);
}

/* Reads the images of `count` blocks, if they are not there. */
static Status see_round(Evaluation *run, size_t count) {
    const EvaluationImages *images = run->images;
    const size_t most = blocks_per_round(run->evaluator) * EVALUATION_BLOCK;
    const size_t first = run->first_block * EVALUATION_BLOCK;
    if (run->held == NULL || count == 0) return STATUS_OK;
    const size_t end = smaller(first + count * EVALUATION_BLOCK, images->count);
    const uint32_t *rows = images->rows != NULL ? images->rows + first : NULL;
    uint8_t *labels = run->held + most * DIGIT_PIXELS;
    for (size_t i = 0; i < end - first; i++)
        labels[i] = images->labels[rows != NULL ? rows[i] : first + i];
    run->seen = (EvaluationImages){.images = run->held, .labels = labels, .count = end - first};
    run->seen_first = first;
    return row_reader_images(images->reader, images->part, run->held, rows, first, end - first);
}

/* **Collective.** Whether all ranks go on: nobody was interrupted, everybody could read. */
static Status agree_on_round(const Evaluation *run, Status mine) {
    const Evaluator *evaluator = run->evaluator;
    const bool stop = evaluator->interrupted != NULL && evaluator->interrupted();
    const int worst = comm_max(evaluator->comm, mine != STATUS_OK ? 2 : stop ? 1 : 0);
    if (worst == 2) return comm_agree(evaluator->comm, mine);
    return worst == 0 ? STATUS_OK : status_fail(STATUS_STOPPED, "stopped while evaluating");
}

/* **Collective.** All blocks of this rank, in rounds that all ranks share. */
static Status run_rounds(Evaluation *run) {
    Evaluator *evaluator = run->evaluator;
    size_t ranks = (size_t)comm_size(evaluator->comm), rank = (size_t)comm_rank(evaluator->comm);
    size_t blocks = block_count(run->images);
    size_t end = shard_begin(rank + 1, blocks, ranks);
    size_t per_round = blocks_per_round(evaluator);
    size_t rounds = shard_capacity(shard_capacity(blocks, ranks), per_round);
    run->first_block = shard_begin(rank, blocks, ranks);
    for (size_t round = 0; round < rounds; round++) {
        size_t left = end - run->first_block;
        size_t count = left < per_round ? left : per_round;
        Status status = agree_on_round(run, see_round(run, count));
        if (status != STATUS_OK) return status;
        pool_run(evaluator->pool, count, evaluate_block, run);
        run->first_block += count;
    }
    return STATUS_OK;
}

/* **Collective.** Gives all ranks the parts of all: `each` bytes per unit, `per_block` units a
 * block, `count` units in all. */
static void share(Comm *comm, void *bytes, size_t each, size_t per_block, size_t blocks,
                  size_t count, size_t ends[]) {
    size_t ranks = (size_t)comm_size(comm);
    for (size_t rank = 0; rank < ranks; rank++) {
        size_t end = shard_begin(rank + 1, blocks, ranks) * per_block;
        ends[rank] = (end < count ? end : count) * each;
    }
    comm_allgather(comm, bytes, ends);
}

Status evaluator_run(Evaluator *evaluator, Tally *tally, float *probabilities, const float *params,
                     const EvaluationImages *images) {
    Comm *comm = evaluator->comm;
    size_t blocks = block_count(images);
    Evaluation run = {.evaluator = evaluator,
                      .params = params,
                      .images = images,
                      .seen = *images,
                      .probabilities = probabilities};
    size_t round = blocks_per_round(evaluator) * EVALUATION_BLOCK;
    size_t *ends = NULL;
    heartbeat_phase(PHASE_EVALUATE);
    Status status = MEMORY_NEW(&run.tallies, blocks);
    if (status == STATUS_OK) status = MEMORY_NEW(&ends, (size_t)comm_size(comm));
    if (status == STATUS_OK && images->images == NULL)
        status = MEMORY_NEW(&run.held, round * (DIGIT_PIXELS + 1));
    TRY(comm_agree(comm, status));
    TRY(run_rounds(&run));
    share(comm, run.tallies, sizeof(Tally), 1, blocks, blocks, ends);
    if (probabilities != NULL)
        share(comm, probabilities, DIGIT_CLASSES * sizeof(float), EVALUATION_BLOCK, blocks,
              images->count, ends);
    *tally = tally_sum(run.tallies, blocks);
cleanup:
    free(run.held);
    free(run.tallies);
    free(ends);
    return status;
}
