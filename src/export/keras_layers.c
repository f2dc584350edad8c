/* A Sequential model's JSON, of Keras 2 or 3, as a list of our layers.
 *
 * Each class of layer is a row of the table at the end: the members whose values must be the ones
 * that our layer stands for, and the function that writes its words. What is not in the table, or
 * has another value, is refused by name: a network that is nearly the same is another network.
 * Members that play no part in a prediction (initializers, regularizers, constraints, names) are
 * passed over; regularizers and constraints are noted, since a training goes on without them.
 *
 * What goes in is pixels / 255 of shape (28, 28, 1). Rows of 784 numbers and images without a
 * channel are the same numbers; a first Rescaling by 1/255 is what was done already. */
#include <math.h>
#include <string.h>

#include "export/keras_layer.h"
#include "mnist_dist/base/digits.h"

enum { MOST_LAYERS = 256, MOST_FIXED = 6 };

typedef struct Fixed {
    const char *member, *value; /* as JSON */
} Fixed;

typedef struct Kind {
    const char *class_name;
    Status (*read)(KerasReader *reader);
    Fixed fixed[MOST_FIXED]; /* members that must have this value if they are there */
} Kind;

/* ---- Layers with weights --------------------------------------------------------------------- */

static Status read_weights_options(KerasReader *reader) {
    const char *word;
    bool biased;
    Status status;
    TRY(keras_read_bool(&biased, reader, "use_bias", true));
    TRY(keras_read_activation(&word, reader));
    if (!biased) TRY(keras_append(reader, " ", "nobias"));
    TRY(keras_write_activation(reader, word));
cleanup:
    return status;
}

static size_t conv_side(size_t side, size_t window, size_t stride, bool same) {
    size_t places = same ? side : side + 1 > window ? side + 1 - window : 1;
    return (places + stride - 1) / stride;
}

static Status read_conv(KerasReader *reader) {
    size_t kernel[2], stride[2], filters;
    bool same;
    Status status;
    TRY(keras_read_pair(kernel, reader, "kernel_size"));
    TRY(keras_read_pair(stride, reader, "strides"));
    TRY(keras_read_padding(&same, reader));
    TRY(keras_read_size(&filters, reader, "filters", json_object_get(reader->config, "filters")));
    if (stride[0] != stride[1])
        TRY(keras_refuse(reader, "strides are %zu and %zu; only equal ones are known here",
                         stride[0], stride[1]));
    TRY(keras_write_layer(reader, "conv %zux%zu %zu %s", kernel[0], kernel[1], filters,
                          same ? "same" : "valid"));
    reader->takes_word = true;
    char words[32];
    snprintf(words, sizeof words, "stride %zu", stride[0]);
    if (stride[0] > 1) TRY(keras_append(reader, " ", words));
    TRY(read_weights_options(reader));
    reader->h = conv_side(reader->h, kernel[0], stride[0], same);
    reader->w = conv_side(reader->w, kernel[1], stride[0], same);
cleanup:
    return status;
}

static Status read_dense(KerasReader *reader) {
    size_t units;
    Status status;
    TRY(keras_read_size(&units, reader, "units", json_object_get(reader->config, "units")));
    TRY(keras_write_layer(reader, "dense %zu", units));
    reader->takes_word = true;
    reader->is_output = units == DIGIT_CLASSES;
    TRY(read_weights_options(reader));
cleanup:
    return status;
}

/* The axis must be the last one, whatever it is called; Keras 2 has it in a list. */
static Status read_batchnorm(KerasReader *reader) {
    double momentum, epsilon;
    char text[KERAS_VALUE];
    const json_t *axis = json_object_get(reader->config, "axis");
    if (json_is_array(axis) && json_array_size(axis) == 1) axis = json_array_get(axis, 0);
    json_int_t number = axis == NULL ? -1 : json_integer_value(axis);
    Status status;
    if (number != -1 && number != (reader->flat ? 1 : 3))
        TRY(keras_refuse(reader, "axis is %s; only the last one is known here",
                         keras_show(text, axis)));
    TRY(keras_read_share(&momentum, reader, "momentum", 0.99));
    TRY(keras_read_share(&epsilon, reader, "epsilon", 1e-3));
    TRY(keras_write_layer(reader, "batchnorm momentum %.15g epsilon %.15g", momentum, epsilon));
    reader->takes_word = true;
cleanup:
    return status;
}

/* ---- Layers without -------------------------------------------------------------------------- */

/* Where the windows fit, "same" adds nothing. */
static Status read_pool(KerasReader *reader, const char *word) {
    size_t window[2], stride[2];
    bool same;
    Status status;
    TRY(keras_read_pair(window, reader, "pool_size"));
    const json_t *strides = json_object_get(reader->config, "strides");
    memcpy(stride, window, sizeof stride);
    if (strides != NULL && !json_is_null(strides)) TRY(keras_read_pair(stride, reader, "strides"));
    TRY(keras_read_padding(&same, reader));
    if (stride[0] != window[0] || stride[1] != window[1])
        TRY(keras_refuse(reader,
                         "strides are %zux%zu and the window is %zux%zu; only windows side by "
                         "side are known here",
                         stride[0], stride[1], window[0], window[1]));
    if (same && (reader->h % window[0] != 0 || reader->w % window[1] != 0))
        TRY(keras_refuse(reader,
                         "padding is \"same\", and windows of %zux%zu do not fit %zux%zu; only "
                         "valid is known here",
                         window[0], window[1], reader->h, reader->w));
    TRY(keras_write_layer(reader, "%s %zux%zu", word, window[0], window[1]));
    reader->h /= window[0];
    reader->w /= window[1];
cleanup:
    return status;
}

static Status read_maxpool(KerasReader *reader) {
    return read_pool(reader, "maxpool");
}

static Status read_avgpool(KerasReader *reader) {
    return read_pool(reader, "avgpool");
}

static Status read_globalavgpool(KerasReader *reader) {
    reader->flat = true;
    return keras_write_layer(reader, "globalavgpool");
}

static Status read_dropout(KerasReader *reader) {
    double rate;
    Status status = keras_read_share(&rate, reader, "rate", 0.5);
    return status == STATUS_OK ? keras_write_layer(reader, "dropout %.15g", rate) : status;
}

static Status read_flatten(KerasReader *reader) {
    reader->flat = true;
    return keras_write_layer(reader, "flatten");
}

static Status read_activation_layer(KerasReader *reader) {
    const char *word;
    Status status = keras_read_activation(&word, reader);
    return status == STATUS_OK ? keras_write_activation(reader, word) : status;
}

static Status write_rectifier(KerasReader *reader, double slope) {
    if (slope == 0.0) return keras_write_activation(reader, "relu");
    return keras_write_layer(reader, "leakyrelu %.15g", slope);
}

static Status read_relu(KerasReader *reader) {
    double slope;
    Status status = keras_read_share(&slope, reader, "negative_slope", 0.0);
    return status == STATUS_OK ? write_rectifier(reader, slope) : status;
}

/* Keras 2 calls the slope alpha, and writes it as a number or, from NumPy, as an object. */
static Status read_leaky(KerasReader *reader) {
    double slope;
    bool old = json_object_get(reader->config, "alpha") != NULL;
    Status status = keras_read_share(&slope, reader, old ? "alpha" : "negative_slope", 0.3);
    return status == STATUS_OK ? write_rectifier(reader, slope) : status;
}

/* As a layer of its own, at the end. */
static Status read_softmax(KerasReader *reader) {
    return keras_write_softmax(reader);
}

/* Rows of 784 numbers, or images without a channel, become images. */
static Status read_reshape(KerasReader *reader) {
    if (reader->used > 0) return keras_refuse(reader, "is known here only as the first layer");
    reader->input = INPUT_IMAGE;
    return STATUS_OK;
}

static Status read_rescaling(KerasReader *reader) {
    const json_t *scale = json_object_get(reader->config, "scale");
    char text[KERAS_VALUE];
    if (reader->used > 0) return keras_refuse(reader, "is known here only as the first layer");
    if (fabs(json_number_value(scale) * 255.0 - 1.0) > 1e-6)
        return keras_refuse(reader,
                            "scale is %s; only 1/255 is known here, by which all pixels are "
                            "scaled",
                            keras_show(text, scale));
    return STATUS_OK;
}

#define CHANNELS_LAST                                                                              \
    { "data_format", "\"channels_last\"" }

static const Kind KINDS[] = {
    {"Conv2D", read_conv, {CHANNELS_LAST, {"dilation_rate", "[1,1]"}, {"groups", "1"}}},
    {"Dense", read_dense, {{"lora_rank", "null"}, {"quantization_config", "null"}}},
    {"BatchNormalization",
     read_batchnorm,
     {{"center", "true"}, {"scale", "true"}, {"renorm", "false"}, {"virtual_batch_size", "null"}}},
    {"MaxPooling2D", read_maxpool, {CHANNELS_LAST}},
    {"AveragePooling2D", read_avgpool, {CHANNELS_LAST}},
    {"GlobalAveragePooling2D", read_globalavgpool, {CHANNELS_LAST, {"keepdims", "false"}}},
    {"Dropout", read_dropout, {{"noise_shape", "null"}}},
    {"Flatten", read_flatten, {CHANNELS_LAST}},
    {"Activation", read_activation_layer, {{NULL, NULL}}},
    {"ReLU", read_relu, {{"max_value", "null"}, {"threshold", "0"}}},
    {"LeakyReLU", read_leaky, {{NULL, NULL}}},
    {"Softmax", read_softmax, {{"axis", "-1"}}},
    {"Reshape", read_reshape, {{"target_shape", "[28,28,1]"}}},
    {"Rescaling", read_rescaling, {{"offset", "0"}}},
};

enum { KIND_COUNT = sizeof KINDS / sizeof *KINDS };

/* ---- The input ------------------------------------------------------------------------------- */

/* [null, 28, 28, 1]: how many numbers an image has is left open. */
static Status take_input(KerasReader *reader, const json_t *shape) {
    static const char *const known[] = {
        [INPUT_IMAGE] = "[28,28,1]", [INPUT_SQUARE] = "[28,28]", [INPUT_ROW] = "[784]"};
    char text[KERAS_VALUE];
    json_t *one = json_copy((json_t *)shape);
    bool found = json_is_array(one) && json_array_remove(one, 0) == 0;
    int input = INPUT_IMAGE;
    while (found && input <= INPUT_ROW && !keras_same(one, known[input])) input++;
    json_decref(one);
    reader->input = (KerasInput)input;
    if (found && input <= INPUT_ROW) return STATUS_OK;
    return status_fail(STATUS_DATA,
                       "%s: its input has the shape %s; only 28x28 images are known here: "
                       "[null, 28, 28, 1]",
                       reader->path, keras_show(text, shape));
}

/* The shape of what goes in, where the layer says it; else NULL. Keras 2 and 3 call it by two
 * names, and either may have it in a first layer that is no InputLayer. */
static const json_t *input_shape_of(const json_t *config) {
    const json_t *shape = json_object_get(config, "batch_input_shape");
    return shape != NULL ? shape : json_object_get(config, "batch_shape");
}

/* What must come before the first layer of ours. */
static Status begin_network(KerasReader *reader) {
    bool reads_any = strcmp(reader->class_name, "Reshape") == 0 ||
                     strcmp(reader->class_name, "Rescaling") == 0 ||
                     strcmp(reader->class_name, "Flatten") == 0;
    if (reader->used > 0 || reads_any || reader->input == INPUT_IMAGE) return STATUS_OK;
    if (reader->input == INPUT_ROW) return read_flatten(reader);
    return keras_refuse(reader,
                        "its input is [28, 28], which is known here only before Flatten, or "
                        "Reshape to [28, 28, 1]");
}

/* ---- The model ------------------------------------------------------------------------------- */

/* Text of the file's, fit for a line. */
static void copy_name(char name[KERAS_NAME], const json_t *value) {
    const char *text = json_is_string(value) ? json_string_value(value) : "?";
    size_t i = 0;
    for (; text[i] != '\0' && i < KERAS_NAME - 1; i++)
        name[i] = (char)(text[i] >= ' ' && text[i] <= '~' ? text[i] : '?');
    name[i] = '\0';
}

static const Kind *find_kind(const char *class_name) {
    for (size_t i = 0; i < KIND_COUNT; i++)
        if (strcmp(KINDS[i].class_name, class_name) == 0) return &KINDS[i];
    return NULL;
}

static Status refuse_class(const KerasReader *reader) {
    char known[300] = "";
    size_t used = 0;
    for (size_t i = 0; i < KIND_COUNT; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i > 0 ? ", " : "",
                                 KINDS[i].class_name);
    return keras_refuse(reader, "is not known here; these layers are: %s", known);
}

/* What a training from here goes without. */
static void note_lost(KerasReader *reader) {
    static const char *const lost[] = {
        "kernel_regularizer", "bias_regularizer",  "activity_regularizer", "gamma_regularizer",
        "beta_regularizer",   "kernel_constraint", "bias_constraint"};
    for (size_t i = 0; i < sizeof lost / sizeof *lost; i++) {
        const json_t *value = json_object_get(reader->config, lost[i]);
        if (value != NULL && !json_is_null(value))
            keras_note(reader, "%s's %s is left out", reader->name, lost[i]);
    }
    if (json_is_false(json_object_get(reader->config, "trainable")))
        keras_note(reader, "%s is frozen there and is trained here", reader->name);
}

static Status check_fixed(const KerasReader *reader, const Fixed *fixed) {
    char text[KERAS_VALUE];
    const json_t *value = json_object_get(reader->config, fixed->member);
    if (value == NULL || keras_same(value, fixed->value)) return STATUS_OK;
    return keras_refuse(reader, "%s is %s; only %s is known here", fixed->member,
                        keras_show(text, value), fixed->value);
}

static Status read_layer(KerasReader *reader, const json_t *layer) {
    const json_t *shape;
    Status status;
    reader->config = json_object_get(layer, "config");
    copy_name(reader->class_name, json_object_get(layer, "class_name"));
    copy_name(reader->name, json_object_get(reader->config, "name"));
    shape = input_shape_of(reader->config);
    if (shape != NULL && reader->number == 0) TRY(take_input(reader, shape));
    if (strcmp(reader->class_name, "InputLayer") == 0) return STATUS_OK;
    reader->number++;
    const Kind *kind = find_kind(reader->class_name);
    if (kind == NULL) return refuse_class(reader);
    if (reader->ends_in_softmax)
        TRY(keras_refuse(reader, "follows softmax, after which nothing may"));
    for (size_t i = 0; i < MOST_FIXED && kind->fixed[i].member != NULL; i++)
        TRY(check_fixed(reader, &kind->fixed[i]));
    TRY(begin_network(reader));
    TRY(kind->read(reader));
    note_lost(reader);
cleanup:
    return status;
}

static Status read_model(KerasReader *reader, const json_t *model) {
    char class_name[KERAS_NAME];
    const json_t *config = json_object_get(model, "config"), *shape, *layer;
    const json_t *layers = json_is_array(config) ? config : json_object_get(config, "layers");
    size_t index;
    Status status = STATUS_OK;
    copy_name(class_name, json_object_get(model, "class_name"));
    if (strcmp(class_name, "Sequential") != 0)
        return status_fail(STATUS_DATA,
                           "%s: is a %s model; only Sequential ones are known here, layer after "
                           "layer",
                           reader->path, class_name);
    if (!json_is_array(layers) || json_array_size(layers) > MOST_LAYERS)
        return keras_refuse_model(reader, "has no list of layers, or one of more than 256");
    shape = json_object_get(config, "build_input_shape");
    if (shape != NULL && !json_is_null(shape)) TRY(take_input(reader, shape));
    json_array_foreach(layers, index, layer) TRY(read_layer(reader, layer));
    if (reader->is_output) {
        keras_note(reader, "its outputs are logits there, and probabilities here");
        TRY(keras_write_softmax(reader));
    }
    if (!reader->ends_in_softmax)
        TRY(keras_refuse_model(reader, "its last layer is not Dense with 10 units and softmax"));
cleanup:
    return status;
}

Status keras_layers_read(KerasLayers *out, const char *json, const char *path) {
    KerasReader reader = {.out = out, .path = path, .h = DIGIT_SIDE, .w = DIGIT_SIDE};
    json_error_t error;
    memset(out, 0, sizeof *out);
    json_t *model = json_loads(json, JSON_REJECT_DUPLICATES, &error);
    if (model == NULL)
        return status_fail(STATUS_DATA, "%s: the model's description is no JSON (line %d: %.100s)",
                           path, error.line, error.text);
    Status status = read_model(&reader, model);
    json_decref(model);
    return status;
}
