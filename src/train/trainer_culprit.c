/* Whose loss or gradient is not finite; see trainer_parts.h.
 *
 * A good step pays nothing for this. After a bad one, which has changed nothing, the shards'
 * reports tell which losses are not finite. Where all are finite, each rank computes its shards'
 * gradients once more and looks at them before they are summed. The lowest shard is named, with its
 * rank and its samples: those whose own loss is not finite, or all, since a gradient is a sum over
 * them. Refused: a look at each gradient in every step, which is 3.7 MB a shard. */
#include <math.h>

#include "mnist_dist/base/shard.h"
#include "mnist_dist/nn/loss.h"
#include "suspects.h"
#include "trainer_parts.h"

typedef struct Search {
    Trainer *trainer;
    size_t shards;
    bool bad[CONFIG_MAX_SHARDS];
    uint64_t batches[CONFIG_MAX_SHARDS]; /* the first bad one, of this rank's bad shards */
} Search;

size_t first_not_finite(const float *values, size_t count) {
    size_t i = 0;
    while (i < count && isfinite(values[i])) i++;
    return i;
}

/* Takes the losses from the reports; returns whether any is bad. */
static bool judge_losses(Search *search) {
    const ShardReport *reports = gradsync_reports(search->trainer->sync);
    bool any = false;
    for (size_t i = 0; i < search->shards; i++) {
        search->bad[i] = !isfinite(reports[i].tally.loss);
        any = any || search->bad[i];
    }
    return any;
}

/* A task of the pool: the gradient of this rank's i-th shard, batch by batch. */
static void judge_gradient(void *context, size_t i, size_t thread) {
    Search *search = context;
    Trainer *trainer = search->trainer;
    Workspace *space = &trainer->workspaces[thread];
    size_t shard = gradsync_shards(trainer->sync).begin + i;
    size_t count = model_parameter_count(trainer->model);
    float *gradient = gradsync_gradient(trainer->sync, shard);
    Range batches = trainer_step_batches(trainer);
    ShardPart part = {.shard = shard, .batch = batches.begin, .whole = true};
    for (; part.batch < batches.end && !search->bad[shard]; part.batch++) {
        bool first = part.batch == batches.begin;
        trainer_compute_part(trainer, space, &part, first ? gradient : space->gradient);
        if (!first) add_gradient(gradient, space->gradient, count);
        search->bad[shard] = first_not_finite(gradient, count) < count;
        search->batches[shard] = part.batch;
    }
}

/* **Collective.** Gives all ranks the judgement of all shards. */
static void judge_gradients(Search *search) {
    Trainer *trainer = search->trainer;
    size_t ranks = (size_t)comm_size(trainer->comm), ends[CONFIG_MAX_SHARDS];
    Range own = gradsync_shards(trainer->sync);
    pool_run(trainer->pool, own.end - own.begin, judge_gradient, search);
    for (size_t r = 0; r < ranks; r++)
        ends[r] = shard_begin(r + 1, search->shards, ranks) * sizeof *search->bad;
    comm_allgather(trainer->comm, search->bad, ends);
}

/* All samples of a part, which are in `batch`. */
static void suspect_all(Suspects *suspects, const Batch *batch) {
    *suspects = (Suspects){.all = batch->count};
    for (size_t i = 0; i < batch->count; i++) suspects_add(suspects, batch->ids[i]);
}

/* Those of the part in the workspace whose own loss is not finite. */
static void suspect_losses(Suspects *suspects, const Workspace *space, const float *logits) {
    const Batch *batch = &space->batch;
    *suspects = (Suspects){.all = batch->count};
    for (size_t i = 0; i < batch->count; i++) {
        Tally tally = loss_cross_entropy(logits + i * DIGIT_CLASSES,
                                         batch->targets + i * DIGIT_CLASSES, batch->labels + i, 1);
        if (!isfinite(tally.loss)) suspects_add(suspects, batch->ids[i]);
    }
}

/* Of a shard of this rank: those of its first batch in which there are some. A loss that is good
 * when computed again was an error of the machine: then all samples of the first batch. */
static void find_by_loss(Suspects *suspects, Trainer *trainer, size_t shard) {
    Workspace *space = &trainer->workspaces[0];
    Range batches = trainer_step_batches(trainer);
    ShardPart part = {.shard = shard, .batch = batches.begin};
    ModelPass pass;
    *suspects = (Suspects){0};
    for (; part.batch < batches.end && suspects->count == 0; part.batch++)
        suspect_losses(suspects, space, trainer_forward_part(trainer, space, &part, &pass));
    if (suspects->count > 0) return;
    trainer_fill_shard(&space->batch, trainer, batches.begin, shard);
    suspect_all(suspects, &space->batch);
}

static void find_by_gradient(Suspects *suspects, const Search *search, size_t shard) {
    Batch *batch = &search->trainer->workspaces[0].batch;
    trainer_fill_shard(batch, search->trainer, search->batches[shard], shard);
    suspect_all(suspects, batch);
}

static Status name(const Search *search, const char *what, size_t shard, int rank,
                   const Suspects *suspects) {
    char rows[SUSPECTS_TEXT];
    size_t bad = 0;
    for (size_t i = 0; i < search->shards; i++) bad += search->bad[i];
    suspects_text(rows, suspects);
    return status_fail(STATUS_DIVERGED,
                       "step %llu: the %s is not finite in %zu of %zu shards, first in shard %zu "
                       "of rank %d, for %zu of its %zu samples: %s",
                       (unsigned long long)search->trainer->progress.step + 1, what, bad,
                       search->shards, shard, rank, suspects->count, suspects->all, rows);
}

/* The rank that computes a shard. */
static int owner_of(const Search *search, size_t shard) {
    int ranks = comm_size(search->trainer->comm), rank = 0;
    while (shard_begin((size_t)rank + 1, search->shards, (size_t)ranks) <= shard) rank++;
    return rank;
}

Status trainer_name_culprit(Trainer *trainer) {
    Search search = {.trainer = trainer, .shards = (size_t)trainer->config->training.shards};
    Suspects suspects = {0};
    size_t shard = 0;
    bool by_loss = judge_losses(&search);
    if (!by_loss) judge_gradients(&search);
    while (shard < search.shards && !search.bad[shard]) shard++;
    if (shard == search.shards)
        return status_fail(STATUS_DIVERGED,
                           "step %llu: the sum of the shards' gradients is not finite, though each "
                           "of them is when computed again: it overflowed, or this machine erred",
                           (unsigned long long)trainer->progress.step + 1);
    int owner = owner_of(&search, shard);
    if (comm_rank(trainer->comm) == owner && by_loss) find_by_loss(&suspects, trainer, shard);
    if (comm_rank(trainer->comm) == owner && !by_loss) find_by_gradient(&suspects, &search, shard);
    comm_broadcast(trainer->comm, &suspects, sizeof suspects, owner);
    return name(&search, by_loss ? "loss" : "gradient", shard, owner, &suspects);
}
