/* The update of a rank's slice of the parameters and of their average; see trainer_parts.h.
 *
 * Optimizers work elementwise, so a slice is cut into pieces for the threads, and a piece into runs
 * of parameters that are treated alike, without a bit changing. The gradient is clipped by its
 * global norm (Pascanu et al., ICML 2013; Keras's global_clipnorm), piece by piece while it is in
 * the cache: clipped or not, the norm in the history is that of the gradient as it was found. The
 * buffers behind the parameters are few, and follow their own rule. */
#include <string.h>

#include "mnist_dist/base/clones.h"
#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/shard.h"
#include "trainer_parts.h"

enum { PIECE = 16384 /* floats that a thread updates at a time */ };

static bool needs_tensors(const OptimizerOptions *options) {
    bool apart = options->kind == OPTIMIZER_ADAMW && !options->decay_biases;
    return apart || optimizer_is_layerwise(options);
}

Status trainer_plan_update(Trainer *trainer) {
    const Model *model = trainer->model;
    const OptimizerOptions *options = &trainer->config->optimizer;
    size_t parameters = model_trained_count(model);
    size_t tensors = needs_tensors(options) ? model_tensor_count(model) : 0;
    size_t count = 0;
    Status status = MEMORY_NEW(&trainer->runs, tensors + 1);
    if (status != STATUS_OK) return status;
    for (size_t i = 0; i < tensors; i++) {
        ModelTensor tensor = model_tensor(model, i);
        if (tensor.buffer) continue;
        bool kernel = strcmp(tensor.name, "kernel") == 0;
        trainer->runs[count++] = (UpdateRun){
            .range = {tensor.offset, tensor.offset + tensor.count},
            .decays = kernel || options->decay_biases,
            .adapts = kernel && optimizer_is_layerwise(options),
        };
    }
    if (count == 0) trainer->runs[count++] = (UpdateRun){.range = {0, parameters}, .decays = true};
    trainer->run_count = count;
    return STATUS_OK;
}

VECTOR_CLONES void scale_gradient(float *values, size_t count, float factor) {
    for (size_t i = 0; i < count; i++) values[i] *= factor;
}

static float *gradient_at(const Trainer *trainer, size_t place) {
    return gradsync_sum(trainer->sync, place);
}

UpdatePart trainer_part(const Trainer *trainer, Range range, const UpdateRun *run) {
    UpdatePart part = {.options = trainer->config->optimizer,
                       .params = trainer->params + range.begin,
                       .gradients = gradient_at(trainer, range.begin),
                       .count = range.end - range.begin};
    for (int k = 0; k < OPTIMIZER_MAX_SLOTS; k++)
        if (trainer->slots[k] != NULL) part.slots[k] = trainer->slots[k] + range.begin;
    if (!run->decays) part.options.weight_decay = 0.0;
    return part;
}

/* Updates the parameters `range`, all of one run. */
static void step_run(const Trainer *trainer, Range range, const UpdateRun *run) {
    UpdatePart part = trainer_part(trainer, range, run);
    if (trainer->norms != NULL)
        optimizer_move(&part.options, part.params, part.gradients, part.slots, part.count,
                       trainer->rate, run->ratio);
    else
        optimizer_step(&part.options, part.params, part.gradients, part.slots, part.count,
                       trainer->rate, trainer->progress.step + 1);
}

/* Adds params `range` to the average, if this step's count. */
static void average_range(const Trainer *trainer, Range range) {
    if (trainer->average_share > 0.0)
        average_add(trainer->average + range.begin, trainer->params + range.begin,
                    range.end - range.begin, trainer->average_share);
}

static void update_buffers(const Trainer *trainer, Range range) {
    model_update_buffers(trainer->model, trainer->params, gradient_at(trainer, range.begin),
                         range.begin, range.end);
}

static void update_parameters(const Trainer *trainer, Range piece) {
    if (trainer->gradient_scale < 1.0f && trainer->norms == NULL)
        scale_gradient(gradient_at(trainer, piece.begin), piece.end - piece.begin,
                       trainer->gradient_scale);
    for (size_t k = 0; k < trainer->run_count; k++) {
        Range range = range_overlap(piece, trainer->runs[k].range);
        if (range.begin < range.end) step_run(trainer, range, &trainer->runs[k]);
    }
}

static void update_piece(const Trainer *trainer, Range piece) {
    size_t buffers = model_buffers_begin(trainer->model);
    Range parameters = range_overlap(piece, (Range){0, buffers});
    Range rest = range_overlap(piece, (Range){buffers, piece.end});
    if (parameters.begin < parameters.end) update_parameters(trainer, parameters);
    if (rest.begin < rest.end) update_buffers(trainer, rest);
    average_range(trainer, piece);
}

/* Piece i of this rank's slices. */
static Range piece_of(const Trainer *trainer, size_t i) {
    size_t slice = 0, pieces;
    Range range = gradsync_slice(trainer->sync, 0);
    while ((pieces = shard_capacity(range.end - range.begin, PIECE)) <= i) {
        i -= pieces;
        range = gradsync_slice(trainer->sync, ++slice);
    }
    size_t begin = range.begin + i * PIECE;
    return range_overlap((Range){begin, begin + PIECE}, range);
}

static size_t piece_count(const Trainer *trainer) {
    size_t count = 0;
    for (size_t i = 0; i < gradsync_slice_count(trainer->sync); i++) {
        Range slice = gradsync_slice(trainer->sync, i);
        count += shard_capacity(slice.end - slice.begin, PIECE);
    }
    return count;
}

/* A task of the pool. */
static void step_piece(void *context, size_t i, size_t thread) {
    const Trainer *trainer = context;
    (void)thread;
    update_piece(trainer, piece_of(trainer, i));
}

void trainer_update(Trainer *trainer, double norm) {
    double most = trainer->config->optimizer.clip_norm;
    trainer->gradient_scale = most > 0.0 && norm > most ? (float)(most / norm) : 1.0f;
    trainer->average_share = average_share(&trainer->config->average, trainer->progress.step + 1,
                                           trainer->steps_per_epoch);
    if (trainer->norms != NULL) norms_find(trainer);
    pool_run(trainer->pool, piece_count(trainer), step_piece, trainer);
}
