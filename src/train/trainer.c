/* One rank's replica and its step; see trainer.h.
 *
 * The step is the program's one hot loop. Its parts are calls into other rooms; what is here is who
 * does which shard, and in which order numbers cross between shards and ranks. */
#include "mnist_dist/train/trainer.h"

#include <math.h>

#include "mnist_dist/base/clones.h"
#include "mnist_dist/base/heartbeat.h"
#include "mnist_dist/base/shard.h"
#include "mnist_dist/base/timeline.h"
#include "mnist_dist/nn/loss.h"
#include "trainer_parts.h"
#include "window.h"

size_t trainer_epoch_batches(const Trainer *trainer) {
    return config_epoch_batches(trainer->config, trainer->source.sampler.count);
}

static size_t own_shards(const Trainer *trainer) {
    Range shards = gradsync_shards(trainer->sync);
    return shards.end - shards.begin;
}

/* The samples of a global batch: positions of the epoch under way. */
static Range positions_of(const Trainer *trainer, uint64_t batch) {
    size_t size = (size_t)trainer->config->training.batch_size;
    size_t begin = batch * size, rows = trainer->source.sampler.count;
    return (Range){begin, begin + size < rows ? begin + size : rows};
}

Range trainer_step_batches(const Trainer *trainer) {
    size_t each = (size_t)trainer->config->training.accumulate;
    size_t begin = trainer->progress.epoch_step * each, batches = trainer_epoch_batches(trainer);
    return (Range){begin, begin + each < batches ? begin + each : batches};
}

bool trainer_hold(Trainer *trainer, Range batches) {
    if (trainer->window == NULL) return true;
    return window_hold(trainer->window, (uint32_t)trainer->progress.epoch,
                       positions_of(trainer, batches.begin).begin,
                       positions_of(trainer, batches.end - 1).end);
}

Status trainer_unreadable(Trainer *trainer) {
    return comm_agree(trainer->comm, window_failure(trainer->window));
}

/* Their samples. */
static size_t step_size(const Trainer *trainer) {
    Range batches = trainer_step_batches(trainer);
    return positions_of(trainer, batches.end - 1).end - positions_of(trainer, batches.begin).begin;
}

/* Adds the time since *since to a phase, and starts the next phase now. */
static void lap(PhaseTimes *times, Phase phase, double *since) {
    double now = clock_seconds();
    times->seconds[phase] += now - *since;
    timeline_add(phase, 0, *since, now);
    *since = now;
}

void trainer_lap(Trainer *trainer, Phase phase, double since) {
    lap(&trainer->times, phase, &since);
}

size_t trainer_fill_shard(Batch *samples, const Trainer *trainer, uint64_t batch, size_t shard) {
    size_t shards = (size_t)trainer->config->training.shards;
    Range positions = positions_of(trainer, batch);
    size_t n = positions.end - positions.begin;
    batch_fill_training(samples, &trainer->source, (uint32_t)trainer->progress.epoch,
                        positions.begin + shard_begin(shard, n, shards),
                        shard_size(shard, n, shards));
    return n;
}

void trainer_make_late(void *context, float *out, size_t shard, const void *left, Range range,
                       size_t thread) {
    Trainer *trainer = context;
    Workspace *space = &trainer->workspaces[thread];
    Range positions = positions_of(trainer, trainer->progress.epoch_step);
    size_t shards = (size_t)trainer->config->training.shards;
    double since = clock_seconds();
    model_late_gradient(out, trainer->model, space->scratch, &trainer->late, left,
                        shard_size(shard, positions.end - positions.begin, shards), range.begin,
                        range.end);
    space->late_seconds += clock_seconds() - since;
}

/* Takes the time of late gradients from the sync's, in which they were made, to backward's. */
static void note_late(Trainer *trainer) {
    trainer->times.seconds[PHASE_SYNC] -= trainer->workspaces[0].late_seconds;
    for (size_t i = 0; i < pool_threads(trainer->pool); i++) {
        trainer->times.seconds[PHASE_BACKWARD] += trainer->workspaces[i].late_seconds;
        trainer->workspaces[i].late_seconds = 0.0;
    }
}

/* `n` is the number of the whole step's samples. */
static ModelPass training_pass(const Trainer *trainer, const Batch *batch, size_t n) {
    return (ModelPass){.training = true,
                       .seed = (uint64_t)trainer->config->training.seed,
                       .step = (uint32_t)trainer->progress.step,
                       .count = batch->count,
                       .images = batch->images,
                       .ids = batch->ids,
                       .batch = n};
}

/* What model_forward calls: parameters of the step before may still be on their way. */
static void await_params(void *context, size_t begin, size_t end) {
    gradsync_await(context, (Range){begin, end});
}

const float *trainer_forward_part(Trainer *trainer, Workspace *space, const ShardPart *part,
                                  ModelPass *pass) {
    double since = clock_seconds();
    heartbeat_phase(PHASE_FILL);
    trainer_fill_shard(&space->batch, trainer, part->batch, part->shard);
    lap(&space->times, PHASE_FILL, &since);
    heartbeat_phase(PHASE_FORWARD);
    *pass = training_pass(trainer, &space->batch, step_size(trainer));
    pass->before = await_params;
    pass->context = trainer->sync;
    const float *logits = model_forward(trainer->model, trainer->params, space->scratch, pass);
    lap(&space->times, PHASE_FORWARD, &since);
    return logits;
}

/* What model_backward tells of a shard's gradient. */
typedef struct Announcement {
    const Trainer *trainer;
    size_t shard, thread;
} Announcement;

static void announce(void *context, size_t begin, size_t end) {
    const Announcement *of = context;
    gradsync_announce(of->trainer->sync, of->shard, (Range){begin, end}, of->thread);
}

Tally trainer_compute_part(Trainer *trainer, Workspace *space, const ShardPart *part,
                           float *gradient) {
    const Batch *batch = &space->batch;
    ModelPass pass;
    const float *logits = trainer_forward_part(trainer, space, part, &pass);
    double since = clock_seconds();
    Tally tally = loss_cross_entropy(logits, batch->targets, batch->labels, batch->count);
    heartbeat_phase(PHASE_BACKWARD);
    loss_cross_entropy_gradient(space->dlogits, logits, batch->targets, batch->count,
                                1.0f / (float)pass.batch);
    Announcement of = {trainer, part->shard, (size_t)(space - trainer->workspaces)};
    ModelGradients gradients = {.dparams = gradient,
                                .late = trainer->has_late && !part->whole ? &trainer->late : NULL,
                                .factors = gradsync_left(trainer->sync, part->shard),
                                .after = part->announces ? announce : NULL,
                                .context = &of};
    model_backward(trainer->model, trainer->params, space->scratch, &pass, space->dlogits,
                   &gradients);
    lap(&space->times, PHASE_BACKWARD, &since);
    return tally;
}

VECTOR_CLONES void add_gradient(float *restrict to, const float *restrict from, size_t count) {
    for (size_t i = 0; i < count; i++) to[i] += from[i];
}

/* The gradient and the tally of this rank's i-th shard, added up in the order of the step's
 * batches: a task of the pool. */
static void compute_shard(void *context, size_t i, size_t thread) {
    Trainer *trainer = context;
    Workspace *space = &trainer->workspaces[thread];
    size_t shard = gradsync_shards(trainer->sync).begin + i;
    float *gradient = gradsync_gradient(trainer->sync, shard);
    Range batches = trainer_step_batches(trainer);
    ShardPart part = {
        .shard = shard, .batch = batches.begin, .announces = batches.end - batches.begin == 1};
    Tally tally = trainer_compute_part(trainer, space, &part, gradient);
    while (++part.batch < batches.end) {
        Tally more = trainer_compute_part(trainer, space, &part, space->gradient);
        add_gradient(gradient, space->gradient, model_parameter_count(trainer->model));
        tally_add(&tally, &more);
    }
    if (!part.announces)
        gradsync_announce(trainer->sync, shard, (Range){0, model_parameter_count(trainer->model)},
                          thread);
    ShardReport *reports = gradsync_reports(trainer->sync);
    reports[shard] = (ShardReport){tally, trainer->request};
}

/* The whole batch's tally and the largest request, from every shard's report. */
static Tally sum_reports(const Trainer *trainer, Request *request) {
    const ShardReport *reports = gradsync_reports(trainer->sync);
    size_t shards = (size_t)trainer->config->training.shards;
    Tally tallies[CONFIG_MAX_SHARDS];
    *request = REQUEST_NONE;
    for (size_t i = 0; i < shards; i++) {
        tallies[i] = reports[i].tally;
        if (reports[i].request > *request) *request = (Request)reports[i].request;
    }
    return tally_sum(tallies, shards);
}

Status trainer_begin_epoch(Trainer *trainer) {
    size_t left = trainer->steps_per_epoch - trainer->progress.epoch_step;
    return comm_agree(trainer->comm, history_reserve(&trainer->history, 1, left));
}

static void note_step(Trainer *trainer, const Tally *tally, double norm) {
    history_add_step(&trainer->history, (double[STEP_QUANTITIES]){
                                            [STEP_LOSS] = tally_loss(tally),
                                            [STEP_ACCURACY] = tally_accuracy(tally),
                                            [STEP_LEARNING_RATE] = trainer->rate,
                                            [STEP_GRADIENT_NORM] = norm,
                                        });
    tally_add(&trainer->progress.running, tally);
    trainer->progress.step++;
    trainer->progress.epoch_step++;
}

/* **Collective.** Whether the step may be made; nothing has changed yet. */
static Status judge_step(Trainer *trainer, const Tally *tally, double norm) {
    bool finite = isfinite(tally->loss) && isfinite(norm);
    Status status = STATUS_OK;
    if (replicas_are_due(trainer, finite)) status = trainer_compare_replicas(trainer);
    return status != STATUS_OK || finite ? status : trainer_name_culprit(trainer);
}

Status trainer_step(Trainer *trainer, Request *request) {
    heartbeat_step(trainer->progress.step + 1);
    trainer->request = signals_pending();
    gradsync_begin(trainer->sync);
    double since = clock_seconds();
    heartbeat_phase(PHASE_FILL);
    if (!trainer_hold(trainer, trainer_step_batches(trainer)))
        trainer->request = REQUEST_UNREADABLE;
    lap(&trainer->times, PHASE_FILL, &since);
    pool_run(trainer->pool, own_shards(trainer), compute_shard, trainer);

    since = clock_seconds();
    heartbeat_phase(PHASE_SYNC);
    double norm = gradsync_reduce(trainer->sync);
    Tally tally = sum_reports(trainer, request);
    lap(&trainer->times, PHASE_SYNC, &since);
    note_late(trainer);
    Status status = *request == REQUEST_UNREADABLE ? trainer_unreadable(trainer)
                                                   : judge_step(trainer, &tally, norm);
    if (status != STATUS_OK) return status;
    lap(&trainer->times, PHASE_SYNC, &since);

    heartbeat_phase(PHASE_OPTIMIZER);
    trainer->rate = config_rate(trainer->config, &trainer->progress, trainer->steps_per_epoch);
    trainer_update(trainer, norm);
    lap(&trainer->times, PHASE_OPTIMIZER, &since);
    heartbeat_phase(PHASE_SYNC);
    gradsync_start_gather(trainer->sync, VECTOR_PARAMS);
    lap(&trainer->times, PHASE_SYNC, &since);
    note_step(trainer, &tally, norm);
    return STATUS_OK;
}

PhaseTimes trainer_times(const Trainer *trainer) {
    PhaseTimes sum = trainer->times;
    for (size_t i = 0; i < pool_threads(trainer->pool); i++)
        for (int phase = 0; phase < PHASE_COUNT; phase++)
            sum.seconds[phase] += trainer->workspaces[i].times.seconds[phase];
    return sum;
}
