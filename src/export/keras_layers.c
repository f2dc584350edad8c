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
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "export/keras_read.h"
#include "mnist_dist/base/digits.h"

enum { MOST_LAYERS = 256, VALUE = 80, NAME = 80, MOST_FIXED = 6 };

/* What comes in where nothing of the network stands yet. */
typedef enum Input { INPUT_IMAGE, INPUT_SQUARE, INPUT_ROW } Input;

typedef struct Reader Reader;

typedef struct Fixed {
    const char *member, *value; /* as JSON */
} Fixed;

typedef struct Kind {
    const char *class_name;
    Status (*read)(Reader *reader);
    Fixed fixed[MOST_FIXED]; /* members that must have this value if they are there */
} Kind;

struct Reader {
    KerasLayers *out;
    size_t used; /* of out->layers */
    const char *path;
    size_t number; /* of the layer under way, from 1, input layers not counted */
    char class_name[NAME], name[NAME];
    const json_t *config;
    Input input;
    size_t h, w;          /* of what comes in ... */
    bool flat;            /* ... unless it is a row of numbers */
    bool takes_word;      /* the last word written may be followed by an activation */
    bool is_output;       /* it is a dense layer of 10 without one */
    bool ends_in_softmax; /* nothing may follow */
};

static Status refuse(const Reader *reader, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static Status refuse(const Reader *reader, const char *format, ...) {
    char what[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    return status_fail(STATUS_DATA, "%s: layer %zu, \"%s\" (%s): %s", reader->path, reader->number,
                       reader->name, reader->class_name, what);
}

static Status refuse_model(const Reader *reader, const char *what) {
    return status_fail(STATUS_DATA, "%s: %s", reader->path, what);
}

/* ---- Values ---------------------------------------------------------------------------------- */

/* The value as JSON, cut to what a line holds. */
static const char *show(char text[VALUE], const json_t *value) {
    const size_t flags = JSON_ENCODE_ANY | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(6);
    size_t length = value == NULL ? 0 : json_dumpb(value, text, VALUE - 1, flags);
    if (value == NULL) return strcpy(text, "missing");
    text[length < VALUE ? length : VALUE - 1] = '\0';
    if (length >= VALUE) strcpy(text + VALUE - 4, "...");
    return text;
}

static bool same_value(const json_t *a, const char *text) {
    json_t *b = json_loads(text, JSON_DECODE_ANY, NULL);
    bool same = json_is_number(a) && json_is_number(b)
                    ? json_number_value(a) == json_number_value(b)
                    : json_equal(a, b) != 0;
    json_decref(b);
    return same;
}

static Status check_fixed(const Reader *reader, const Fixed *fixed) {
    char text[VALUE];
    const json_t *value = json_object_get(reader->config, fixed->member);
    if (value == NULL || same_value(value, fixed->value)) return STATUS_OK;
    return refuse(reader, "%s is %s; only %s is known here", fixed->member, show(text, value),
                  fixed->value);
}

static Status read_size(size_t *size, const Reader *reader, const char *member,
                        const json_t *value) {
    char text[VALUE];
    json_int_t number = json_integer_value(value);
    *size = (size_t)number;
    if (json_is_integer(value) && number >= 1 && number <= 1000000) return STATUS_OK;
    return refuse(reader, "%s is %s; expected a whole number from 1 on", member, show(text, value));
}

/* [2, 3], or 2 for [2, 2]. */
static Status read_pair(size_t pair[2], const Reader *reader, const char *member) {
    const json_t *value = json_object_get(reader->config, member);
    bool listed = json_is_array(value) && json_array_size(value) == 2;
    Status status;
    TRY(read_size(&pair[0], reader, member, listed ? json_array_get(value, 0) : value));
    TRY(read_size(&pair[1], reader, member, listed ? json_array_get(value, 1) : value));
cleanup:
    return status;
}

/* A number in [0, 1), or `otherwise` if the member is not there. */
static Status read_share(double *share, const Reader *reader, const char *member,
                         double otherwise) {
    char text[VALUE];
    const json_t *value = json_object_get(reader->config, member);
    *share = value == NULL ? otherwise : json_number_value(value);
    if ((value == NULL || json_is_number(value)) && *share >= 0.0 && *share < 1.0) return STATUS_OK;
    return refuse(reader, "%s is %s; expected a number from 0 to below 1", member,
                  show(text, value));
}

static Status read_bool(bool *truth, const Reader *reader, const char *member, bool otherwise) {
    char text[VALUE];
    const json_t *value = json_object_get(reader->config, member);
    *truth = value == NULL ? otherwise : json_is_true(value);
    if (value == NULL || json_is_boolean(value)) return STATUS_OK;
    return refuse(reader, "%s is %s; expected true or false", member, show(text, value));
}

/* Whether padding is "same"; else it is "valid". */
static Status read_padding(bool *same, const Reader *reader) {
    char text[VALUE];
    const json_t *value = json_object_get(reader->config, "padding");
    const char *word = json_is_string(value) ? json_string_value(value) : "";
    *same = strcmp(word, "same") == 0;
    if (*same || value == NULL || strcmp(word, "valid") == 0) return STATUS_OK;
    return refuse(reader, "padding is %s; only same and valid are known here", show(text, value));
}

/* Our word for the member `activation`, which is a name or an object whose config is one: "" for
 * linear. */
static Status read_activation(const char **word, const Reader *reader) {
    char text[VALUE];
    const json_t *value = json_object_get(reader->config, "activation");
    const json_t *inner = json_is_object(value) ? json_object_get(value, "config") : value;
    const char *name = json_is_string(inner) ? json_string_value(inner) : "";
    *word = "";
    if (value == NULL || json_is_null(value) || strcmp(name, "linear") == 0) return STATUS_OK;
    *word = strcmp(name, "relu") == 0 ? "relu" : "softmax";
    if (strcmp(name, *word) == 0) return STATUS_OK;
    return refuse(reader,
                  "activation is %s; only linear, relu and, at the end, softmax are known "
                  "here",
                  show(text, value));
}

/* ---- Words ----------------------------------------------------------------------------------- */

static Status append(Reader *reader, const char *separator, const char *words) {
    char *end = reader->out->layers + reader->used;
    size_t room = sizeof reader->out->layers - reader->used;
    int length = snprintf(end, room, "%s%s", reader->used == 0 ? "" : separator, words);
    if ((size_t)length >= room) return refuse_model(reader, "has more layers than are taken here");
    reader->used += (size_t)length;
    return STATUS_OK;
}

/* A new layer of ours. */
static Status write_layer(Reader *reader, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static Status write_layer(Reader *reader, const char *format, ...) {
    char words[128];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    reader->takes_word = reader->is_output = false;
    return append(reader, ", ", words);
}

static Status write_softmax(Reader *reader) {
    if (!reader->is_output)
        return refuse(reader, "softmax is known here only as the activation of a last Dense layer "
                              "with 10 units");
    reader->is_output = false;
    reader->ends_in_softmax = true;
    return append(reader, " ", "softmax");
}

/* What follows a layer of ours: part of it if it can be. */
static Status write_activation(Reader *reader, const char *word) {
    Status status;
    if (*word == '\0') return STATUS_OK;
    if (strcmp(word, "softmax") == 0) return write_softmax(reader);
    if (!reader->takes_word) return write_layer(reader, "%s", word);
    TRY(append(reader, " ", word));
    reader->takes_word = reader->is_output = false;
cleanup:
    return status;
}

static void note(Reader *reader, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void note(Reader *reader, const char *format, ...) {
    size_t used = strlen(reader->out->notes), room = KERAS_NOTES - used;
    va_list arguments;
    if (room < 32) return;
    if (used > 0) used += (size_t)snprintf(reader->out->notes + used, room, "; ");
    va_start(arguments, format);
    vsnprintf(reader->out->notes + used, KERAS_NOTES - used, format, arguments);
    va_end(arguments);
}

/* ---- Layers with weights --------------------------------------------------------------------- */

static Status read_weights_options(Reader *reader) {
    const char *word;
    bool biased;
    Status status;
    TRY(read_bool(&biased, reader, "use_bias", true));
    TRY(read_activation(&word, reader));
    if (!biased) TRY(append(reader, " ", "nobias"));
    TRY(write_activation(reader, word));
cleanup:
    return status;
}

static size_t conv_side(size_t side, size_t window, size_t stride, bool same) {
    size_t places = same ? side : side + 1 > window ? side + 1 - window : 1;
    return (places + stride - 1) / stride;
}

static Status read_conv(Reader *reader) {
    size_t kernel[2], stride[2], filters;
    bool same;
    Status status;
    TRY(read_pair(kernel, reader, "kernel_size"));
    TRY(read_pair(stride, reader, "strides"));
    TRY(read_padding(&same, reader));
    TRY(read_size(&filters, reader, "filters", json_object_get(reader->config, "filters")));
    if (stride[0] != stride[1])
        TRY(refuse(reader, "strides are %zu and %zu; only equal ones are known here", stride[0],
                   stride[1]));
    TRY(write_layer(reader, "conv %zux%zu %zu %s", kernel[0], kernel[1], filters,
                    same ? "same" : "valid"));
    reader->takes_word = true;
    char words[32];
    snprintf(words, sizeof words, "stride %zu", stride[0]);
    if (stride[0] > 1) TRY(append(reader, " ", words));
    TRY(read_weights_options(reader));
    reader->h = conv_side(reader->h, kernel[0], stride[0], same);
    reader->w = conv_side(reader->w, kernel[1], stride[0], same);
cleanup:
    return status;
}

static Status read_dense(Reader *reader) {
    size_t units;
    Status status;
    TRY(read_size(&units, reader, "units", json_object_get(reader->config, "units")));
    TRY(write_layer(reader, "dense %zu", units));
    reader->takes_word = true;
    reader->is_output = units == DIGIT_CLASSES;
    TRY(read_weights_options(reader));
cleanup:
    return status;
}

/* The axis must be the last one, whatever it is called; Keras 2 has it in a list. */
static Status read_batchnorm(Reader *reader) {
    double momentum, epsilon;
    char text[VALUE];
    const json_t *axis = json_object_get(reader->config, "axis");
    if (json_is_array(axis) && json_array_size(axis) == 1) axis = json_array_get(axis, 0);
    json_int_t number = axis == NULL ? -1 : json_integer_value(axis);
    Status status;
    if (number != -1 && number != (reader->flat ? 1 : 3))
        TRY(refuse(reader, "axis is %s; only the last one is known here", show(text, axis)));
    TRY(read_share(&momentum, reader, "momentum", 0.99));
    TRY(read_share(&epsilon, reader, "epsilon", 1e-3));
    TRY(write_layer(reader, "batchnorm momentum %.15g epsilon %.15g", momentum, epsilon));
    reader->takes_word = true;
cleanup:
    return status;
}

/* ---- Layers without -------------------------------------------------------------------------- */

/* Where the windows fit, "same" adds nothing. */
static Status read_pool(Reader *reader, const char *word) {
    size_t window[2], stride[2];
    bool same;
    Status status;
    TRY(read_pair(window, reader, "pool_size"));
    const json_t *strides = json_object_get(reader->config, "strides");
    memcpy(stride, window, sizeof stride);
    if (strides != NULL && !json_is_null(strides)) TRY(read_pair(stride, reader, "strides"));
    TRY(read_padding(&same, reader));
    if (stride[0] != window[0] || stride[1] != window[1])
        TRY(refuse(reader,
                   "strides are %zux%zu and the window is %zux%zu; only windows side by "
                   "side are known here",
                   stride[0], stride[1], window[0], window[1]));
    if (same && (reader->h % window[0] != 0 || reader->w % window[1] != 0))
        TRY(refuse(reader,
                   "padding is \"same\", and windows of %zux%zu do not fit %zux%zu; only "
                   "valid is known here",
                   window[0], window[1], reader->h, reader->w));
    TRY(write_layer(reader, "%s %zux%zu", word, window[0], window[1]));
    reader->h /= window[0];
    reader->w /= window[1];
cleanup:
    return status;
}

static Status read_maxpool(Reader *reader) {
    return read_pool(reader, "maxpool");
}

static Status read_avgpool(Reader *reader) {
    return read_pool(reader, "avgpool");
}

static Status read_globalavgpool(Reader *reader) {
    reader->flat = true;
    return write_layer(reader, "globalavgpool");
}

static Status read_dropout(Reader *reader) {
    double rate;
    Status status = read_share(&rate, reader, "rate", 0.5);
    return status == STATUS_OK ? write_layer(reader, "dropout %.15g", rate) : status;
}

static Status read_flatten(Reader *reader) {
    reader->flat = true;
    return write_layer(reader, "flatten");
}

static Status read_activation_layer(Reader *reader) {
    const char *word;
    Status status = read_activation(&word, reader);
    return status == STATUS_OK ? write_activation(reader, word) : status;
}

static Status write_rectifier(Reader *reader, double slope) {
    if (slope == 0.0) return write_activation(reader, "relu");
    return write_layer(reader, "leakyrelu %.15g", slope);
}

static Status read_relu(Reader *reader) {
    double slope;
    Status status = read_share(&slope, reader, "negative_slope", 0.0);
    return status == STATUS_OK ? write_rectifier(reader, slope) : status;
}

/* Keras 2 calls the slope alpha, and writes it as a number or, from NumPy, as an object. */
static Status read_leaky(Reader *reader) {
    double slope;
    bool old = json_object_get(reader->config, "alpha") != NULL;
    Status status = read_share(&slope, reader, old ? "alpha" : "negative_slope", 0.3);
    return status == STATUS_OK ? write_rectifier(reader, slope) : status;
}

/* As a layer of its own, at the end. */
static Status read_softmax(Reader *reader) {
    return write_softmax(reader);
}

/* Rows of 784 numbers, or images without a channel, become images. */
static Status read_reshape(Reader *reader) {
    if (reader->used > 0) return refuse(reader, "is known here only as the first layer");
    reader->input = INPUT_IMAGE;
    return STATUS_OK;
}

static Status read_rescaling(Reader *reader) {
    const json_t *scale = json_object_get(reader->config, "scale");
    char text[VALUE];
    if (reader->used > 0) return refuse(reader, "is known here only as the first layer");
    if (fabs(json_number_value(scale) * 255.0 - 1.0) > 1e-6)
        return refuse(reader,
                      "scale is %s; only 1/255 is known here, by which all pixels are "
                      "scaled",
                      show(text, scale));
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
static Status take_input(Reader *reader, const json_t *shape) {
    static const char *const known[] = {
        [INPUT_IMAGE] = "[28,28,1]", [INPUT_SQUARE] = "[28,28]", [INPUT_ROW] = "[784]"};
    char text[VALUE];
    json_t *one = json_copy((json_t *)shape);
    bool found = json_is_array(one) && json_array_remove(one, 0) == 0;
    int input = INPUT_IMAGE;
    while (found && input <= INPUT_ROW && !same_value(one, known[input])) input++;
    json_decref(one);
    reader->input = (Input)input;
    if (found && input <= INPUT_ROW) return STATUS_OK;
    return status_fail(STATUS_DATA,
                       "%s: its input has the shape %s; only 28x28 images are known here: "
                       "[null, 28, 28, 1]",
                       reader->path, show(text, shape));
}

/* The shape of what goes in, where the layer says it; else NULL. Keras 2 and 3 call it by two
 * names, and either may have it in a first layer that is no InputLayer. */
static const json_t *input_shape_of(const json_t *config) {
    const json_t *shape = json_object_get(config, "batch_input_shape");
    return shape != NULL ? shape : json_object_get(config, "batch_shape");
}

/* What must come before the first layer of ours. */
static Status begin_network(Reader *reader) {
    bool reads_any = strcmp(reader->class_name, "Reshape") == 0 ||
                     strcmp(reader->class_name, "Rescaling") == 0 ||
                     strcmp(reader->class_name, "Flatten") == 0;
    if (reader->used > 0 || reads_any || reader->input == INPUT_IMAGE) return STATUS_OK;
    if (reader->input == INPUT_ROW) return read_flatten(reader);
    return refuse(reader, "its input is [28, 28], which is known here only before Flatten, or "
                          "Reshape to [28, 28, 1]");
}

/* ---- The model ------------------------------------------------------------------------------- */

/* Text of the file's, fit for a line. */
static void copy_name(char name[NAME], const json_t *value) {
    const char *text = json_is_string(value) ? json_string_value(value) : "?";
    size_t i = 0;
    for (; text[i] != '\0' && i < NAME - 1; i++)
        name[i] = (char)(text[i] >= ' ' && text[i] <= '~' ? text[i] : '?');
    name[i] = '\0';
}

static const Kind *find_kind(const char *class_name) {
    for (size_t i = 0; i < KIND_COUNT; i++)
        if (strcmp(KINDS[i].class_name, class_name) == 0) return &KINDS[i];
    return NULL;
}

static Status refuse_class(const Reader *reader) {
    char known[300] = "";
    size_t used = 0;
    for (size_t i = 0; i < KIND_COUNT; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i > 0 ? ", " : "",
                                 KINDS[i].class_name);
    return refuse(reader, "is not known here; these layers are: %s", known);
}

/* What a training from here goes without. */
static void note_lost(Reader *reader) {
    static const char *const lost[] = {
        "kernel_regularizer", "bias_regularizer",  "activity_regularizer", "gamma_regularizer",
        "beta_regularizer",   "kernel_constraint", "bias_constraint"};
    for (size_t i = 0; i < sizeof lost / sizeof *lost; i++) {
        const json_t *value = json_object_get(reader->config, lost[i]);
        if (value != NULL && !json_is_null(value))
            note(reader, "%s's %s is left out", reader->name, lost[i]);
    }
    if (json_is_false(json_object_get(reader->config, "trainable")))
        note(reader, "%s is frozen there and is trained here", reader->name);
}

static Status read_layer(Reader *reader, const json_t *layer) {
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
    if (reader->ends_in_softmax) TRY(refuse(reader, "follows softmax, after which nothing may"));
    for (size_t i = 0; i < MOST_FIXED && kind->fixed[i].member != NULL; i++)
        TRY(check_fixed(reader, &kind->fixed[i]));
    TRY(begin_network(reader));
    TRY(kind->read(reader));
    note_lost(reader);
cleanup:
    return status;
}

static Status read_model(Reader *reader, const json_t *model) {
    char class_name[NAME];
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
        return refuse_model(reader, "has no list of layers, or one of more than 256");
    shape = json_object_get(config, "build_input_shape");
    if (shape != NULL && !json_is_null(shape)) TRY(take_input(reader, shape));
    json_array_foreach(layers, index, layer) TRY(read_layer(reader, layer));
    if (reader->is_output) {
        note(reader, "its outputs are logits there, and probabilities here");
        TRY(write_softmax(reader));
    }
    if (!reader->ends_in_softmax)
        TRY(refuse_model(reader, "its last layer is not Dense with 10 units and softmax"));
cleanup:
    return status;
}

Status keras_layers_read(KerasLayers *out, const char *json, const char *path) {
    Reader reader = {.out = out, .path = path, .h = DIGIT_SIDE, .w = DIGIT_SIDE};
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
