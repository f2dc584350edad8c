/* Dense layers: y = activation(x W + b), W (in, out).
 *
 * OpenBLAS gives other bits for other shapes, and a sample's output must not hang on how many
 * samples go with it, nor on its place among them. So forward and the input's gradient always
 * multiply ROWS rows; a last block of fewer is filled up with zeros in the workspace. Eight, since
 * OpenBLAS's AVX2 kernels cut 12, 16 or 24 rows into tiles that sum in different orders; 4 and 8
 * are one kind of tile in all of its x86 families from SSE2 on (tried in each). The weights'
 * gradient is one product over the call's samples: their number belongs to the shard. Refused: one
 * row at a time (GEMV), which reads W for every sample.
 */
#include <string.h>

#include "mnist_dist/nn/blas.h"
#include "nn/layer.h"

enum { ROWS = 8 };

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
    layer->forward_workspace = layer->backward_workspace = ROWS * (in + units);
cleanup:
    return status;
}

/* out (rows, n) = in (rows, k) op(W), rows <= ROWS; the workspace holds ROWS rows of in and out. */
static void multiply_block(float *out, const float *in, const float *weights, bool transpose,
                           size_t rows, size_t k, size_t n, float *workspace) {
    if (rows == ROWS) {
        blas_gemm(false, transpose, ROWS, n, k, in, weights, 0.0F, out);
        return;
    }
    float *padded_in = workspace, *padded_out = workspace + ROWS * k;
    memcpy(padded_in, in, rows * k * sizeof *in);
    memset(padded_in + rows * k, 0, (ROWS - rows) * k * sizeof *in);
    blas_gemm(false, transpose, ROWS, n, k, padded_in, weights, 0.0F, padded_out);
    memcpy(out, padded_out, rows * n * sizeof *out);
}

static void multiply(float *out, const float *in, const LayerCall *call, bool transpose, size_t k,
                     size_t n) {
    for (size_t i = 0; i < call->pass->count; i += ROWS) {
        size_t left = call->pass->count - i;
        multiply_block(out + i * n, in + i * k, call->params, transpose, left < ROWS ? left : ROWS,
                       k, n, call->workspace);
    }
}

static void forward(const LayerCall *call) {
    const Layer *layer = call->layer;
    size_t in = layer->in.c, out = layer->out.c;
    multiply(call->y, call->x, call, false, in, out);
    activation_forward(layer->activation, call->y, call->params + in * out, call->pass->count, out);
}

static void backward_input(const LayerCall *call) {
    multiply(call->dx, call->dy, call, true, call->layer->out.c, call->layer->in.c);
}

static void backward_weights(const LayerCall *call) {
    size_t n = call->pass->count, in = call->layer->in.c, out = call->layer->out.c;
    blas_gemm(true, false, in, out, n, call->x, call->dy, 0.0F, call->dparams);
    activation_bias_gradient(call->dparams + in * out, call->dy, 1, n, out);
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
