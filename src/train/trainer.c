/* One rank's replica and its step; see trainer.h.
 *
 * The step is the program's one hot loop. Its parts are calls into other rooms; what is here is who
 * does which shard, and in which order numbers cross between shards and ranks. */
#include "mnist_dist/train/trainer.h"

#include <math.h>
#include <stdlib.h>

#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/shard.h"
#include "mnist_dist/nn/loss.h"

static uint64_t steps_per_epoch(const TrainingOptions *options, uint64_t rows) {
    uint64_t batch = (uint64_t)options->batch_size;
    return options->drop_last && rows >= batch ? rows / batch : (rows + batch - 1) / batch;
}

static Status workspace_new(Workspace *workspace, const Model *model, size_t capacity) {
    Status status = STATUS_OK;
    TRY(batch_new(&workspace->batch, capacity));
    TRY(MEMORY_NEW(&workspace->dlogits, capacity * DIGIT_CLASSES));
    TRY(scratch_new(&workspace->scratch, model, capacity, true));
cleanup:
    return status;
}

static void workspace_destroy(Workspace *workspace) {
    batch_destroy(&workspace->batch);
    free(workspace->dlogits);
    scratch_destroy(workspace->scratch);
}

static size_t own_shards(const Trainer *trainer) {
    Range shards = gradsync_shards(trainer->sync);
    return shards.end - shards.begin;
}

static Status allocate_vectors(Trainer *trainer) {
    size_t parameters = model_parameter_count(trainer->model);
    Status status = STATUS_OK;
    TRY(MEMORY_NEW(&trainer->params, parameters));
    for (int i = 0; i < optimizer_slot_count(&trainer->config->optimizer); i++)
        TRY(MEMORY_NEW(&trainer->slots[i], parameters));
    TRY(MEMORY_NEW(&trainer->gradients, own_shards(trainer)));
    for (size_t i = 0; i < own_shards(trainer); i++)
        TRY(MEMORY_NEW(&trainer->gradients[i], parameters));
cleanup:
    return status;
}

static Status allocate_reports(Trainer *trainer) {
    size_t shards = (size_t)trainer->config->training.shards;
    size_t ranks = (size_t)comm_size(trainer->comm);
    Status status = STATUS_OK;
    TRY(MEMORY_NEW(&trainer->reports, shards));
    TRY(MEMORY_NEW(&trainer->report_ends, ranks));
    for (size_t rank = 0; rank < ranks; rank++)
        trainer->report_ends[rank] = shard_begin(rank + 1, shards, ranks) * sizeof(ShardReport);
cleanup:
    return status;
}

static Status allocate_workspaces(Trainer *trainer) {
    const TrainingOptions *training = &trainer->config->training;
    size_t batch = (size_t)training->batch_size, rows = trainer->source.sampler.count;
    size_t capacity = shard_capacity(batch < rows ? batch : rows, (size_t)training->shards);
    Status status = STATUS_OK;
    TRY(MEMORY_NEW(&trainer->workspaces, pool_threads(trainer->pool)));
    for (size_t i = 0; i < pool_threads(trainer->pool); i++)
        TRY(workspace_new(&trainer->workspaces[i], trainer->model, capacity));
cleanup:
    return status;
}

static Status allocate(Trainer *trainer) {
    const TrainingOptions *training = &trainer->config->training;
    Status status = STATUS_OK;
    TRY(gradsync_new(&trainer->sync, trainer->comm, model_parameter_count(trainer->model),
                     (size_t)training->shards));
    TRY(allocate_vectors(trainer));
    TRY(allocate_reports(trainer));
    TRY(allocate_workspaces(trainer));
    TRY(history_new(&trainer->history, 0, 0));
cleanup:
    return status;
}

Status trainer_new(Trainer **out, Comm *comm, Pool *pool, const Config *config, const Model *model,
                   const Workload *workload) {
    Trainer *trainer = NULL;
    Status status = comm_agree(comm, MEMORY_NEW(&trainer, 1));
    if (status != STATUS_OK) return status;
    *trainer = (Trainer){
        .config = config,
        .comm = comm,
        .pool = pool,
        .model = model,
        .source = {.dataset = &workload->dataset,
                   .split = &workload->split,
                   .sampler = {(uint64_t)config->training.seed, workload->split.train_count},
                   .augmentation = config->augmentation},
        .steps_per_epoch = steps_per_epoch(&config->training, workload->split.train_count),
        .progress = progress_start(config->optimizer.learning_rate),
    };
    TRY(comm_agree(comm, allocate(trainer)));
    model_initialize(model, trainer->params, (uint64_t)config->training.seed);
    *out = trainer;
cleanup:
    if (status != STATUS_OK) trainer_destroy(trainer);
    return status;
}

void trainer_destroy(Trainer *trainer) {
    if (trainer == NULL) return;
    for (size_t i = 0; trainer->gradients != NULL && i < own_shards(trainer); i++)
        free(trainer->gradients[i]);
    for (size_t i = 0; trainer->workspaces != NULL && i < pool_threads(trainer->pool); i++)
        workspace_destroy(&trainer->workspaces[i]);
    for (int i = 0; i < OPTIMIZER_MAX_SLOTS; i++) free(trainer->slots[i]);
    free(trainer->params);
    free(trainer->gradients);
    free(trainer->reports);
    free(trainer->report_ends);
    free(trainer->workspaces);
    history_destroy(&trainer->history);
    gradsync_destroy(trainer->sync);
    free(trainer);
}

/* The samples of the global batch under way: positions of the epoch. */
static Range batch_positions(const Trainer *trainer) {
    size_t batch = (size_t)trainer->config->training.batch_size;
    size_t begin = trainer->progress.epoch_step * batch;
    size_t rows = trainer->source.sampler.count;
    return (Range){begin, begin + batch < rows ? begin + batch : rows};
}

/* Adds the time since *since to a phase, and starts the next phase now. */
static void lap(PhaseTimes *times, Phase phase, double *since) {
    double now = clock_seconds();
    times->seconds[phase] += now - *since;
    *since = now;
}

/* Fetches a shard's samples; returns how many the whole batch has. */
static size_t fill_shard(Batch *batch, const Trainer *trainer, size_t shard) {
    size_t shards = (size_t)trainer->config->training.shards;
    Range positions = batch_positions(trainer);
    size_t n = positions.end - positions.begin;
    batch_fill_training(batch, &trainer->source, (uint32_t)trainer->progress.epoch,
                        positions.begin + shard_begin(shard, n, shards),
                        shard_size(shard, n, shards));
    return n;
}

static ModelPass training_pass(const Trainer *trainer, const Batch *batch) {
    return (ModelPass){.training = true,
                       .seed = (uint64_t)trainer->config->training.seed,
                       .step = (uint32_t)trainer->progress.step,
                       .count = batch->count,
                       .images = batch->images,
                       .ids = batch->ids};
}

/* The gradient and the tally of this rank's i-th shard: a task of the pool. */
static void compute_shard(void *context, size_t i, size_t thread) {
    Trainer *trainer = context;
    Workspace *space = &trainer->workspaces[thread];
    Batch *batch = &space->batch;
    size_t shard = gradsync_shards(trainer->sync).begin + i;
    double since = clock_seconds();

    size_t n = fill_shard(batch, trainer, shard);
    lap(&space->times, PHASE_FILL, &since);

    ModelPass pass = training_pass(trainer, batch);
    const float *logits = model_forward(trainer->model, trainer->params, space->scratch, &pass);
    trainer->reports[shard] = (ShardReport){
        loss_cross_entropy(logits, batch->targets, batch->labels, batch->count), trainer->request};
    lap(&space->times, PHASE_FORWARD, &since);

    loss_cross_entropy_gradient(space->dlogits, logits, batch->targets, batch->count,
                                1.0f / (float)n);
    model_backward(trainer->model, trainer->params, space->scratch, &pass, space->dlogits,
                   trainer->gradients[i]);
    lap(&space->times, PHASE_BACKWARD, &since);
}

/* **Collective.** The whole batch's tally and the largest request, from every shard's report. */
static Tally gather_reports(Trainer *trainer, Request *request) {
    comm_allgather(trainer->comm, trainer->reports, trainer->report_ends);
    size_t shards = (size_t)trainer->config->training.shards;
    Tally tallies[CONFIG_MAX_SHARDS];
    *request = REQUEST_NONE;
    for (size_t i = 0; i < shards; i++) {
        tallies[i] = trainer->reports[i].tally;
        if (trainer->reports[i].request > *request) *request = (Request)trainer->reports[i].request;
    }
    return tally_sum(tallies, shards);
}

/* Updates this rank's slice of the parameters from the finished sum. */
static void step_slice(Trainer *trainer, double rate) {
    Range slice = gradsync_slice(trainer->sync);
    float *slots[OPTIMIZER_MAX_SLOTS] = {NULL};
    for (int i = 0; i < OPTIMIZER_MAX_SLOTS; i++)
        if (trainer->slots[i] != NULL) slots[i] = trainer->slots[i] + slice.begin;
    optimizer_step(&trainer->config->optimizer, trainer->params + slice.begin,
                   trainer->gradients[0] + slice.begin, slots, slice.end - slice.begin, rate,
                   trainer->progress.step + 1);
}

static double next_rate(const Trainer *trainer) {
    ScheduleWhere where = {trainer->progress.step, trainer->steps_per_epoch,
                           (uint64_t)trainer->config->training.epochs * trainer->steps_per_epoch};
    return schedule_rate(&trainer->config->schedule, trainer->config->optimizer.learning_rate,
                         &where, &trainer->progress.plateau);
}

Status trainer_begin_epoch(Trainer *trainer) {
    size_t left = trainer->steps_per_epoch - trainer->progress.epoch_step;
    return comm_agree(trainer->comm, history_reserve(&trainer->history, 1, left));
}

static void note_step(Trainer *trainer, const Tally *tally, double rate, double norm) {
    history_add_step(&trainer->history, (double[STEP_QUANTITIES]){
                                            [STEP_LOSS] = tally_loss(tally),
                                            [STEP_ACCURACY] = tally_accuracy(tally),
                                            [STEP_LEARNING_RATE] = rate,
                                            [STEP_GRADIENT_NORM] = norm,
                                        });
    tally_add(&trainer->progress.running, tally);
    trainer->progress.step++;
    trainer->progress.epoch_step++;
}

Status trainer_step(Trainer *trainer, Request *request) {
    trainer->request = signals_pending();
    pool_run(trainer->pool, own_shards(trainer), compute_shard, trainer);

    double since = clock_seconds();
    gradsync_reduce(trainer->sync, trainer->gradients);
    double norm = gradsync_norm(trainer->sync, trainer->gradients[0]);
    Tally tally = gather_reports(trainer, request);
    lap(&trainer->times, PHASE_SYNC, &since);
    if (!isfinite(tally.loss) || !isfinite(norm))
        return status_fail(STATUS_DIVERGED,
                           "step %llu: the loss (%g) or the gradient's norm (%g) is not finite; "
                           "lower optimizer.learning_rate",
                           (unsigned long long)trainer->progress.step + 1, tally_loss(&tally),
                           norm);

    double rate = next_rate(trainer);
    step_slice(trainer, rate);
    lap(&trainer->times, PHASE_OPTIMIZER, &since);
    gradsync_gather(trainer->sync, trainer->params);
    lap(&trainer->times, PHASE_SYNC, &since);
    note_step(trainer, &tally, rate, norm);
    return STATUS_OK;
}

void trainer_collect(Trainer *trainer) {
    for (int i = 0; i < OPTIMIZER_MAX_SLOTS; i++)
        if (trainer->slots[i] != NULL) gradsync_collect(trainer->sync, trainer->slots[i]);
}

PhaseTimes trainer_times(const Trainer *trainer) {
    PhaseTimes sum = trainer->times;
    for (size_t i = 0; i < pool_threads(trainer->pool); i++)
        for (int phase = 0; phase < PHASE_COUNT; phase++)
            sum.seconds[phase] += trainer->workspaces[i].times.seconds[phase];
    return sum;
}
