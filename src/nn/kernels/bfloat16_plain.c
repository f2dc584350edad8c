/* bfloat16 where no instruction multiplies it: operands are rounded to floats that bfloat16 can
 * hold, and the float32 kernels of the instruction set do the rest. Not faster than float32, but a
 * run in bfloat16 can so be continued, evaluated and tested on any machine.
 *
 * Products of such operands are exact in float32, so a kernel's sums differ from those of the other
 * families by the order of the additions only. One image or sample at a time, so that the workspace
 * does not hang on their number. */
#include "nn/families.h"
#include "nn/kernels/bfloat16.h"

static void round_floats(float *to, const float *from, size_t count) {
    for (size_t i = 0; i < count; i++) to[i] = bfloat16_value(bfloat16_bits(from[i]));
}

static size_t kernel_size(const ConvShape *shape) {
    return shape->kh * shape->kw * shape->in * shape->out;
}

static float *rounded_kernel(float **workspace, const ConvCall *call) {
    size_t count = kernel_size(&call->shape);
    float *kernel = workspace_take(workspace, count);
    round_floats(kernel, call->kernel, count);
    return kernel;
}

static void forward(const ConvCall *call) {
    size_t pixels = call->shape.h * call->shape.w;
    size_t in = pixels * call->shape.in, out = pixels * call->shape.out;
    float *workspace = call->workspace, *x = workspace_take(&workspace, in);
    ConvCall one = *call;
    one.n = 1;
    one.kernel = rounded_kernel(&workspace, call);
    one.workspace = workspace;
    one.x = x;
    for (size_t i = 0; i < call->n; i++) {
        round_floats(x, call->x + i * in, in);
        one.y = call->y + i * out;
        KERNEL(conv_direct).forward(&one);
    }
}

static void backward_input(const ConvCall *call) {
    size_t pixels = call->shape.h * call->shape.w;
    size_t in = pixels * call->shape.in, out = pixels * call->shape.out;
    float *workspace = call->workspace, *dy = workspace_take(&workspace, out);
    ConvCall one = *call;
    one.n = 1;
    one.kernel = rounded_kernel(&workspace, call);
    one.workspace = workspace;
    one.dy = dy;
    for (size_t i = 0; i < call->n; i++) {
        round_floats(dy, call->dy + i * out, out);
        one.dx = call->dx + i * in;
        KERNEL(conv_direct).backward_input(&one);
    }
}

static void backward_weights(const ConvCall *call) {
    size_t pixels = call->shape.h * call->shape.w, count = kernel_size(&call->shape);
    size_t in = pixels * call->shape.in, out = pixels * call->shape.out;
    float *workspace = call->workspace, *x = workspace_take(&workspace, in);
    float *dy = workspace_take(&workspace, out), *part = workspace_take(&workspace, count);
    ConvCall one = *call;
    one.n = 1, one.x = x, one.dy = dy, one.workspace = workspace;
    for (size_t i = 0; i < call->n; i++) {
        round_floats(x, call->x + i * in, in);
        round_floats(dy, call->dy + i * out, out);
        one.dkernel = i == 0 ? call->dkernel : part;
        KERNEL(conv_direct).backward_weights(&one);
        for (size_t k = 0; i > 0 && k < count; k++) call->dkernel[k] += part[k];
    }
}

static bool suits(const ConvShape *shape) {
    return conv_is_plain(shape) && KERNEL(conv_direct).suits(shape);
}

static size_t workspace(const ConvShape *shape) {
    size_t images = shape->h * shape->w * (shape->in + shape->out), parts = 3 * 16;
    return images + kernel_size(shape) + parts + KERNEL(conv_direct).workspace(shape);
}

const ConvKernel KERNEL(conv_bfloat16) = {
    .name = "bfloat16 " KERNEL_SET_NAME,
    .compute = COMPUTE_BFLOAT16,
    .convolution = CONVOLUTION_DIRECT,
    .instructions = KERNEL_INSTRUCTIONS,
    .suits = suits,
    .workspace = workspace,
    .forward = forward,
    .backward_input = backward_input,
    .backward_weights = backward_weights,
};

/* Dense layers: W is rounded as a whole, samples in chunks. */
enum { CHUNK = 32, MIN_WEIGHTS = 1 << 16 };

typedef struct Rounded {
    float *weights; /* W, or room for a part of its gradient */
    float *x, *dy;
    DenseCall call; /* of a chunk */
} Rounded;

static Rounded dense_room(const DenseCall *call) {
    Rounded rounded = {.call = *call};
    float *workspace = call->workspace;
    rounded.weights = workspace_take(&workspace, call->in * call->out);
    rounded.call.x = rounded.x = workspace_take(&workspace, CHUNK * call->in);
    rounded.call.dy = rounded.dy = workspace_take(&workspace, CHUNK * call->out);
    rounded.call.workspace = workspace;
    return rounded;
}

static size_t chunk_at(const DenseCall *call, size_t i) {
    return smaller(call->n - i, CHUNK);
}

static void dense_forward(const DenseCall *call) {
    Rounded rounded = dense_room(call);
    round_floats(rounded.weights, call->kernel, call->in * call->out);
    rounded.call.kernel = rounded.weights;
    for (size_t i = 0; i < call->n; i += CHUNK) {
        rounded.call.n = chunk_at(call, i);
        round_floats(rounded.x, call->x + i * call->in, rounded.call.n * call->in);
        rounded.call.y = call->y + i * call->out;
        KERNEL(dense_direct).forward(&rounded.call);
    }
}

static void dense_backward_input(const DenseCall *call) {
    Rounded rounded = dense_room(call);
    round_floats(rounded.weights, call->kernel, call->in * call->out);
    rounded.call.kernel = rounded.weights;
    for (size_t i = 0; i < call->n; i += CHUNK) {
        rounded.call.n = chunk_at(call, i);
        round_floats(rounded.dy, call->dy + i * call->out, rounded.call.n * call->out);
        rounded.call.dx = call->dx + i * call->in;
        KERNEL(dense_direct).backward_input(&rounded.call);
    }
}

static void dense_backward_weights(const DenseCall *call) {
    Rounded rounded = dense_room(call);
    size_t count = call->in * call->out;
    for (size_t i = 0; i < call->n; i += CHUNK) {
        rounded.call.n = chunk_at(call, i);
        round_floats(rounded.x, call->x + i * call->in, rounded.call.n * call->in);
        round_floats(rounded.dy, call->dy + i * call->out, rounded.call.n * call->out);
        rounded.call.dkernel = i == 0 ? call->dkernel : rounded.weights;
        KERNEL(dense_direct).backward_weights(&rounded.call);
        for (size_t k = 0; i > 0 && k < count; k++) call->dkernel[k] += rounded.weights[k];
    }
}

static bool dense_suits(size_t in, size_t out) {
    return in * out >= MIN_WEIGHTS;
}

static size_t dense_workspace(size_t in, size_t out) {
    size_t parts = 3 * 16;
    return in * out + CHUNK * (in + out) + parts + KERNEL(dense_direct).workspace(in, out);
}

const DenseKernel KERNEL(dense_bfloat16) = {
    .name = "bfloat16 " KERNEL_SET_NAME,
    .compute = COMPUTE_BFLOAT16,
    .instructions = KERNEL_INSTRUCTIONS,
    .suits = dense_suits,
    .workspace = dense_workspace,
    .forward = dense_forward,
    .backward_input = dense_backward_input,
    .backward_weights = dense_backward_weights,
};
