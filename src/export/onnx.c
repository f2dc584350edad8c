/* ONNX: the network as a graph of operators, translated from Keras's description of it.
 *
 * ONNX's images are (n, c, h, w): the graph takes (n, 28, 28, 1) all the same and transposes once
 * at the start, and once more where a flatten layer numbers the pixels. Convolution kernels become
 * (out, in, kh, kw). Names are those of the layers. Refused: libonnx, which is C++ and has no
 * writer of its own; translating our own layers, since what Keras is told says all that is needed
 * and a layer would have to be described twice. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "export/formats.h"
#include "export/onnx_graph.h"
#include "mnist_dist/base/digits.h"
#include "mnist_dist/base/memory.h"

enum { NAME = 2 * EXPORT_NAME };

/* A layer under translation. */
typedef struct Step {
    OnnxGraph *graph;
    const Checkpoint *checkpoint;
    const char *name;     /* of it, and of what it puts out */
    const char *kind;     /* Keras's class_name */
    const json_t *config; /* its settings */
    const char *inputs[2];
    size_t input_count;
} Step;

/* ---- What Keras says ------------------------------------------------------------------------- */

static const char *text_of(const Step *step, const char *key) {
    const char *text = json_string_value(json_object_get(step->config, key));
    return text != NULL ? text : "";
}

static double number_of(const Step *step, const char *key) {
    return json_number_value(json_object_get(step->config, key));
}

/* A setting of two numbers, as an attribute of this name. */
static OnnxAttribute pair_of(const Step *step, const char *key, const char *name) {
    const json_t *pair = json_object_get(step->config, key);
    return (OnnxAttribute){
        .name = name,
        .kind = ONNX_INTS,
        .count = 2,
        .values = {json_integer_value(json_array_get(pair, 0)),
                   json_integer_value(json_array_get(pair, 1))},
    };
}

static bool find_tensor(ModelTensor *tensor, const Step *step, const char *name) {
    const Model *model = step->checkpoint->model;
    for (size_t i = 0; i < model_tensor_count(model); i++) {
        *tensor = model_tensor(model, i);
        if (strcmp(tensor->layer, step->name) == 0 && strcmp(tensor->name, name) == 0) return true;
    }
    return false;
}

/* ---- Constants ------------------------------------------------------------------------------- */

/* Adds an array of the layer under its name, which stands in `name`. False if there is none. */
static bool add_tensor(char name[EXPORT_NAME], const Step *step, const char *which) {
    ModelTensor tensor;
    if (!find_tensor(&tensor, step, which)) return false;
    export_tensor_name(name, &tensor);
    onnx_graph_floats(step->graph, name, tensor.rank, tensor.dims,
                      step->checkpoint->params + tensor.offset);
    return true;
}

/* (kh, kw, in, out) to (out, in, kh, kw). */
static void turn_kernel(float *to, const float *from, const size_t dims[4]) {
    size_t in = dims[2], out = dims[3], window = dims[0] * dims[1];
    for (size_t k = 0; k < window; k++)
        for (size_t i = 0; i < in; i++)
            for (size_t o = 0; o < out; o++)
                to[(o * in + i) * window + k] = from[(k * in + i) * out + o];
}

static Status add_kernel(char name[EXPORT_NAME], const Step *step) {
    ModelTensor tensor;
    float *turned = NULL;
    if (!find_tensor(&tensor, step, "kernel")) return STATUS_OK;
    Status status = MEMORY_NEW(&turned, tensor.count);
    if (status != STATUS_OK) return status;
    const size_t dims[] = {tensor.dims[3], tensor.dims[2], tensor.dims[0], tensor.dims[1]};
    turn_kernel(turned, step->checkpoint->params + tensor.offset, tensor.dims);
    export_tensor_name(name, &tensor);
    onnx_graph_floats(step->graph, name, 4, dims, turned);
    free(turned);
    return STATUS_OK;
}

/* ---- Operators ------------------------------------------------------------------------------- */

static void add_node(const Step *step, const char *operator, const char * input, const char *output,
                     const OnnxAttribute *attributes) {
    onnx_graph_node(step->graph, operator, & input, 1, output, attributes);
}

/* What the layer's own activation reads: `plain`, if it has one, is the sum before it. */
static const char *before_activation(char plain[NAME], const Step *step) {
    const char *activation = text_of(step, "activation");
    if (*activation == '\0' || strcmp(activation, "linear") == 0) return step->name;
    snprintf(plain, NAME, "%s/sum", step->name);
    return plain;
}

static void add_activation(const Step *step, const char *from) {
    static const OnnxAttribute last[] = {{.name = "axis", .kind = ONNX_INT, .number = -1}, {0}};
    if (strcmp(from, step->name) == 0) return;
    if (strcmp(text_of(step, "activation"), "softmax") == 0)
        add_node(step, "Softmax", from, step->name, last);
    else
        add_node(step, "Relu", from, step->name, NULL);
}

static OnnxAttribute padding_of(const Step *step) {
    bool same = strcmp(text_of(step, "padding"), "same") == 0;
    return (OnnxAttribute){
        .name = "auto_pad", .kind = ONNX_STRING, .text = same ? "SAME_UPPER" : "VALID"};
}

/* A layer of kernel and perhaps bias, and its activation. */
static void add_weighted(const Step *step, const char *operator, const char * kernel,
                         const OnnxAttribute *attributes) {
    char bias[EXPORT_NAME] = "", plain[NAME];
    const char *inputs[] = {step->inputs[0], kernel, bias};
    size_t count = add_tensor(bias, step, "bias") ? 3 : 2;
    const char *sum = before_activation(plain, step);
    onnx_graph_node(step->graph, operator, inputs, count, sum, attributes);
    add_activation(step, sum);
}

static Status add_conv(const Step *step) {
    char kernel[EXPORT_NAME] = "";
    const OnnxAttribute attributes[] = {pair_of(step, "kernel_size", "kernel_shape"),
                                        pair_of(step, "strides", "strides"),
                                        padding_of(step),
                                        {0}};
    Status status = add_kernel(kernel, step);
    if (status == STATUS_OK) add_weighted(step, "Conv", kernel, attributes);
    return status;
}

static Status add_dense(const Step *step) {
    char kernel[EXPORT_NAME] = "";
    add_tensor(kernel, step, "kernel");
    add_weighted(step, "Gemm", kernel, NULL);
    return STATUS_OK;
}

static Status add_batchnorm(const Step *step) {
    static const char *const parts[] = {"gamma", "beta", "moving_mean", "moving_variance"};
    char names[4][EXPORT_NAME] = {""};
    const char *inputs[5] = {step->inputs[0]};
    const OnnxAttribute attributes[] = {
        {.name = "epsilon", .kind = ONNX_FLOAT, .number = number_of(step, "epsilon")}, {0}};
    for (size_t i = 0; i < 4; i++) {
        add_tensor(names[i], step, parts[i]);
        inputs[i + 1] = names[i];
    }
    onnx_graph_node(step->graph, "BatchNormalization", inputs, 5, step->name, attributes);
    return STATUS_OK;
}

static Status add_pool(const Step *step) {
    const OnnxAttribute attributes[] = {
        pair_of(step, "pool_size", "kernel_shape"), pair_of(step, "strides", "strides"), {0}};
    bool most = strcmp(step->kind, "MaxPooling2D") == 0;
    add_node(step, most ? "MaxPool" : "AveragePool", step->inputs[0], step->name, attributes);
    return STATUS_OK;
}

static Status add_global_pool(const Step *step) {
    char mean[NAME];
    snprintf(mean, sizeof mean, "%s/mean", step->name);
    add_node(step, "GlobalAveragePool", step->inputs[0], mean, NULL);
    add_node(step, "Flatten", mean, step->name, NULL);
    return STATUS_OK;
}

/* Dropout when the network predicts, and the like. */
static Status add_nothing(const Step *step) {
    add_node(step, "Identity", step->inputs[0], step->name, NULL);
    return STATUS_OK;
}

/* Whether what the layer reads is a row of numbers already. */
static bool reads_row(const Step *step) {
    const Model *model = step->checkpoint->model;
    for (size_t i = 0; i < model_layer_count(model); i++)
        if (strcmp(model_layer_name(model, i), step->inputs[0]) == 0)
            return model_layer_info(model, i).rank == 1;
    return false;
}

static Status add_flatten(const Step *step) {
    static const OnnxAttribute order[] = {
        {.name = "perm", .kind = ONNX_INTS, .count = 4, .values = {0, 2, 3, 1}}, {0}};
    char turned[NAME];
    if (reads_row(step)) return add_nothing(step);
    snprintf(turned, sizeof turned, "%s/turned", step->name);
    add_node(step, "Transpose", step->inputs[0], turned, order);
    add_node(step, "Flatten", turned, step->name, NULL);
    return STATUS_OK;
}

static Status add_sum(const Step *step) {
    onnx_graph_node(step->graph, "Add", step->inputs, step->input_count, step->name, NULL);
    return STATUS_OK;
}

static Status add_alone(const Step *step) {
    char plain[NAME] = "";
    const char *name = before_activation(plain, step);
    if (strcmp(name, step->name) == 0)
        add_node(step, "Identity", step->inputs[0], step->name, NULL);
    else
        add_activation(step, step->inputs[0]);
    return STATUS_OK;
}

static Status add_relu(const Step *step) {
    add_node(step, "Relu", step->inputs[0], step->name, NULL);
    return STATUS_OK;
}

static Status add_leaky(const Step *step) {
    const OnnxAttribute attributes[] = {
        {.name = "alpha", .kind = ONNX_FLOAT, .number = number_of(step, "alpha")}, {0}};
    add_node(step, "LeakyRelu", step->inputs[0], step->name, attributes);
    return STATUS_OK;
}

typedef struct Translation {
    const char *kind;
    Status (*add)(const Step *step);
} Translation;

static const Translation TRANSLATIONS[] = {
    {"Conv2D", add_conv},
    {"Dense", add_dense},
    {"BatchNormalization", add_batchnorm},
    {"MaxPooling2D", add_pool},
    {"AveragePooling2D", add_pool},
    {"GlobalAveragePooling2D", add_global_pool},
    {"Flatten", add_flatten},
    {"Add", add_sum},
    {"Activation", add_alone},
    {"ReLU", add_relu},
    {"LeakyReLU", add_leaky},
    {"Dropout", add_nothing},
};

/* ---- The graph ------------------------------------------------------------------------------- */

static Status translate(const Step *step) {
    for (size_t i = 0; i < sizeof TRANSLATIONS / sizeof *TRANSLATIONS; i++)
        if (strcmp(TRANSLATIONS[i].kind, step->kind) == 0) return TRANSLATIONS[i].add(step);
    return status_fail(STATUS_USAGE, "layer %s: ONNX has no operator for a %s here", step->name,
                       step->kind);
}

/* What the layer reads: the nodes that it names, or the layer before it. */
static void find_inputs(Step *step, const json_t *layer, const char *before) {
    const json_t *nodes = json_array_get(json_object_get(layer, "inbound_nodes"), 0);
    step->input_count = json_array_size(nodes);
    for (size_t i = 0; i < step->input_count && i < 2; i++)
        step->inputs[i] = json_string_value(json_array_get(json_array_get(nodes, i), 0));
    if (step->input_count > 0) return;
    step->inputs[0] = before;
    step->input_count = 1;
}

/* The images as ONNX wants them, under the name that the first layer reads. */
static void begin(OnnxGraph *graph, const char *first) {
    static const size_t dims[] = {DIGIT_SIDE, DIGIT_SIDE, 1};
    static const OnnxAttribute order[] = {
        {.name = "perm", .kind = ONNX_INTS, .count = 4, .values = {0, 3, 1, 2}}, {0}};
    const char *images = "images";
    onnx_graph_input(graph, images, 3, dims);
    onnx_graph_node(graph, "Transpose", &images, 1, first, order);
}

static Status translate_all(OnnxGraph *graph, const Checkpoint *checkpoint, const json_t *layers) {
    Status status = STATUS_OK;
    const size_t classes = DIGIT_CLASSES;
    const char *before = "";
    for (size_t i = 0; i < json_array_size(layers); i++) {
        const json_t *layer = json_array_get(layers, i), *config = json_object_get(layer, "config");
        Step step = {.graph = graph,
                     .checkpoint = checkpoint,
                     .name = json_string_value(json_object_get(config, "name")),
                     .kind = json_string_value(json_object_get(layer, "class_name")),
                     .config = config};
        find_inputs(&step, layer, before);
        if (i == 0)
            begin(graph, step.name);
        else
            TRY(translate(&step));
        before = step.name;
    }
    onnx_graph_output(graph, before, 1, &classes);
cleanup:
    return status;
}

Status export_onnx(const Checkpoint *checkpoint, const char *path) {
    char *text = NULL;
    json_t *description = NULL;
    OnnxGraph *graph = NULL;
    Status status;
    TRY(onnx_graph_new(&graph));
    TRY(model_keras_config(&text, checkpoint->model));
    description = json_loads(text, 0, NULL);
    if (description == NULL) TRY(status_fail(STATUS_FAILED, "%s: out of memory", path));
    TRY(translate_all(graph, checkpoint,
                      json_object_get(json_object_get(description, "config"), "layers")));
    TRY(onnx_graph_write(graph, path));
cleanup:
    json_decref(description);
    onnx_graph_destroy(graph);
    free(text);
    return status;
}
