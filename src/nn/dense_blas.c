/* Dense layers by OpenBLAS: the reference for every other kernel.
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
#include "nn/activation.h"
#include "nn/families.h"

enum { ROWS = 8 };

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

static void multiply(float *out, const float *in, const DenseCall *call, bool transpose, size_t k,
                     size_t n) {
    for (size_t i = 0; i < call->n; i += ROWS) {
        size_t left = call->n - i;
        multiply_block(out + i * n, in + i * k, call->kernel, transpose, left < ROWS ? left : ROWS,
                       k, n, call->workspace);
    }
}

static void forward(const DenseCall *call) {
    multiply(call->y, call->x, call, false, call->in, call->out);
    activation_forward(call->activation, call->y, call->bias, call->n, call->out);
}

static void backward_input(const DenseCall *call) {
    multiply(call->dx, call->dy, call, true, call->out, call->in);
}

static void backward_weights(const DenseCall *call) {
    blas_gemm(true, false, call->in, call->out, call->n, call->x, call->dy, 0.0F, call->dkernel);
}

static bool suits(size_t in, size_t out) {
    (void)in, (void)out;
    return true;
}

static size_t workspace(size_t in, size_t out) {
    return ROWS * (in + out);
}

const DenseKernel dense_blas = {
    .name = "blas",
    .compute = COMPUTE_FLOAT32,
    .instructions = INSTRUCTIONS_PORTABLE,
    .suits = suits,
    .workspace = workspace,
    .forward = forward,
    .backward_input = backward_input,
    .backward_weights = backward_weights,
};
