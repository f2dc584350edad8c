/* An activation that is a layer of its own in Keras, and part of the layer before it here. */
#include "nn/layer.h"

static void write_config(FILE *out, const Layer *layer) {
    fprintf(out, ",\"activation\":\"%s\"", activation_name(layer->activation));
}

const LayerKind activation_kind = {
    .class_name = "Activation",
    .name = "activation",
    .alias = true,
    .write_config = write_config,
};
