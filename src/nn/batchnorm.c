/* Batch normalisation over the last axis, with its relu: y = relu(gamma (x - mean) / sqrt(variance
 * + epsilon) + beta). (Ioffe and Szegedy, ICML 2015; epsilon, momentum and the biased variance are
 * Keras's.)
 *
 * In training, mean and variance are the call's own: a shard's. They also stand in the shard's
 * gradient where the running statistics are in the vector of parameters, weighted by its share of
 * the batch, so that what sums gradients over shards averages statistics too (buffers.c takes the
 * step). In evaluation the running ones are used. */
#include <math.h>
#include <string.h>

#include "nn/layer.h"
#include "nn/normalise.h"

enum { GAMMA, BETA, MEAN, VARIANCE };

static Status read_words(Layer *layer, Words *words) {
    enum { MOMENTUM = ACTIVATION_COUNT, EPSILON, KNOWN };
    static const char *const known[KNOWN] = {ACTIVATION_WORDS, "momentum", "epsilon"};
    LayerOptions options = {.known = known, .count = KNOWN};
    Status status = STATUS_OK;
    while (words_left(words)) {
        TRY(layer_read_option(&options, layer, words));
        if (options.last == MOMENTUM) TRY(words_rate(&layer->momentum, words, "momentum"));
        if (options.last == EPSILON) TRY(words_rate(&layer->epsilon, words, "epsilon"));
    }
cleanup:
    return status;
}

static Status plan(Layer *layer, Words *words) {
    const size_t dims[] = {layer->in.c};
    Status status = STATUS_OK;
    layer->momentum = 0.99;
    layer->epsilon = 1e-3;
    TRY(read_words(layer, words));
    TRY(layer_add_tensor(layer, words, "gamma", 1, dims));
    TRY(layer_add_tensor(layer, words, "beta", 1, dims));
    TRY(layer_add_buffer(layer, words, "moving_mean", dims[0]));
    TRY(layer_add_buffer(layer, words, "moving_variance", dims[0]));
    layer->tensors[GAMMA].initial = layer->tensors[VARIANCE].initial = 1.0F;
    layer->out = layer->in;
    layer->kept_once = 3 * dims[0] * sizeof(float);
    layer->forward_workspace = layer->backward_workspace =
        2 * dims[0] * sizeof(double) / sizeof(float);
cleanup:
    return status;
}

/* What forward leaves for backward, (c) each. */
typedef struct Kept {
    float *mean, *variance, *scale; /* scale = gamma / sqrt(variance + epsilon) */
} Kept;

static Kept kept_of(const LayerCall *call) {
    float *kept = (float *)(void *)call->kept;
    size_t c = call->layer->in.c;
    return (Kept){kept, kept + c, kept + 2 * c};
}

static size_t rows_of(const LayerCall *call) {
    return call->pass->count * call->layer->in.h * call->layer->in.w;
}

static double inverse_deviation(const LayerCall *call, float variance) {
    return 1.0 / sqrt((double)variance + call->layer->epsilon);
}

static bool has_relu(const LayerCall *call) {
    return call->layer->activation == ACTIVATION_RELU;
}

static Affine affine_of(const LayerCall *call, const Kept *kept) {
    return (Affine){kept->mean, kept->scale, call->params + call->layer->in.c};
}

static void forward(const LayerCall *call) {
    const size_t c = call->layer->in.c;
    Kept kept = kept_of(call);
    if (call->pass->count == 0) return;
    if (call->pass->training || call->pass->measuring)
        normalise_moments(kept.mean, kept.variance, call->x, rows_of(call), c,
                          (double *)(void *)call->workspace);
    else
        memcpy(kept.mean, call->buffers, 2 * c * sizeof *kept.mean);
    for (size_t i = 0; i < c; i++)
        kept.scale[i] =
            (float)((double)call->params[i] * inverse_deviation(call, kept.variance[i]));
    normalise_forward(call->y, call->x, affine_of(call, &kept), has_relu(call), rows_of(call), c);
}

static void backward_weights(const LayerCall *call) {
    const size_t c = call->layer->in.c, rows = rows_of(call);
    Kept kept = kept_of(call);
    double *plain = (double *)(void *)call->workspace, *centred = plain + c;
    normalise_sums(plain, centred, call->dy, call->x, affine_of(call, &kept), has_relu(call), rows,
                   c);
    for (size_t i = 0; i < c; i++) {
        call->dparams[i] = (float)(centred[i] * inverse_deviation(call, kept.variance[i]));
        call->dparams[c + i] = (float)plain[i];
    }
}

static void backward_input(const LayerCall *call) {
    const size_t c = call->layer->in.c, rows = rows_of(call);
    Kept kept = kept_of(call);
    float *plain = call->workspace, *centred = plain + c;
    for (size_t i = 0; i < c; i++) {
        const double inverse = inverse_deviation(call, kept.variance[i]);
        plain[i] = (float)((double)call->dparams[c + i] / (double)rows);
        centred[i] = (float)((double)call->dparams[i] * inverse / (double)rows);
    }
    normalise_backward(call->dx, call->dy, call->x, affine_of(call, &kept), (Means){plain, centred},
                       has_relu(call), rows, c);
}

static void statistics(const LayerCall *call, double share) {
    const size_t c = call->layer->in.c;
    Kept kept = kept_of(call);
    for (size_t i = 0; i < c; i++) {
        call->dbuffers[i] = (float)((double)kept.mean[i] * share);
        call->dbuffers[c + i] = (float)((double)kept.variance[i] * share);
    }
}

static void write_config(FILE *out, const Layer *layer) {
    fprintf(out,
            ",\"axis\":%d,\"momentum\":%.15g,\"epsilon\":%.15g,\"center\":true,\"scale\":true,"
            "\"beta_initializer\":{\"class_name\":\"Zeros\",\"config\":{}},"
            "\"gamma_initializer\":{\"class_name\":\"Ones\",\"config\":{}},"
            "\"moving_mean_initializer\":{\"class_name\":\"Zeros\",\"config\":{}},"
            "\"moving_variance_initializer\":{\"class_name\":\"Ones\",\"config\":{}},"
            "\"beta_regularizer\":null,\"gamma_regularizer\":null,\"beta_constraint\":null,"
            "\"gamma_constraint\":null",
            layer->in.flat ? 1 : 3, layer->momentum, layer->epsilon);
}

const LayerKind batchnorm_kind = {
    .word = "batchnorm",
    .example = "batchnorm relu",
    .class_name = "BatchNormalization",
    .name = "batch_normalization",
    .activates = true,
    .bare = true,
    .plan = plan,
    .forward = forward,
    .backward_input = backward_input,
    .backward_weights = backward_weights,
    .statistics = statistics,
    .write_config = write_config,
};
