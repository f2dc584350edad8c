/* Residual blocks (He et al., CVPR 2016): `save a` gives a name to what the layer before it puts
 * out, and `add a`, further on, adds that to its own input. `save` is no layer: it marks one.
 *
 * The saved output has two readers, so its gradient is a sum: backward (model.c) adds add's dy when
 * it comes to the layer that was saved, after the layer that follows has written its dx. */
#include <string.h>

#include "mnist_dist/base/clones.h"
#include "nn/layer.h"

static Status plan_save(Layer *layer, Words *words) {
    Status status = STATUS_OK;
    TRY(words_name(layer->saved, words, "name"));
    TRY(words_end(words));
    if (layer->input == LAYER_IMAGES)
        TRY(words_fail(words,
                       "there is nothing to save before the first layer; put it behind one"));
    if (layer->before[layer->input].saved[0] != '\0')
        TRY(words_fail(words, "what is saved here has a name, \"%s\"; remove one of them",
                       layer->before[layer->input].saved));
    for (size_t i = 0; i < layer->index; i++)
        if (strcmp(layer->before[i].saved, layer->saved) == 0)
            TRY(words_fail(words, "\"%s\" is the name of %s; choose another", layer->saved,
                           layer->before[i].name));
    layer->out = layer->in;
cleanup:
    return status;
}

static Status find_saved(size_t *index, const Layer *layer, const Words *words, const char *name) {
    for (size_t i = 0; i < layer->index; i++) {
        *index = i;
        if (strcmp(layer->before[i].saved, name) == 0) return STATUS_OK;
    }
    return words_fail(
        words, "nothing is saved as \"%s\" before it; put \"save %s\" where it begins", name, name);
}

static Status check_shapes(const Layer *layer, const Words *words) {
    const Shape here = layer->in, there = layer->before[layer->other].out;
    if (here.flat == there.flat && here.h == there.h && here.w == there.w && here.c == there.c)
        return STATUS_OK;
    return words_fail(words,
                      "its input is (%zu, %zu, %zu), and what was saved is (%zu, %zu, %zu); the "
                      "layers in between must keep the shape",
                      here.h, here.w, here.c, there.h, there.w, there.c);
}

static Status plan_add(Layer *layer, Words *words) {
    static const char *const known[] = {ACTIVATION_WORDS};
    LayerOptions options = {.known = known, .count = ACTIVATION_COUNT};
    char name[WORDS_NAME];
    Status status = STATUS_OK;
    TRY(words_name(name, words, "name"));
    TRY(find_saved(&layer->other, layer, words, name));
    TRY(check_shapes(layer, words));
    while (words_left(words)) TRY(layer_read_option(&options, layer, words));
    layer->out = layer->in;
cleanup:
    return status;
}

VECTOR_CLONES static void add(float *restrict y, const float *restrict x,
                              const float *restrict other, size_t count) {
    for (size_t i = 0; i < count; i++) y[i] = x[i] + other[i];
}

/* A NaN stays one. */
VECTOR_CLONES static void add_relu(float *restrict y, const float *restrict x,
                                   const float *restrict other, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const float sum = x[i] + other[i];
        y[i] = sum < 0.0F ? 0.0F : sum;
    }
}

static void forward(const LayerCall *call) {
    const size_t count = call->pass->count * shape_size(call->layer->in);
    if (call->layer->activation == ACTIVATION_RELU)
        add_relu(call->y, call->x, call->other, count);
    else
        add(call->y, call->x, call->other, count);
}

static void backward_input(const LayerCall *call) {
    memcpy(call->dx, call->dy, call->pass->count * shape_size(call->layer->in) * sizeof *call->dx);
}

static void write_config(FILE *out, const Layer *layer) {
    (void)out, (void)layer;
}

const LayerKind save_kind = {
    .word = "save",
    .example = "save a",
    .marks = true,
    .plan = plan_save,
};

const LayerKind add_kind = {
    .word = "add",
    .example = "add a relu",
    .class_name = "Add",
    .name = "add",
    .joins = true,
    .bare = true,
    .plan = plan_add,
    .forward = forward,
    .backward_input = backward_input,
    .write_config = write_config,
};
