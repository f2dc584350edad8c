/* config.json of a .keras archive, made of the model_config that our checkpoints carry.
 *
 * That one is in Keras 2's form, which Keras 3 reads from .h5 files alone; here each object says
 * its module, and a few members have other names (keras-team/keras 3.12,
 * src/saving/serialization_lib.py: deserialize_keras_object; src/layers/core/input_layer.py).
 * compile_config has the optimizer and the loss, so that the archive's optimizer state finds its
 * place and `fit` goes on (src/trainers/trainer.py: compile_from_config). LARS, which Keras lacks,
 * leaves compile_config out. Like data*.c of the report: a function gives a new value, or NULL if
 * memory ran out, which comes out at the top. */
#include <stdlib.h>
#include <string.h>

#include "export/keras.h"
#include "export/weights.h"
#include "mnist_dist/base/digits.h"

enum { PRECISION = 15 /* digits of a number, in text */ };

/* ---- The model ------------------------------------------------------------------------------- */

static bool set(json_t *object, const char *name, json_t *value) {
    return json_object_set_new(object, name, value) == 0;
}

/* Says where Keras 3 has the object's class. */
static bool place(json_t *object, const char *module) {
    return set(object, "module", json_string(module)) &&
           set(object, "registered_name", json_null());
}

/* What is called otherwise in Keras 2; nothing if there is none. */
static bool rename_member(json_t *config, const char *from, const char *to) {
    json_t *value = json_object_get(config, from);
    if (value == NULL) return true;
    return json_object_set(config, to, value) == 0 && json_object_del(config, from) == 0;
}

static bool modernise_layer(json_t *layer) {
    json_t *config = json_object_get(layer, "config"), *value;
    const char *name;
    bool good = place(layer, "keras.layers") &&
                rename_member(config, "batch_input_shape", "batch_shape") &&
                rename_member(config, "alpha", "negative_slope");
    json_object_del(config, "ragged"); /* of the input alone */
    json_object_foreach(config, name, value) {
        if (json_object_get(value, "class_name") != NULL)
            good = good && place(value, "keras.initializers");
    }
    return good;
}

/* As Keras's own archives have them. */
static bool place_model(json_t *model) {
    const char *name = json_string_value(json_object_get(model, "class_name"));
    if (name == NULL || strcmp(name, "Functional") != 0) return place(model, "keras");
    return set(model, "module", json_string("keras.src.models.functional")) &&
           set(model, "registered_name", json_string(name));
}

static json_t *build_config(void) {
    return json_pack("{s:[n,i,i,i]}", "input_shape", DIGIT_SIDE, DIGIT_SIDE, 1);
}

static json_t *model_object(const Model *model) {
    char *text = NULL;
    size_t index;
    json_t *layer;
    if (model_keras_config(&text, model) != STATUS_OK) return NULL;
    json_t *object = json_loads(text, 0, NULL);
    free(text);
    json_t *layers = json_object_get(json_object_get(object, "config"), "layers");
    bool good = place_model(object) && set(object, "build_config", build_config());
    json_array_foreach(layers, index, layer) good = good && modernise_layer(layer);
    if (good) return object;
    json_decref(object);
    return NULL;
}

/* ---- How it was trained ---------------------------------------------------------------------- */

static const char *optimizer_class(const OptimizerOptions *options) {
    static const char *const names[] = {
        [OPTIMIZER_ADAM] = "Adam",       [OPTIMIZER_ADAMW] = "AdamW", [OPTIMIZER_SGD] = "SGD",
        [OPTIMIZER_RMSPROP] = "RMSprop", [OPTIMIZER_LAMB] = "Lamb",
    };
    return names[options->kind];
}

/* The members that this kind alone has. */
static json_t *own_options(const OptimizerOptions *options) {
    switch (options->kind) {
    case OPTIMIZER_SGD:
        return json_pack("{s:f,s:b}", "momentum", options->momentum, "nesterov",
                         (int)options->nesterov);
    case OPTIMIZER_RMSPROP:
        return json_pack("{s:f,s:f,s:f,s:b}", "rho", options->rho, "momentum", options->momentum,
                         "epsilon", options->epsilon, "centered", 0);
    default:
        return json_pack("{s:f,s:f,s:f}", "beta_1", options->beta_1, "beta_2", options->beta_2,
                         "epsilon", options->epsilon);
    }
}

static json_t *number_or_null(double value, bool there) {
    return there ? json_real(value) : json_null();
}

static json_t *optimizer_config(const Checkpoint *checkpoint) {
    const OptimizerOptions *options = &checkpoint->config.optimizer;
    bool decays = options->kind == OPTIMIZER_ADAMW || options->kind == OPTIMIZER_LAMB;
    json_t *config = own_options(options);
    bool good =
        config != NULL &&
        set(config, "learning_rate", json_real(weights_learning_rate(checkpoint))) &&
        set(config, "weight_decay", number_or_null(options->weight_decay, decays)) &&
        set(config, "global_clipnorm", number_or_null(options->clip_norm, options->clip_norm > 0));
    if (good) return config;
    json_decref(config);
    return NULL;
}

static json_t *object_of(const char *module, const char *class_name, json_t *config) {
    return json_pack("{s:s,s:s,s:o,s:n}", "module", module, "class_name", class_name, "config",
                     config, "registered_name");
}

static json_t *loss_object(const TrainingOptions *training) {
    if (training->label_smoothing == 0.0) return json_string("categorical_crossentropy");
    return object_of(
        "keras.losses", "CategoricalCrossentropy",
        json_pack("{s:b,s:f}", "from_logits", 0, "label_smoothing", training->label_smoothing));
}

static json_t *compile_config(const Checkpoint *checkpoint) {
    const Config *config = &checkpoint->config;
    json_t *optimizer = object_of("keras.optimizers", optimizer_class(&config->optimizer),
                                  optimizer_config(checkpoint));
    return json_pack("{s:o,s:o,s:[s]}", "optimizer", optimizer, "loss",
                     loss_object(&config->training), "metrics", "accuracy");
}

char *keras_config_text(const Checkpoint *checkpoint) {
    char *text = NULL;
    json_t *object = model_object(checkpoint->model);
    bool good = object != NULL;
    if (good && weights_has_optimizer(&checkpoint->config.optimizer))
        good = set(object, "compile_config", compile_config(checkpoint));
    if (good)
        text =
            json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(PRECISION));
    json_decref(object);
    if (text == NULL) status_fail(STATUS_FAILED, "no memory for the model's description");
    return text;
}
