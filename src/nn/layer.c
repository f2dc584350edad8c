/* What the plans of layers are made with; see layer.h. */
#include "nn/layer.h"

#include <string.h>

#define MAX_PARAMETERS 2147483647.0

/* Appends an array that begins at `offset`. */
static Status add_tensor(Layer *layer, const Words *words, ModelTensor tensor,
                         const size_t dims[]) {
    double count = 1.0;
    for (int i = 0; i < tensor.rank; i++) count *= (double)dims[i];
    if (count + (double)tensor.offset > MAX_PARAMETERS)
        return words_fail(words,
                          "%.0f parameters are more than a model may have (2^31 - 1); make "
                          "this layer or the one before it smaller",
                          count + (double)tensor.offset);
    tensor.count = 1;
    for (int i = 0; i < tensor.rank; i++) tensor.count *= tensor.dims[i] = dims[i];
    layer->tensors[layer->tensor_count++] = tensor;
    return STATUS_OK;
}

static size_t last_count(const Layer *layer) {
    return layer->tensors[layer->tensor_count - 1].count;
}

Status layer_add_tensor(Layer *layer, const Words *words, const char *name, int rank,
                        const size_t dims[]) {
    ModelTensor tensor = {.layer = layer->name, .name = name, .rank = rank};
    tensor.offset = layer->offset + layer->parameter_count;
    Status status = add_tensor(layer, words, tensor, dims);
    if (status == STATUS_OK) layer->parameter_count += last_count(layer);
    return status;
}

Status layer_add_buffer(Layer *layer, const Words *words, const char *name, size_t count) {
    ModelTensor tensor = {.layer = layer->name, .name = name, .rank = 1, .buffer = true};
    tensor.offset = layer->buffer_offset + layer->buffer_count;
    Status status = add_tensor(layer, words, tensor, &count);
    if (status == STATUS_OK) layer->buffer_count += last_count(layer);
    return status;
}

Status layer_needs_image(const Layer *layer, const Words *words) {
    if (!layer->in.flat) return STATUS_OK;
    return words_fail(words,
                      "%s needs an image, and its input is %zu numbers in a row; put it "
                      "before flatten",
                      layer->kind->word, layer->in.c);
}

Status layer_needs_flat(const Layer *layer, const Words *words) {
    if (layer->in.flat) return STATUS_OK;
    return words_fail(words,
                      "%s needs its input in a row, and that is (%zu, %zu, %zu); add "
                      "flatten before it",
                      layer->kind->word, layer->in.h, layer->in.w, layer->in.c);
}

static bool contradicts(const LayerOptions *options, size_t choice) {
    bool again = options->seen[choice];
    for (size_t i = 0; choice < ACTIVATION_COUNT && i < ACTIVATION_COUNT; i++)
        again = again || options->seen[i];
    return again;
}

Status layer_read_option(LayerOptions *options, Layer *layer, Words *words) {
    size_t choice = 0;
    Status status = words_choose(&choice, words, "unknown word", options->known, options->count);
    if (status != STATUS_OK) return status;
    if (contradicts(options, choice))
        return words_fail(words,
                          "\"%s\" is said twice, or against another word; remove one of them",
                          options->known[choice]);
    options->seen[choice] = true;
    options->last = choice;
    if (choice < ACTIVATION_COUNT) layer->activation = (Activation)choice;
    return STATUS_OK;
}

Status layer_add_weights(Layer *layer, const Words *words, int rank, const size_t dims[],
                         bool biased) {
    Status status = layer_add_tensor(layer, words, "kernel", rank, dims);
    if (status != STATUS_OK || !biased) return status;
    return layer_add_tensor(layer, words, "bias", 1, &dims[rank - 1]);
}

const float *layer_bias(const LayerCall *call, size_t used) {
    if (layer_has_bias(call->layer)) return call->params + call->layer->tensors[0].count;
    return memset(call->workspace + used, 0, call->layer->out.c * sizeof(float));
}
