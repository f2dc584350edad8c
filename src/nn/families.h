/* The kernels that there are, each defined in a file of its own; private to nn.
 *
 * Those that end in an instruction set come from sources in nn/kernels, compiled once per set. */
#pragma once

#include "mnist_dist/nn/kernels.h"

extern const ConvKernel conv_im2col;
extern const DenseKernel dense_blas;

#define DECLARE_FLOAT_KERNELS(set)                                                                 \
    extern const ConvKernel conv_direct_##set, conv_winograd_##set;                                \
    extern const DenseKernel dense_direct_##set;                                                   \
    double peak_##set(double seconds)

DECLARE_FLOAT_KERNELS(portable);
DECLARE_FLOAT_KERNELS(avx2);
DECLARE_FLOAT_KERNELS(avx512);

#define DECLARE_BFLOAT16_KERNELS(set)                                                              \
    extern const ConvKernel conv_bfloat16_##set;                                                   \
    extern const DenseKernel dense_bfloat16_##set

DECLARE_BFLOAT16_KERNELS(portable);
DECLARE_BFLOAT16_KERNELS(avx2);
DECLARE_BFLOAT16_KERNELS(avx512);
DECLARE_BFLOAT16_KERNELS(avx512_bf16);
DECLARE_BFLOAT16_KERNELS(amx);

double peak_avx512_bf16(double seconds);
double peak_amx(double seconds);

/* reversed (kh, kw, out, in) from kernel (kh, kw, in, out), both sides turned round: with it the
 * input's gradient is a convolution of dy. */
void conv_reverse_kernel(float *restrict reversed, const float *restrict kernel,
                         const ConvShape *shape);

/* Asks Linux for the use of AMX's tile registers; false if CPU or kernel lacks them. */
bool amx_request(void);
