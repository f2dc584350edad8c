/* Rectifiers that are layers of their own: y = x, or slope x where x is negative. `relu`, for which
 * the slope is 0, costs nothing where a layer has it as its option instead; leaky ones are here
 * only, since Keras's layers have no option for the slope. The derivative at 0 is the slope. */
#include "mnist_dist/base/clones.h"
#include "nn/layer.h"

static Status plan(Layer *layer, Words *words) {
    layer->out = layer->in;
    return words_end(words);
}

static Status plan_leaky(Layer *layer, Words *words) {
    Status status = STATUS_OK;
    layer->slope = 0.3; /* Keras's default */
    if (words_left(words)) TRY(words_rate(&layer->slope, words, "slope"));
    TRY(plan(layer, words));
cleanup:
    return status;
}

/* A NaN stays one. */
VECTOR_CLONES static void rectify(float *restrict y, const float *restrict x, size_t count,
                                  float slope) {
    for (size_t i = 0; i < count; i++) y[i] = x[i] < 0.0F ? slope * x[i] : x[i];
}

VECTOR_CLONES static void differentiate(float *restrict dx, const float *restrict dy,
                                        const float *restrict x, size_t count, float slope) {
    for (size_t i = 0; i < count; i++) dx[i] = x[i] > 0.0F ? dy[i] : slope * dy[i];
}

static size_t count_of(const LayerCall *call) {
    return call->pass->count * shape_size(call->layer->in);
}

static void forward(const LayerCall *call) {
    rectify(call->y, call->x, count_of(call), (float)call->layer->slope);
}

static void backward_input(const LayerCall *call) {
    differentiate(call->dx, call->dy, call->x, count_of(call), (float)call->layer->slope);
}

static void write_config(FILE *out, const Layer *layer) {
    (void)layer;
    fputs(",\"max_value\":null,\"negative_slope\":0.0,\"threshold\":0.0", out);
}

/* Keras 3 takes Keras 2's name of the slope, not the other way round. */
static void write_leaky_config(FILE *out, const Layer *layer) {
    fprintf(out, ",\"alpha\":%.15g", layer->slope);
}

const LayerKind relu_kind = {
    .word = "relu",
    .example = "relu",
    .class_name = "ReLU",
    .name = "re_lu",
    .plan = plan,
    .forward = forward,
    .backward_input = backward_input,
    .write_config = write_config,
};

const LayerKind leakyrelu_kind = {
    .word = "leakyrelu",
    .example = "leakyrelu 0.1",
    .class_name = "LeakyReLU",
    .name = "leaky_re_lu",
    .plan = plan_leaky,
    .forward = forward,
    .backward_input = backward_input,
    .write_config = write_leaky_config,
};
