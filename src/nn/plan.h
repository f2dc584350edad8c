/* What a model is made of; private to nn. */
#pragma once

#include "nn/layer.h"

struct Model {
    Layer *layers;
    size_t layer_count;
    size_t tensor_count;
    size_t trained_count; /* parameters: they come first in the flat vector */
    size_t buffers_begin, buffer_count;
    size_t first_trained; /* index of the first layer with parameters: backward ends there */
    Shape input;
};

/* model_new for images of any shape. */
Status model_plan(Model **out, const ModelOptions *options, Shape input);

/* The text that `write` makes, in memory that the caller frees. */
Status model_capture(char **text, void (*write)(FILE *out, const Model *model), const Model *model);

float *scratch_workspace(const Scratch *scratch);

/* backward_weights for a late layer: its factors, and the bias's gradient. */
void late_backward(const LayerCall *call, const ModelGradients *gradients);
