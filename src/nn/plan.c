/* From the configuration's list of layers to a plan. The table of layers is here: a new kind of
 * layer is one row of it. */
#include "nn/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mnist_dist/base/digits.h"
#include "mnist_dist/base/memory.h"

static const LayerKind *const kinds[] = {
    &conv_kind, &dense_kind, &maxpool_kind, &dropout_kind, &flatten_kind,
};

enum { KIND_COUNT = sizeof kinds / sizeof *kinds };

#define MAX_PARAMETERS 2147483647.0

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
static void name_layer(Layer *layer, const Layer *layers) {
    size_t same = 0;
    for (size_t i = 0; i < layer->index; i++) same += layers[i].kind == layer->kind;
    if (same == 0)
        snprintf(layer->name, sizeof layer->name, "%s", layer->kind->name);
    else
        snprintf(layer->name, sizeof layer->name, "%s_%zu", layer->kind->name, same);
}

Status layer_add_tensor(Layer *layer, const Words *words, const char *name, int rank,
                        const size_t dims[]) {
    ModelTensor *tensor = &layer->tensors[layer->tensor_count++];
    *tensor = (ModelTensor){.layer = layer->name, .name = name, .rank = rank, .count = 1};
    tensor->offset = layer->offset + layer->parameter_count;
    double count = 1.0;
    for (int i = 0; i < rank; i++) count *= (double)dims[i];
    if (count + (double)tensor->offset > MAX_PARAMETERS)
        return words_fail(words,
                          "%.0f parameters are more than a model may have (2^31 - 1); make "
                          "this layer or the one before it smaller",
                          count + (double)tensor->offset);
    for (int i = 0; i < rank; i++) tensor->count *= tensor->dims[i] = dims[i];
    layer->parameter_count += tensor->count;
    return STATUS_OK;
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

Status layer_read_options(Layer *layer, Words *words, const char *const known[], size_t count) {
    bool seen[16] = {false}, active = false;
    while (words_left(words)) {
        size_t choice = 0;
        Status status = words_choose(&choice, words, "unknown word", known, count);
        if (status != STATUS_OK) return status;
        bool again = seen[choice] || (choice < ACTIVATION_COUNT && active);
        if (again)
            return words_fail(words,
                              "\"%s\" is said twice, or against another word; remove "
                              "one of them",
                              known[choice]);
        seen[choice] = true;
        active = active || choice < ACTIVATION_COUNT;
        if (choice < ACTIVATION_COUNT) layer->activation = (Activation)choice;
    }
    return STATUS_OK;
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

static Status plan_layer(Layer *layer, const Layer *layers, const char *text, size_t length,
                         bool last) {
    Words words;
    Status status = STATUS_OK;
    TRY(words_split(&words, text, length, layer->index + 1));
    TRY(choose_kind(&layer->kind, &words));
    name_layer(layer, layers);
    TRY(layer->kind->plan(layer, &words));
    TRY(check_size(layer, &words));
    TRY(check_place(layer, &words, last));
cleanup:
    return status;
}

static size_t count_layers(const char *list) {
    size_t count = 1;
    for (const char *c = list; *c != '\0'; c++) count += *c == ',';
    return count;
}

KernelOptions model_kernels(const ModelOptions *options) {
    return (KernelOptions){options->compute, options->convolution, options->kernels};
}

static Status plan_layers(Model *model, const ModelOptions *options) {
    const KernelOptions kernels = model_kernels(options);
    const char *list = options->layers;
    for (size_t i = 0; i < model->layer_count; i++) {
        size_t length = strcspn(list, ",");
        Layer *layer = &model->layers[i];
        layer->index = i;
        layer->kernels = &kernels;
        layer->input = i == 0 ? LAYER_IMAGES : i - 1;
        layer->in = i == 0 ? model->input : model->layers[layer->input].out;
        layer->offset = model->parameter_count;
        bool last = i + 1 == model->layer_count;
        Status status = plan_layer(layer, model->layers, list, length, last);
        if (status != STATUS_OK) return status;
        layer->kernels = NULL;
        model->parameter_count += layer->parameter_count;
        model->tensor_count += layer->tensor_count;
        list += length + 1;
    }
    return STATUS_OK;
}

Status model_plan(Model **out, const ModelOptions *options, Shape input) {
    Status status = STATUS_OK;
    Model *model = NULL;
    KernelOptions kernels = model_kernels(options);
    TRY(kernels_check(&kernels));
    TRY(MEMORY_NEW(&model, 1));
    model->input = input;
    model->layer_count = count_layers(options->layers);
    TRY(MEMORY_NEW(&model->layers, model->layer_count));
    TRY(plan_layers(model, options));
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
