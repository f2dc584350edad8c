/* (h, w, c) seen as one vector: element (y * w + x) * c + channel, as Keras has it. Activations lie
 * in that order already, so nothing is moved. */
#include "nn/layer.h"

static Status plan(Layer *layer, Words *words) {
    layer->out = (Shape){1, 1, shape_size(layer->in), true};
    return words_end(words);
}

static void write_config(FILE *out, const Layer *layer) {
    (void)layer;
    fputs(",\"data_format\":\"channels_last\"", out);
}

const LayerKind flatten_kind = {
    .word = "flatten",
    .example = "flatten",
    .class_name = "Flatten",
    .name = "flatten",
    .alias = true,
    .plan = plan,
    .write_config = write_config,
};
