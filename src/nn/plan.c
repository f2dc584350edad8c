/* From the configuration's list of layers to a plan. The table of layers is here: a new kind of
 * layer is one row of it. */
#include "nn/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mnist_dist/base/digits.h"
#include "mnist_dist/base/memory.h"

static const LayerKind *const kinds[] = {
    &conv_kind,      &dense_kind,   &batchnorm_kind, &relu_kind,
    &leakyrelu_kind, &maxpool_kind, &avgpool_kind,   &globalavgpool_kind,
    &dropout_kind,   &flatten_kind, &save_kind,      &add_kind,
};

enum { KIND_COUNT = sizeof kinds / sizeof *kinds };

static Status choose_kind(const LayerKind **kind, Words *words) {
    const char *known[KIND_COUNT];
    for (size_t i = 0; i < KIND_COUNT; i++) known[i] = kinds[i]->word;
    size_t choice = 0;
    Status status = words_choose(&choice, words, "unknown layer", known, KIND_COUNT);
    *kind = kinds[choice];
    words->example = kinds[choice]->example;
    return status;
}

/* Keras's default names: "conv2d", "conv2d_1" ... */
static void name_layer(Layer *layer) {
    size_t same = 0;
    for (size_t i = 0; i < layer->index; i++) same += layer->before[i].kind == layer->kind;
    if (same == 0)
        snprintf(layer->name, sizeof layer->name, "%s", layer->kind->name);
    else
        snprintf(layer->name, sizeof layer->name, "%s_%zu", layer->kind->name, same);
}

static Status check_size(const Layer *layer, const Words *words) {
    double size = (double)layer->out.h * (double)layer->out.w * (double)layer->out.c;
    if (size <= LAYER_MAX_NUMBERS) return STATUS_OK;
    return words_fail(words, "its output of %.0f numbers for each image is too large", size);
}

/* The last layer must be `dense 10 softmax`; no other may have softmax. */
static Status check_place(const Layer *layer, const Words *words, bool last) {
    bool softmax = layer->activation == ACTIVATION_SOFTMAX;
    bool ends = softmax && layer->kind == &dense_kind && layer->out.c == DIGIT_CLASSES;
    if (last && !ends)
        return words_fail(words, "the last layer must be \"dense %d softmax\"", DIGIT_CLASSES);
    if (!last && softmax)
        return words_fail(words, "softmax is for the last layer only; use relu, or linear");
    return STATUS_OK;
}

/* `item` is the layer's place in the list. */
static Status plan_layer(Layer *layer, const char *text, size_t length, size_t item, bool last) {
    Words words;
    Status status = STATUS_OK;
    TRY(words_split(&words, text, length, item + 1));
    TRY(choose_kind(&layer->kind, &words));
    if (!layer->kind->marks) name_layer(layer);
    TRY(layer->kind->plan(layer, &words));
    TRY(check_size(layer, &words));
    TRY(check_place(layer, &words, last));
cleanup:
    return status;
}

static size_t count_items(const char *list) {
    size_t count = 1;
    for (const char *c = list; *c != '\0'; c++) count += *c == ',';
    return count;
}

KernelOptions model_kernels(const ModelOptions *options) {
    return (KernelOptions){options->compute, options->convolution, options->kernels};
}

/* The next layer of the model, of which nothing is known but where it stands. */
static Layer *begin_layer(Model *model) {
    size_t index = model->layer_count;
    Layer *layer = &model->layers[index];
    *layer = (Layer){.index = index, .before = model->layers};
    layer->input = index == 0 ? LAYER_IMAGES : index - 1;
    layer->in = index == 0 ? model->input : model->layers[layer->input].out;
    layer->offset = model->trained_count;
    layer->buffer_offset = model->buffer_count;
    return layer;
}

static void end_layer(Model *model, Layer *layer) {
    layer->kernels = NULL;
    layer->before = NULL;
    model->layer_count++;
    model->tensor_count += layer->tensor_count;
    model->trained_count += layer->parameter_count;
    model->buffer_count += layer->buffer_count;
}

/* What Keras has as a layer of its own, and the layer before does by itself. */
static void add_activation(Model *model) {
    Activation activation = model->layers[model->layer_count - 1].activation;
    Layer *layer = begin_layer(model);
    layer->kind = &activation_kind;
    layer->activation = activation;
    layer->out = layer->in;
    name_layer(layer);
    end_layer(model, layer);
}

/* One item of the list: a layer, perhaps two, or a name for the layer before. */
static Status plan_item(Model *model, const KernelOptions *kernels, const char *text, size_t length,
                        size_t item, bool last) {
    Layer *layer = begin_layer(model);
    layer->kernels = kernels;
    Status status = plan_layer(layer, text, length, item, last);
    if (status != STATUS_OK) return status;
    if (layer->kind->marks) {
        memcpy(model->layers[layer->input].saved, layer->saved, sizeof layer->saved);
        return STATUS_OK;
    }
    end_layer(model, layer);
    if (layer->kind->bare && layer->activation != ACTIVATION_LINEAR) add_activation(model);
    return STATUS_OK;
}

static Status plan_items(Model *model, const ModelOptions *options, size_t items) {
    const KernelOptions kernels = model_kernels(options);
    const char *list = options->layers;
    for (size_t item = 0; item < items; item++) {
        size_t length = strcspn(list, ",");
        Status status = plan_item(model, &kernels, list, length, item, item + 1 == items);
        if (status != STATUS_OK) return status;
        list += length + 1;
    }
    return STATUS_OK;
}

/* A name that nothing reads is a mistake. */
static Status check_saved(const Model *model) {
    for (size_t i = 0; i < model->layer_count; i++) {
        const Layer *layer = &model->layers[i];
        bool read = layer->saved[0] == '\0';
        for (size_t k = i + 1; k < model->layer_count; k++)
            read = read || (model->layers[k].kind->joins && model->layers[k].other == i);
        if (!read)
            return status_fail(
                STATUS_USAGE,
                "model.layers: \"save %s\": nothing adds it; put \"add %s\" where the "
                "block ends, or remove it",
                layer->saved, layer->saved);
    }
    return STATUS_OK;
}

/* Buffers follow what is trained, from a multiple of MODEL_BUFFERS_ALIGNMENT on. */
static void place_buffers(Model *model) {
    size_t blocks = (model->trained_count + MODEL_BUFFERS_ALIGNMENT - 1) / MODEL_BUFFERS_ALIGNMENT;
    bool any = model->buffer_count > 0;
    model->buffers_begin = any ? blocks * MODEL_BUFFERS_ALIGNMENT : model->trained_count;
    for (size_t i = 0; i < model->layer_count; i++) {
        Layer *layer = &model->layers[i];
        layer->buffer_offset += model->buffers_begin;
        for (size_t t = 0; t < layer->tensor_count; t++)
            if (layer->tensors[t].buffer) layer->tensors[t].offset += model->buffers_begin;
    }
}

Status model_plan(Model **out, const ModelOptions *options, Shape input) {
    Status status = STATUS_OK;
    Model *model = NULL;
    KernelOptions kernels = model_kernels(options);
    size_t items = count_items(options->layers);
    TRY(kernels_check(&kernels));
    TRY(MEMORY_NEW(&model, 1));
    model->input = input;
    TRY(MEMORY_NEW(&model->layers, 2 * items));
    TRY(plan_items(model, options, items));
    TRY(check_saved(model));
    place_buffers(model);
    while (model->layers[model->first_trained].parameter_count == 0) model->first_trained++;
    *out = model;
    model = NULL;
cleanup:
    model_destroy(model);
    return status;
}

Status model_new(Model **out, const ModelOptions *options) {
    return model_plan(out, options, (Shape){DIGIT_SIDE, DIGIT_SIDE, 1, false});
}

void model_destroy(Model *model) {
    if (model == NULL) return;
    free(model->layers);
    free(model);
}
