/* Kernels: the loops in which a network's time is spent, one table entry per way of doing them.
 *
 * Every kernel comes in families by instruction set, and one is chosen for each layer when the
 * model is planned: by what the CPU has, by the layer's shape, and by what the configuration asks
 * for. All families agree to rounding; within one, a sample's numbers depend on the sample and the
 * weights only, and a weight gradient is the sum over the call's samples in their order. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "mnist_dist/base/status.h"

/* What follows a layer's sums; `softmax` leaves them alone (see nn/activation.h). */
typedef enum Activation {
    ACTIVATION_LINEAR,
    ACTIVATION_RELU,
    ACTIVATION_SOFTMAX,
    ACTIVATION_COUNT
} Activation;

/* In the order of the enumeration; Keras has the same names. */
#define ACTIVATION_WORDS "linear", "relu", "softmax"

/* What numbers are multiplied in; sums, weights and activations are float32 always. */
typedef enum Compute { COMPUTE_FLOAT32, COMPUTE_BFLOAT16 } Compute;

typedef enum Convolution {
    CONVOLUTION_AUTO,   /* winograd where it pays, or direct */
    CONVOLUTION_IM2COL, /* patches and OpenBLAS: the reference */
    CONVOLUTION_DIRECT,
    CONVOLUTION_WINOGRAD, /* where a layer's shape allows it; direct elsewhere */
} Convolution;

/* From the poorest to the richest; each has what those before it have. */
typedef enum InstructionSet {
    INSTRUCTIONS_AUTO,
    INSTRUCTIONS_PORTABLE,
    INSTRUCTIONS_AVX2,        /* with FMA */
    INSTRUCTIONS_AVX512,      /* F, BW, DQ, VL */
    INSTRUCTIONS_AVX512_BF16, /* for bfloat16; float32 as avx512 */
    INSTRUCTIONS_AMX,         /* AMX-BF16, likewise */
} InstructionSet;

/* Names of the above in order, NULL at the end. */
extern const char *const COMPUTE_NAMES[], *const CONVOLUTION_NAMES[], *const INSTRUCTION_NAMES[];

typedef struct KernelOptions {
    int compute;      /* a Compute */
    int convolution;  /* a Convolution */
    int instructions; /* an InstructionSet */
} KernelOptions;

/* Of one image: y from x (h, w, in) by a kernel (kh, kw, in, out), at every stride-th pixel. */
typedef struct ConvShape {
    size_t h, w, in, out, kh, kw;
    size_t stride;
    bool valid; /* Keras's padding "valid", none; else "same", zeros around the image */
} ConvShape;

/* The image y, (h, w, out), and how many zeros stand above and to the left of x. */
typedef struct ConvEdges {
    size_t h, w, top, left;
} ConvEdges;

/* By TensorFlow's rule: "same" pads by as much as ceil(h / stride) windows need, the odd zero below
 * and to the right. Of "valid", h and w are 0 where the kernel is larger than x. */
ConvEdges conv_edges(const ConvShape *shape);

/* Whether y has a pixel for each of x: what most kernels are made for. */
static inline bool conv_is_plain(const ConvShape *shape) {
    return shape->stride == 1 && !shape->valid;
}

/* What one call works on. A call reads and writes only what its comment names. */
typedef struct ConvCall {
    ConvShape shape;
    size_t n;              /* images, 1 or more */
    const float *kernel;   /* (kh, kw, in, out) */
    const float *bias;     /* (out) */
    Activation activation; /* of the forward call */
    const float *x;        /* (n, h, w, in) */
    float *y;              /* (n, h, w, out) of its own h and w: conv_edges */
    const float *dy;       /* likewise, of the sums before the activation */
    float *dx;             /* (n, h, w, in) */
    float *dkernel;        /* (kh, kw, in, out) */
    float *workspace;      /* `workspace` floats, at a multiple of 64 bytes; holds anything */
} ConvCall;

typedef struct ConvKernel {
    const char *name; /* "direct avx512" */
    Compute compute;
    Convolution convolution;
    InstructionSet instructions;
    bool (*suits)(const ConvShape *shape);
    /* Floats of workspace that any of the three calls needs, whatever n. */
    size_t (*workspace)(const ConvShape *shape);
    void (*forward)(const ConvCall *call);          /* y = activation(conv(x) + bias) */
    void (*backward_input)(const ConvCall *call);   /* dx, written */
    void (*backward_weights)(const ConvCall *call); /* dkernel, written, not added */
} ConvKernel;

/* y (n, out) = activation(x (n, in) W (in, out) + bias), and its gradients. */
typedef struct DenseCall {
    size_t n, in, out;
    const float *kernel, *bias;
    Activation activation;
    const float *x;
    float *y;
    const float *dy;
    float *dx;
    float *dkernel;
    float *workspace;
} DenseCall;

typedef struct DenseKernel {
    const char *name;
    Compute compute;
    InstructionSet instructions;
    bool (*suits)(size_t in, size_t out);
    size_t (*workspace)(size_t in, size_t out);
    void (*forward)(const DenseCall *call);
    void (*backward_input)(const DenseCall *call);
    void (*backward_weights)(const DenseCall *call);
    /* dkernel (end - begin, out): those rows, the same bits as in the whole. NULL if there is none.
     */
    void (*backward_weights_rows)(const DenseCall *call, size_t begin, size_t end);
} DenseKernel;

/* Whether this CPU (and its operating system) can run an instruction set. */
bool kernels_have(InstructionSet instructions);

/* STATUS_USAGE if the options name an instruction set that this CPU lacks, or contradict. */
Status kernels_check(const KernelOptions *options);

/* The best kernel for a shape under the options, which have been checked; never NULL. Where none in
 * bfloat16 suits the shape, one in float32 does. */
const ConvKernel *kernels_choose_conv(const KernelOptions *options, const ConvShape *shape);
const DenseKernel *kernels_choose_dense(const KernelOptions *options, size_t in, size_t out);

/* The index-th kernel that this machine can run, for benches and tests; NULL after the last. */
const ConvKernel *kernels_conv(size_t index);
const DenseKernel *kernels_dense(size_t index);

/* Fused multiply-adds on one thread for about so many seconds: GFLOP/s, an add and a multiply
 * counted as two, of the richest instruction set here for these numbers. 0 if there is none. */
double kernels_peak(Compute compute, double seconds);

/* "float32 avx512 kernels, OpenBLAS 0.3.21 Cooperlake": what the machine offers under the options.
 */
void kernels_describe(char text[128], const KernelOptions *options);
