/* Convolution layers: (h, w, c) images by kernels (kh, kw, in, out). What is multiplied how is the
 * kernel's business (mnist_dist/nn/kernels.h), chosen here once by shape. */
#include "nn/layer.h"

enum { MAX_SIDE = 255 };

ConvShape conv_shape_of(const Layer *layer) {
    return (ConvShape){layer->in.h,      layer->in.w,      layer->in.c,   layer->tensors[0].dims[3],
                       layer->window[0], layer->window[1], layer->stride, layer->valid};
}

static ConvCall conv_call(const LayerCall *call) {
    const Layer *layer = call->layer;
    const ConvShape shape = conv_shape_of(layer);
    return (ConvCall){.shape = shape,
                      .n = call->pass->count,
                      .kernel = call->params,
                      .bias = layer_bias(call, layer->conv->workspace(&shape)),
                      .activation = layer->activation,
                      .x = call->x,
                      .y = call->y,
                      .dy = call->dy,
                      .dx = call->dx,
                      .dkernel = call->dparams,
                      .workspace = call->workspace};
}

static void forward(const LayerCall *call) {
    ConvCall conv = conv_call(call);
    if (conv.n > 0) call->layer->conv->forward(&conv);
}

static void backward_input(const LayerCall *call) {
    ConvCall conv = conv_call(call);
    call->layer->conv->backward_input(&conv);
}

static void backward_weights(const LayerCall *call) {
    const Layer *layer = call->layer;
    ConvCall conv = conv_call(call);
    layer->conv->backward_weights(&conv);
    if (!layer_has_bias(layer)) return;
    activation_bias_gradient(call->dparams + layer->tensors[0].count, call->dy, conv.n,
                             layer->out.h * layer->out.w, layer->out.c);
}

static void choose_kernel(Layer *layer) {
    ConvShape shape = conv_shape_of(layer);
    layer->conv = kernels_choose_conv(layer->kernels, &shape);
    layer->forward_workspace = layer->backward_workspace = layer->conv->workspace(&shape);
    if (!layer_has_bias(layer)) layer->forward_workspace += layer->out.c;
}

static Status read_words(Layer *layer, Words *words, bool *biased) {
    enum { SAME = ACTIVATION_COUNT, VALID, STRIDE, NOBIAS, KNOWN };
    static const char *const known[KNOWN] = {ACTIVATION_WORDS, "same", "valid", "stride", "nobias"};
    LayerOptions options = {.known = known, .count = KNOWN};
    Status status = STATUS_OK;
    layer->stride = 1;
    while (words_left(words)) {
        TRY(layer_read_option(&options, layer, words));
        if (options.last == STRIDE) TRY(words_size(&layer->stride, words, "stride"));
    }
    if (options.seen[SAME] && options.seen[VALID])
        TRY(words_fail(words, "\"same\" and \"valid\" contradict; remove one of them"));
    layer->valid = options.seen[VALID];
    *biased = !options.seen[NOBIAS];
cleanup:
    return status;
}

static Status check_sizes(const Layer *layer, const Words *words) {
    const size_t *window = layer->window;
    if (window[0] > MAX_SIDE || window[1] > MAX_SIDE)
        return words_fail(words, "a kernel has at most %d x %d taps", MAX_SIDE, MAX_SIDE);
    if (layer->stride > MAX_SIDE)
        return words_fail(words, "a stride is at most %d pixels", MAX_SIDE);
    if (layer->valid && (window[0] > layer->in.h || window[1] > layer->in.w))
        return words_fail(words,
                          "without padding, the kernel %zux%zu is larger than its input, %zux%zu; "
                          "make it smaller or say same",
                          window[0], window[1], layer->in.h, layer->in.w);
    return STATUS_OK;
}

static Status plan(Layer *layer, Words *words) {
    Status status = STATUS_OK;
    size_t filters = 0, *window = layer->window;
    bool biased = true;
    TRY(layer_needs_image(layer, words));
    TRY(words_pair(window, words, "kernel"));
    TRY(words_size(&filters, words, "filters"));
    TRY(read_words(layer, words, &biased));
    TRY(check_sizes(layer, words));
    size_t dims[] = {window[0], window[1], layer->in.c, filters};
    TRY(layer_add_weights(layer, words, 4, dims, biased));
    ConvShape shape = conv_shape_of(layer);
    ConvEdges edges = conv_edges(&shape);
    layer->out = (Shape){edges.h, edges.w, filters, false};
    choose_kernel(layer);
cleanup:
    return status;
}

static void write_config(FILE *out, const Layer *layer) {
    fprintf(out,
            ",\"filters\":%zu,\"kernel_size\":[%zu,%zu],\"strides\":[%zu,%zu],\"padding\":\"%s\","
            "\"data_format\":\"channels_last\",\"dilation_rate\":[1,1],\"groups\":1",
            layer->out.c, layer->window[0], layer->window[1], layer->stride, layer->stride,
            layer->valid ? "valid" : "same");
    layer_write_weights_config(out, layer);
}

static double flops(const Layer *layer) {
    return 2.0 * (double)layer->tensors[0].count * (double)(layer->out.h * layer->out.w);
}

const LayerKind conv_kind = {
    .word = "conv",
    .example = "conv 5x5 32 same relu",
    .class_name = "Conv2D",
    .name = "conv2d",
    .plan = plan,
    .forward = forward,
    .backward_input = backward_input,
    .backward_weights = backward_weights,
    .write_config = write_config,
    .flops = flops,
};
