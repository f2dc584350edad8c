/* Convolution of (h, w, c) images with kernels (kh, kw, in, out), stride 1, padding "same": the
 * plain way, im2col and OpenBLAS; the reference for every other kernel.
 *
 * An image is copied into a frame of zeros; then, for a block of output rows, the patch under each
 * output pixel is laid out as one row of a matrix, and that is multiplied by the kernel. Every
 * image is done by itself, so the shapes of the products hang on the layer only. A block is 128 kB
 * of patches, or one row: it stays in the second-level cache, and the products are small enough for
 * those kernels of OpenBLAS that multiply without packing (measured on Zen 4, whole training step
 * of the default model: 79 GFLOP/s, against 72 with 256 kB or more). The input's gradient is the
 * same convolution of dy with the kernel turned round and its channels swapped; refused: dy times
 * the kernel's transpose and a scatter (col2im), which moves as much and whose product has only the
 * output channels as its inner length. Nothing is kept from forward for backward: making patches
 * again costs less than reading them back from memory.
 */
#include <string.h>

#include "mnist_dist/nn/blas.h"
#include "nn/layer.h"

enum {
    MAX_SIDE = 255,
    PATCHES = 128 * 1024 / sizeof(float), /* floats of a block of patches */
};

/* One image's convolution: y (h, w, out) from x (h, w, in). */
typedef struct Conv {
    size_t h, w, in, out;
    size_t kh, kw;
    size_t top, left;   /* zeros above and to the left; (k - 1) - those below and to the right */
    size_t rows;        /* output rows of a block */
    size_t patch;       /* kh * kw * in */
    size_t frame_pitch; /* floats of a framed row */
} Conv;

static size_t frame_size(const Conv *conv) {
    return (conv->h + conv->kh - 1) * conv->frame_pitch;
}

/* Rows of a block, as equal among the blocks as can be. */
static size_t block_rows(const Conv *conv) {
    size_t most = PATCHES / (conv->w * conv->patch);
    size_t blocks = most == 0 ? conv->h : (conv->h + most - 1) / most;
    return (conv->h + blocks - 1) / blocks;
}

static Conv conv_make(const Layer *layer, bool reversed) {
    size_t kh = layer->window[0], kw = layer->window[1];
    Conv conv = {.h = layer->in.h, .w = layer->in.w, .kh = kh, .kw = kw};
    conv.in = reversed ? layer->out.c : layer->in.c;
    conv.out = reversed ? layer->in.c : layer->out.c;
    conv.top = reversed ? kh / 2 : (kh - 1) / 2;
    conv.left = reversed ? kw / 2 : (kw - 1) / 2;
    conv.patch = kh * kw * conv.in;
    conv.frame_pitch = (conv.w + kw - 1) * conv.in;
    conv.rows = block_rows(&conv);
    return conv;
}

/* The workspace of a call: frame, patches, and the reversed kernel if there is one. Each part is
 * rounded up so that all are aligned. */
static size_t aligned(size_t floats) {
    return (floats + 15) / 16 * 16;
}

static size_t workspace_size(const Conv *conv) {
    return aligned(frame_size(conv)) + aligned(conv->rows * conv->w * conv->patch);
}

static void frame_image(float *frame, const float *x, const Conv *conv) {
    size_t row = conv->w * conv->in;
    for (size_t j = 0; j < conv->h; j++)
        memcpy(frame + (conv->top + j) * conv->frame_pitch + conv->left * conv->in, x + j * row,
               row * sizeof *x);
}

/* patches (rows * w, kh, kw * in) of the output rows from `first` on. */
static void make_patches(float *patches, const float *frame, const Conv *conv, size_t first,
                         size_t rows) {
    size_t run = conv->kw * conv->in;
    for (size_t j = first; j < first + rows; j++)
        for (size_t i = 0; i < conv->w; i++)
            for (size_t k = 0; k < conv->kh; k++, patches += run)
                memcpy(patches, frame + (j + k) * conv->frame_pitch + i * conv->in,
                       run * sizeof *patches);
}

static size_t rows_from(const Conv *conv, size_t first) {
    return conv->h - first < conv->rows ? conv->h - first : conv->rows;
}

/* y of one image. The frame's border must be zero. */
static void convolve(float *y, const float *x, const float *kernel, const Conv *conv,
                     float *workspace) {
    float *frame = workspace, *patches = workspace + aligned(frame_size(conv));
    frame_image(frame, x, conv);
    for (size_t j = 0; j < conv->h; j += conv->rows) {
        size_t rows = rows_from(conv, j);
        make_patches(patches, frame, conv, j, rows);
        blas_gemm(false, false, rows * conv->w, conv->out, conv->patch, patches, kernel, 0.0F,
                  y + j * conv->w * conv->out);
    }
}

static void forward(const LayerCall *call) {
    const Layer *layer = call->layer;
    Conv conv = conv_make(layer, false);
    const float *bias = call->params + conv.patch * conv.out;
    size_t in = shape_size(layer->in), out = shape_size(layer->out);
    memset(call->workspace, 0, frame_size(&conv) * sizeof(float));
    for (size_t n = 0; n < call->pass->count; n++) {
        float *y = call->y + n * out;
        convolve(y, call->x + n * in, call->params, &conv, call->workspace);
        activation_forward(layer->activation, y, bias, conv.h * conv.w, conv.out);
    }
}

/* reversed (kh, kw, out, in) from kernel (kh, kw, in, out), both sides turned round. */
static void reverse_kernel(float *reversed, const float *kernel, const Layer *layer) {
    size_t taps = layer->window[0] * layer->window[1], in = layer->in.c, out = layer->out.c;
    for (size_t t = 0; t < taps; t++)
        for (size_t o = 0; o < out; o++)
            for (size_t i = 0; i < in; i++)
                reversed[((taps - 1 - t) * out + o) * in + i] = kernel[(t * in + i) * out + o];
}

static void backward_input(const LayerCall *call) {
    const Layer *layer = call->layer;
    Conv conv = conv_make(layer, true);
    size_t in = shape_size(layer->in), out = shape_size(layer->out);
    float *reversed = call->workspace + workspace_size(&conv);
    reverse_kernel(reversed, call->params, layer);
    memset(call->workspace, 0, frame_size(&conv) * sizeof(float));
    for (size_t n = 0; n < call->pass->count; n++)
        convolve(call->dx + n * in, call->dy + n * out, reversed, &conv, call->workspace);
}

/* dkernel = beta dkernel + the gradient of one image. */
static void add_image(float *dkernel, const float *x, const float *dy, const Conv *conv,
                      float *workspace, float beta) {
    float *frame = workspace, *patches = workspace + aligned(frame_size(conv));
    frame_image(frame, x, conv);
    for (size_t j = 0; j < conv->h; j += conv->rows) {
        size_t rows = rows_from(conv, j);
        make_patches(patches, frame, conv, j, rows);
        blas_gemm(true, false, conv->patch, conv->out, rows * conv->w, patches,
                  dy + j * conv->w * conv->out, j == 0 ? beta : 1.0F, dkernel);
    }
}

static void backward_weights(const LayerCall *call) {
    const Layer *layer = call->layer;
    Conv conv = conv_make(layer, false);
    size_t n = call->pass->count, in = shape_size(layer->in), out = shape_size(layer->out);
    memset(call->workspace, 0, frame_size(&conv) * sizeof(float));
    for (size_t i = 0; i < n; i++)
        add_image(call->dparams, call->x + i * in, call->dy + i * out, &conv, call->workspace,
                  i == 0 ? 0.0F : 1.0F);
    activation_bias_gradient(call->dparams + conv.patch * conv.out, call->dy, n, conv.h * conv.w,
                             conv.out);
}

static void plan_workspace(Layer *layer) {
    Conv ahead = conv_make(layer, false), back = conv_make(layer, true);
    size_t reversed = workspace_size(&back) + layer->tensors[0].count;
    layer->forward_workspace = workspace_size(&ahead);
    layer->backward_workspace =
        reversed > layer->forward_workspace ? reversed : layer->forward_workspace;
}

static Status plan(Layer *layer, Words *words) {
    static const char *const known[] = {ACTIVATION_WORDS, "same"};
    Status status = STATUS_OK;
    size_t filters = 0, *window = layer->window;
    TRY(layer_needs_image(layer, words));
    TRY(words_pair(window, words, "kernel"));
    TRY(words_size(&filters, words, "filters"));
    TRY(layer_read_options(layer, words, known, sizeof known / sizeof *known));
    if (window[0] > MAX_SIDE || window[1] > MAX_SIDE)
        TRY(words_fail(words, "a kernel has at most %d x %d taps", MAX_SIDE, MAX_SIDE));
    size_t dims[] = {window[0], window[1], layer->in.c, filters};
    TRY(layer_add_tensor(layer, words, "kernel", 4, dims));
    TRY(layer_add_tensor(layer, words, "bias", 1, (size_t[]){filters}));
    layer->out = (Shape){layer->in.h, layer->in.w, filters, false};
    plan_workspace(layer);
cleanup:
    return status;
}

static void write_config(FILE *out, const Layer *layer) {
    fprintf(out,
            ",\"filters\":%zu,\"kernel_size\":[%zu,%zu],\"strides\":[1,1],\"padding\":\"same\","
            "\"data_format\":\"channels_last\",\"dilation_rate\":[1,1],\"groups\":1",
            layer->out.c, layer->window[0], layer->window[1]);
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
