/* A replica's memory: what a rank's threads compute in, the sum's vectors, the window; see
 * trainer.h.
 *
 * What ranks of a node share is made by all of them together, and where one of them fails all do.
 */
#include <stdlib.h>
#include <string.h>

#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/shard.h"
#include "trainer_parts.h"
#include "window.h"

static Status workspace_new(Workspace *workspace, const Model *model, size_t capacity,
                            bool accumulates) {
    Status status = STATUS_OK;
    TRY(batch_new(&workspace->batch, capacity));
    TRY(MEMORY_NEW(&workspace->dlogits, capacity * DIGIT_CLASSES));
    TRY(scratch_new(&workspace->scratch, model, capacity, true));
    if (accumulates) TRY(MEMORY_NEW(&workspace->gradient, model_parameter_count(model)));
cleanup:
    return status;
}

static void workspace_destroy(Workspace *workspace) {
    batch_destroy(&workspace->batch);
    free(workspace->dlogits);
    free(workspace->gradient);
    scratch_destroy(workspace->scratch);
}

/* Samples of a shard at most. */
static size_t capacity_of(const Trainer *trainer) {
    const TrainingOptions *training = &trainer->config->training;
    size_t batch = (size_t)training->batch_size, rows = trainer->source.sampler.count;
    return shard_capacity(batch < rows ? batch : rows, (size_t)training->shards);
}

_Static_assert(MODEL_BUFFERS_ALIGNMENT % GRADSYNC_BLOCK == 0, "buffers begin with a block");

/* A late gradient is of one batch, so there is none where several are added up. */
static GradSyncLate plan_late(Trainer *trainer) {
    trainer->has_late = trainer->config->training.accumulate == 1 &&
                        model_late_kernel(&trainer->late, trainer->model, capacity_of(trainer));
    if (!trainer->has_late) return (GradSyncLate){{0, 0}, 0, NULL, NULL};
    size_t lines = shard_capacity(trainer->late.factors * sizeof(float), MEMORY_ALIGNMENT);
    return (GradSyncLate){{trainer->late.begin, trainer->late.end},
                          lines * MEMORY_ALIGNMENT,
                          trainer_make_late,
                          trainer};
}

/* **Collective.** A window, if the workload has no images. */
static Status make_window(Trainer *trainer, const Workload *workload) {
    const TrainingOptions *training = &trainer->config->training;
    const uint64_t rows = trainer->source.sampler.count;
    const uint64_t step = (uint64_t)training->batch_size * (uint64_t)training->accumulate;
    if (workload->reader == NULL) return STATUS_OK;
    Status status = window_new(&trainer->window, workload, &trainer->config->data,
                               &trainer->source.sampler, step < rows ? step : rows);
    if (status == STATUS_OK) trainer->source.window = window_view(trainer->window);
    return status;
}

/* **Collective.** */
static Status make_sync(Trainer *trainer) {
    bool averages = trainer->config->average.kind != AVERAGE_NONE;
    const size_t length = model_parameter_count(trainer->model);
    GradSyncShape shape = {.length = length,
                           .apart = length - model_buffers_begin(trainer->model),
                           .shards = (size_t)trainer->config->training.shards,
                           .vectors = trainer_average_vector(trainer) + averages,
                           .report_bytes = sizeof(ShardReport),
                           .bucket_bytes = (size_t)trainer->config->training.bucket_size << 10,
                           .overlaps = trainer->config->training.overlap,
                           .halves = trainer->config->training.wire == COMPUTE_BFLOAT16,
                           .late = plan_late(trainer)};
    Status status = gradsync_new(&trainer->sync, trainer->comm, trainer->pool, &shape);
    if (status != STATUS_OK) return status;
    trainer->params = gradsync_vector(trainer->sync, VECTOR_PARAMS);
    for (int i = 0; i < optimizer_slot_count(&trainer->config->optimizer); i++)
        trainer->slots[i] = gradsync_vector(trainer->sync, VECTOR_SLOTS + (size_t)i);
    if (averages)
        trainer->average = gradsync_vector(trainer->sync, trainer_average_vector(trainer));
    return STATUS_OK;
}

static Status allocate(Trainer *trainer) {
    size_t capacity = capacity_of(trainer);
    Status status = STATUS_OK;
    TRY(MEMORY_NEW(&trainer->workspaces, pool_threads(trainer->pool)));
    for (size_t i = 0; i < pool_threads(trainer->pool); i++)
        TRY(workspace_new(&trainer->workspaces[i], trainer->model, capacity,
                          trainer->config->training.accumulate > 1));
    TRY(history_new(&trainer->history, 0, 0));
    TRY(replicas_new(trainer));
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
                   .augmentation = config->augmentation,
                   .label_smoothing = config->training.label_smoothing},
    };
    trainer->steps_per_epoch = config_epoch_steps(config, trainer->source.sampler.count);
    TRY(make_window(trainer, workload));
    TRY(make_sync(trainer));
    TRY(comm_agree(comm, allocate(trainer)));
    TRY(comm_agree(comm, trainer_plan_update(trainer)));
    TRY(norms_new(trainer));
    trainer_restart(trainer);
    *out = trainer;
cleanup:
    if (status != STATUS_OK) trainer_destroy(trainer);
    return status;
}

/* Initial weights hang on the seed alone, so nobody needs to be sent them. */
void trainer_restart(Trainer *trainer) {
    const Config *config = trainer->config;
    size_t bytes = model_parameter_count(trainer->model) * sizeof(float);
    trainer->progress = progress_start(config_base_rate(config));
    trainer->history.epochs.count = trainer->history.steps.count = 0;
    trainer_settle(trainer);
    if (gradsync_leads(trainer->sync)) {
        memset(trainer->params, 0, bytes);
        model_initialize(trainer->model, trainer->params, (uint64_t)config->training.seed);
        for (int i = 0; i < optimizer_slot_count(&trainer->config->optimizer); i++)
            memset(trainer->slots[i], 0, bytes);
    }
    comm_node_barrier(trainer->comm);
}

void trainer_destroy(Trainer *trainer) {
    if (trainer == NULL) return;
    for (size_t i = 0; trainer->workspaces != NULL && i < pool_threads(trainer->pool); i++)
        workspace_destroy(&trainer->workspaces[i]);
    free(trainer->workspaces);
    free(trainer->runs);
    norms_destroy(trainer->norms);
    replicas_destroy(trainer->replicas);
    history_destroy(&trainer->history);
    gradsync_destroy(trainer->sync);
    window_destroy(trainer->window);
    free(trainer);
}
