/* Dense layers: y = activation(x W + b), W (in, out), by the kernel that suits the sizes. */
#include "nn/layer.h"

static Status plan(Layer *layer, Words *words) {
    static const char *const known[] = {ACTIVATION_WORDS};
    Status status = STATUS_OK;
    size_t units = 0, in = shape_size(layer->in);
    TRY(layer_needs_flat(layer, words));
    TRY(words_size(&units, words, "units"));
    TRY(layer_read_options(layer, words, known, sizeof known / sizeof *known));
    TRY(layer_add_tensor(layer, words, "kernel", 2, (size_t[]){in, units}));
    TRY(layer_add_tensor(layer, words, "bias", 1, (size_t[]){units}));
    layer->out = (Shape){1, 1, units, true};
    layer->dense = kernels_choose_dense(layer->kernels, in, units);
    layer->forward_workspace = layer->backward_workspace = layer->dense->workspace(in, units);
cleanup:
    return status;
}

static DenseCall dense_call(const LayerCall *call) {
    const Layer *layer = call->layer;
    return (DenseCall){.n = call->pass->count,
                       .in = layer->in.c,
                       .out = layer->out.c,
                       .kernel = call->params,
                       .bias = call->params + layer->tensors[0].count,
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
