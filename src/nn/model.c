/* Forward and backward through the layers, and the memory in which that happens.
 *
 * Each layer's output and gradient is a region of its own in one block of memory; an alias
 * (flatten, an activation) shares its input's. Scratch that never trains has no gradients. */
#include <stdlib.h>
#include <string.h>

#include "mnist_dist/base/clones.h"
#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/minmax.h"
#include "nn/plan.h"

/* Where a layer's regions begin, in bytes. */
typedef struct Regions {
    size_t output, gradient, kept;
} Regions;

struct Scratch {
    unsigned char *memory;
    Regions *regions; /* one per layer */
    size_t workspace; /* where it begins, in bytes */
    size_t bytes;
    bool trains;
};

/* Reserves `count` things of `size` bytes for regions that begin at multiples of 64. */
static size_t reserve(size_t *used, size_t count, size_t size) {
    size_t begin = *used;
    *used += (count * size + MEMORY_ALIGNMENT - 1) / MEMORY_ALIGNMENT * MEMORY_ALIGNMENT;
    return begin;
}

static void lay_out_layer(Scratch *scratch, const Layer *layer, size_t capacity) {
    Regions *regions = &scratch->regions[layer->index];
    size_t numbers = capacity * shape_size(layer->out);
    if (layer->kind->alias && layer->input != LAYER_IMAGES) {
        *regions = scratch->regions[layer->input];
        return;
    }
    regions->output = reserve(&scratch->bytes, numbers, sizeof(float));
    regions->kept = reserve(&scratch->bytes, capacity * layer->kept + layer->kept_once, 1);
    if (scratch->trains) regions->gradient = reserve(&scratch->bytes, numbers, sizeof(float));
}

static void lay_out(Scratch *scratch, const Model *model, size_t capacity) {
    size_t workspace = 0;
    for (size_t i = 0; i < model->layer_count; i++) {
        const Layer *layer = &model->layers[i];
        lay_out_layer(scratch, layer, capacity);
        workspace = larger(workspace, layer->forward_workspace);
        if (scratch->trains) workspace = larger(workspace, layer->backward_workspace);
    }
    scratch->workspace = reserve(&scratch->bytes, workspace, sizeof(float));
}

Status scratch_new(Scratch **out, const Model *model, size_t capacity, bool trains) {
    Status status = STATUS_OK;
    Scratch *scratch = NULL;
    TRY(MEMORY_NEW(&scratch, 1));
    scratch->trains = trains;
    TRY(MEMORY_NEW(&scratch->regions, model->layer_count));
    lay_out(scratch, model, capacity);
    TRY(MEMORY_NEW(&scratch->memory, scratch->bytes));
    *out = scratch;
    scratch = NULL;
cleanup:
    scratch_destroy(scratch);
    return status;
}

void scratch_destroy(Scratch *scratch) {
    if (scratch == NULL) return;
    free(scratch->memory);
    free(scratch->regions);
    free(scratch);
}

size_t scratch_bytes(const Scratch *scratch) {
    return scratch->bytes;
}

static float *floats_at(const Scratch *scratch, size_t begin) {
    return (float *)(void *)(scratch->memory + begin);
}

static const float *output_of(const Model *model, const Scratch *scratch, size_t index,
                              const ModelPass *pass) {
    while (index != LAYER_IMAGES && model->layers[index].kind->alias)
        index = model->layers[index].input;
    return index == LAYER_IMAGES ? pass->images
                                 : floats_at(scratch, scratch->regions[index].output);
}

float *scratch_workspace(const Scratch *scratch) {
    return floats_at(scratch, scratch->workspace);
}

/* All that one layer may touch; gradients too if dparams is not NULL. */
static LayerCall make_call(const Model *model, const Layer *layer, const float *params,
                           const Scratch *scratch, const ModelPass *pass, float *dparams) {
    const Regions *regions = &scratch->regions[layer->index];
    LayerCall call = {.layer = layer, .pass = pass, .params = params + layer->offset};
    call.buffers = params + layer->buffer_offset;
    call.x = output_of(model, scratch, layer->input, pass);
    if (layer->kind->joins) call.other = output_of(model, scratch, layer->other, pass);
    call.y = floats_at(scratch, regions->output);
    call.kept = scratch->memory + regions->kept;
    call.workspace = scratch_workspace(scratch);
    if (dparams == NULL) return call;
    call.dparams = dparams + layer->offset;
    call.dbuffers = dparams + layer->buffer_offset;
    call.dy = floats_at(scratch, regions->gradient);
    if (layer->input != LAYER_IMAGES)
        call.dx = floats_at(scratch, scratch->regions[layer->input].gradient);
    return call;
}

const float *model_forward(const Model *model, const float *params, Scratch *scratch,
                           const ModelPass *pass) {
    for (size_t i = 0; i < model->layer_count; i++) {
        const Layer *layer = &model->layers[i];
        LayerCall call = make_call(model, layer, params, scratch, pass, NULL);
        if (pass->before != NULL && layer->parameter_count > 0)
            pass->before(pass->context, layer->offset, layer->offset + layer->parameter_count);
        if (!layer->kind->alias) layer->kind->forward(&call);
    }
    return output_of(model, scratch, model->layer_count - 1, pass);
}

static void backward_layer(const Model *model, const LayerCall *call, float *dy,
                           const ModelGradients *gradients) {
    const Layer *layer = call->layer;
    bool late = gradients->late != NULL && gradients->late->layer == layer->index;
    if (layer->kind->alias) return;
    if (!layer->kind->activates)
        activation_backward(layer->activation, dy, call->y,
                            call->pass->count * shape_size(layer->out));
    if (late)
        late_backward(call, gradients);
    else if (layer->kind->backward_weights != NULL)
        layer->kind->backward_weights(call);
    if (layer->index > model->first_trained) layer->kind->backward_input(call);
}

VECTOR_CLONES static void add(float *restrict to, const float *restrict from, size_t count) {
    for (size_t i = 0; i < count; i++) to[i] += from[i];
}

/* The output of layer `index` is read by the layer that follows, which has written its gradient by
 * now, and by those that join it to theirs: in their order. */
static void add_joined(const Model *model, size_t index, const Scratch *scratch,
                       const ModelPass *pass) {
    const Layer *layer = &model->layers[index];
    if (layer->saved[0] == '\0') return;
    for (size_t i = index + 1; i < model->layer_count; i++)
        if (model->layers[i].kind->joins && model->layers[i].other == index)
            add(floats_at(scratch, scratch->regions[index].gradient),
                floats_at(scratch, scratch->regions[i].gradient),
                pass->count * shape_size(layer->out));
}

static void clear_gradients(const Model *model, const ModelGradients *gradients) {
    size_t all = model_parameter_count(model);
    size_t begin = gradients->late == NULL ? all : gradients->late->begin;
    size_t end = gradients->late == NULL ? all : gradients->late->end;
    memset(gradients->dparams, 0, begin * sizeof(float));
    memset(gradients->dparams + end, 0, (all - end) * sizeof(float));
}

void model_statistics(const Model *model, const float *params, Scratch *scratch,
                      const ModelPass *pass, float *gradient) {
    const double all = (double)(pass->batch > 0 ? pass->batch : pass->count);
    memset(gradient + model->trained_count, 0,
           (model_parameter_count(model) - model->trained_count) * sizeof *gradient);
    for (size_t i = 0; i < model->layer_count && pass->count > 0; i++) {
        const Layer *layer = &model->layers[i];
        LayerCall call = make_call(model, layer, params, scratch, pass, gradient);
        if (layer->kind->statistics != NULL)
            layer->kind->statistics(&call, (double)pass->count / all);
    }
}

static void tell(const ModelGradients *gradients, size_t begin, size_t end) {
    if (gradients->after != NULL && begin < end) gradients->after(gradients->context, begin, end);
}

void model_backward(const Model *model, const float *params, Scratch *scratch,
                    const ModelPass *pass, const float *dlogits, const ModelGradients *gradients) {
    size_t last = model->layer_count - 1;
    if (pass->count == 0) {
        clear_gradients(model, gradients);
        tell(gradients, 0, model_parameter_count(model));
        return;
    }
    memcpy(floats_at(scratch, scratch->regions[last].gradient), dlogits,
           pass->count * shape_size(model->layers[last].out) * sizeof *dlogits);
    for (size_t i = model->layer_count; i-- > model->first_trained;) {
        LayerCall call =
            make_call(model, &model->layers[i], params, scratch, pass, gradients->dparams);
        add_joined(model, i, scratch, pass);
        backward_layer(model, &call, floats_at(scratch, scratch->regions[i].gradient), gradients);
        tell(gradients, call.layer->offset, call.layer->offset + call.layer->parameter_count);
    }
    model_statistics(model, params, scratch, pass, gradients->dparams);
    tell(gradients, model->trained_count, model_parameter_count(model));
}
