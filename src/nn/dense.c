/* Dense layers: y = activation(x W + b), W (in, out), by the kernel that suits the sizes. */
#include "nn/layer.h"

static Status read_words(Layer *layer, Words *words, bool *biased) {
    enum { NOBIAS = ACTIVATION_COUNT, KNOWN };
    static const char *const known[KNOWN] = {ACTIVATION_WORDS, "nobias"};
    LayerOptions options = {.known = known, .count = KNOWN};
    Status status = STATUS_OK;
    while (words_left(words)) TRY(layer_read_option(&options, layer, words));
    *biased = !options.seen[NOBIAS];
cleanup:
    return status;
}

static Status plan(Layer *layer, Words *words) {
    Status status = STATUS_OK;
    size_t units = 0, in = shape_size(layer->in);
    bool biased = true;
    TRY(layer_needs_flat(layer, words));
    TRY(words_size(&units, words, "units"));
    TRY(read_words(layer, words, &biased));
    TRY(layer_add_weights(layer, words, 2, (size_t[]){in, units}, biased));
    layer->out = (Shape){1, 1, units, true};
    layer->dense = kernels_choose_dense(layer->kernels, in, units);
    layer->forward_workspace = layer->backward_workspace = layer->dense->workspace(in, units);
    if (!biased) layer->forward_workspace += units;
cleanup:
    return status;
}

static DenseCall dense_call(const LayerCall *call) {
    const Layer *layer = call->layer;
    return (DenseCall){.n = call->pass->count,
                       .in = layer->in.c,
                       .out = layer->out.c,
                       .kernel = call->params,
                       .bias = layer_bias(call, layer->dense->workspace(layer->in.c, layer->out.c)),
                       .activation = layer->activation,
                       .x = call->x,
                       .y = call->y,
                       .dy = call->dy,
                       .dx = call->dx,
                       .dkernel = call->dparams,
                       .workspace = call->workspace};
}

static void forward(const LayerCall *call) {
    DenseCall dense = dense_call(call);
    if (dense.n > 0) call->layer->dense->forward(&dense);
}

static void backward_input(const LayerCall *call) {
    DenseCall dense = dense_call(call);
    call->layer->dense->backward_input(&dense);
}

static void backward_weights(const LayerCall *call) {
    const Layer *layer = call->layer;
    DenseCall dense = dense_call(call);
    layer->dense->backward_weights(&dense);
    if (!layer_has_bias(layer)) return;
    activation_bias_gradient(call->dparams + layer->tensors[0].count, call->dy, 1, dense.n,
                             layer->out.c);
}

static void write_config(FILE *out, const Layer *layer) {
    fprintf(out, ",\"units\":%zu", layer->out.c);
    layer_write_weights_config(out, layer);
}

static double flops(const Layer *layer) {
    return 2.0 * (double)layer->in.c * (double)layer->out.c;
}

const LayerKind dense_kind = {
    .word = "dense",
    .example = "dense 256 relu",
    .class_name = "Dense",
    .name = "dense",
    .plan = plan,
    .forward = forward,
    .backward_input = backward_input,
    .backward_weights = backward_weights,
    .write_config = write_config,
    .flops = flops,
};
