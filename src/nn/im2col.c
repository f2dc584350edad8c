/* Convolution the plain way, im2col and OpenBLAS: the reference for every other kernel, and what is
 * left where none of them suits.
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

#include "mnist_dist/base/minmax.h"
#include "mnist_dist/nn/blas.h"
#include "nn/activation.h"
#include "nn/families.h"

enum { PATCHES = (size_t)128 * 1024 / sizeof(float) }; /* floats of a block of patches */

/* One image's convolution: y (h, w, out) from x (in_rows, in_columns, in). */
typedef struct Conv {
    size_t h, w, in, out;
    size_t in_rows, in_columns;
    size_t kh, kw;
    size_t top, left;   /* zeros above and to the left */
    size_t gap;         /* pixels of the frame from one of x to the next */
    size_t step;        /* and from one of y to the next */
    size_t rows;        /* output rows of a block */
    size_t patch;       /* kh * kw * in */
    size_t frame_pitch; /* floats of a framed row */
    size_t frame_rows;
} Conv;

static size_t frame_size(const Conv *conv) {
    return conv->frame_rows * conv->frame_pitch;
}

/* Rows of a block, as equal among the blocks as can be. */
static size_t block_rows(const Conv *conv) {
    size_t most = PATCHES / (conv->w * conv->patch);
    size_t blocks = most == 0 ? conv->h : (conv->h + most - 1) / most;
    return (conv->h + blocks - 1) / blocks;
}

/* From where x ends or the last window does. */
static size_t frame_side(size_t before, size_t in, size_t gap, size_t out, size_t step,
                         size_t taps) {
    return larger(before + (in - 1) * gap + 1, (out - 1) * step + taps);
}

static Conv conv_make(const ConvShape *shape, bool reversed) {
    size_t kh = shape->kh, kw = shape->kw;
    ConvEdges edges = conv_edges(shape);
    Conv conv = {.kh = kh, .kw = kw};
    conv.h = reversed ? shape->h : edges.h;
    conv.w = reversed ? shape->w : edges.w;
    conv.in_rows = reversed ? edges.h : shape->h;
    conv.in_columns = reversed ? edges.w : shape->w;
    conv.in = reversed ? shape->out : shape->in;
    conv.out = reversed ? shape->in : shape->out;
    conv.top = reversed ? kh - 1 - edges.top : edges.top;
    conv.left = reversed ? kw - 1 - edges.left : edges.left;
    conv.gap = reversed ? shape->stride : 1;
    conv.step = reversed ? 1 : shape->stride;
    conv.patch = kh * kw * conv.in;
    conv.frame_rows = frame_side(conv.top, conv.in_rows, conv.gap, conv.h, conv.step, kh);
    conv.frame_pitch =
        conv.in * frame_side(conv.left, conv.in_columns, conv.gap, conv.w, conv.step, kw);
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
    const size_t row = conv->in_columns * conv->in, piece = conv->gap == 1 ? row : conv->in;
    float *first = frame + conv->top * conv->frame_pitch + conv->left * conv->in;
    for (size_t j = 0; j < conv->in_rows; j++, first += conv->gap * conv->frame_pitch, x += row)
        for (size_t i = 0; i < row; i += piece)
            memcpy(first + i * conv->gap, x + i, piece * sizeof *x);
}

/* patches (rows * w, kh, kw * in) of the output rows from `first` on. */
static void make_patches(float *patches, const float *frame, const Conv *conv, size_t first,
                         size_t rows) {
    size_t run = conv->kw * conv->in;
    for (size_t j = first; j < first + rows; j++)
        for (size_t i = 0; i < conv->w; i++)
            for (size_t k = 0; k < conv->kh; k++, patches += run)
                memcpy(patches,
                       frame + (j * conv->step + k) * conv->frame_pitch + i * conv->step * conv->in,
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

static void forward(const ConvCall *call) {
    Conv conv = conv_make(&call->shape, false);
    size_t in = conv.in_rows * conv.in_columns * conv.in, out = conv.h * conv.w * conv.out;
    memset(call->workspace, 0, frame_size(&conv) * sizeof(float));
    for (size_t i = 0; i < call->n; i++) {
        float *y = call->y + i * out;
        convolve(y, call->x + i * in, call->kernel, &conv, call->workspace);
        activation_forward(call->activation, y, call->bias, conv.h * conv.w, conv.out);
    }
}

static void backward_input(const ConvCall *call) {
    Conv conv = conv_make(&call->shape, true);
    size_t in = conv.in_rows * conv.in_columns * conv.in, out = conv.h * conv.w * conv.out;
    float *reversed = call->workspace + workspace_size(&conv);
    conv_reverse_kernel(reversed, call->kernel, &call->shape);
    memset(call->workspace, 0, frame_size(&conv) * sizeof(float));
    for (size_t i = 0; i < call->n; i++)
        convolve(call->dx + i * out, call->dy + i * in, reversed, &conv, call->workspace);
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

static void backward_weights(const ConvCall *call) {
    Conv conv = conv_make(&call->shape, false);
    size_t in = conv.in_rows * conv.in_columns * conv.in, out = conv.h * conv.w * conv.out;
    memset(call->workspace, 0, frame_size(&conv) * sizeof(float));
    for (size_t i = 0; i < call->n; i++)
        add_image(call->dkernel, call->x + i * in, call->dy + i * out, &conv, call->workspace,
                  i == 0 ? 0.0F : 1.0F);
}

static bool suits(const ConvShape *shape) {
    (void)shape;
    return true;
}

static size_t workspace(const ConvShape *shape) {
    Conv ahead = conv_make(shape, false), back = conv_make(shape, true);
    size_t kernel = shape->kh * shape->kw * shape->in * shape->out;
    size_t reversed = workspace_size(&back) + kernel;
    return reversed > workspace_size(&ahead) ? reversed : workspace_size(&ahead);
}

const ConvKernel conv_im2col = {
    .name = "im2col",
    .compute = COMPUTE_FLOAT32,
    .convolution = CONVOLUTION_IM2COL,
    .instructions = INSTRUCTIONS_PORTABLE,
    .suits = suits,
    .workspace = workspace,
    .forward = forward,
    .backward_input = backward_input,
    .backward_weights = backward_weights,
};
