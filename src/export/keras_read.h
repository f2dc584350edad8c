/* What the readers of Keras's files tell each other. They run in a sandbox on a stranger's bytes,
 * and say what is wrong with "PATH: " in front; failures are STATUS_DATA. */
#pragma once

#include <stddef.h>

#include "mnist_dist/base/h5file.h"
#include "mnist_dist/nn/model.h"

enum { KERAS_NOTES = 1024 };

/* A Keras model in our words. */
typedef struct KerasLayers {
    char layers[sizeof(((ModelOptions *)0)->layers)]; /* as model.layers has them */
    char notes[KERAS_NOTES]; /* what of it is not taken along: one line, or "" */
} KerasLayers;

/* Reads the JSON of a Sequential model: model_config, or config.json of a .keras archive. A layer
 * or an option of one that is not known here is named with its place. */
Status keras_layers_read(KerasLayers *out, const char *json, const char *path);

/* Whether the file has weights in one of the layouts that keras_weights_read knows. */
bool keras_weights_are_in(H5File *file);

/* Fills params (model_parameter_count) with the weights, layer by layer. */
Status keras_weights_read(float *params, const Model *model, H5File *file, const char *path);
