/* The network: an immutable plan of layers, made from the configuration's list.
 *
 * The plan holds shapes and offsets, never numbers: weights are passed in with every call, so that
 * evaluating live weights, a checkpoint or an average is the same call. All parameters of a model
 * lie in one flat vector of floats, layer by layer, kernel before bias; behind them, from a
 * multiple of MODEL_BUFFERS_ALIGNMENT on (zeros in between), lie buffers: the running statistics of
 * batch normalisation. Gradients lie in a vector of the same layout, in which a shard's statistics,
 * times its share of the batch, stand for the buffers. Every shape is checked when the model is
 * made, so forward and backward cannot fail. Train or evaluate is an argument (ModelPass), never a
 * flag kept in an object.
 *
 * Layouts are Keras's: images and activations (n, h, w, c), convolution kernels (kh, kw, in, out),
 * dense kernels (in, out), all row-major. The output is logits; the last layer's `softmax` is
 * applied by loss.h.
 *
 * One call handles one shard (or one evaluation block) on one thread. Its numbers depend on the
 * samples and the weights only: n, the rank and the thread change no bit of a sample's logits, and
 * weight gradients are sums over the samples of the call in their order. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "mnist_dist/base/status.h"
#include "mnist_dist/nn/kernels.h"

typedef struct ModelOptions {
    /* Layers in order, separated by commas: "conv 5x5 32 same relu, maxpool 2x2, ..." */
    char layers[4096];
    int compute;     /* a Compute: what is multiplied */
    int convolution; /* a Convolution */
    int kernels;     /* an InstructionSet: the richest that may be used */
} ModelOptions;

typedef struct Model Model;

/* Plans a network for (28, 28, 1) images. STATUS_USAGE with the layer's number, text and remedy if
 * the list is wrong: an unknown layer, a bad size, a shape that does not fit, a last layer that is
 * not 10 logits with softmax; or if the kernels asked for are not for this CPU. */
Status model_new(Model **out, const ModelOptions *options);
void model_destroy(Model *model);

/* What kernels_choose_... and kernels_describe are told. */
KernelOptions model_kernels(const ModelOptions *options);

/* Buffers begin at a multiple of this, so that whoever cuts the vector into blocks may treat whole
 * blocks alike. */
enum { MODEL_BUFFERS_ALIGNMENT = 4096 };

/* Numbers in the flat parameter vector, buffers included. */
size_t model_parameter_count(const Model *model);

/* Numbers that an optimizer trains: the first ones of the vector. */
size_t model_trained_count(const Model *model);

/* Where buffers begin; model_parameter_count if there are none. */
size_t model_buffers_begin(const Model *model);

/* One step of the buffers among numbers begin .. end - 1 of params (parameter_count): buffer += (1
 * - momentum) (sum - buffer), where sums (end - begin) are the shards' gradients added up. */
void model_update_buffers(const Model *model, float *params, const float *sums, size_t begin,
                          size_t end);

/* Glorot uniform kernels, zero biases, gammas and running variances of one: a pure function of the
 * seed. params: (parameter_count). */
void model_initialize(const Model *model, float *params, uint64_t seed);

/* The table of layer, output shape and parameters, as Keras's summary() prints it. `text` is freed
 * by the caller. */
Status model_summary(char **text, const Model *model);

/* Floating-point operations of one training step per sample: forward, weight gradients and input
 * gradients (none for the first layer), multiply and add counted as two. */
double model_training_flops(const Model *model);

/* One named array of parameters, for files: "conv2d", "kernel", shape, and its place. */
typedef struct ModelTensor {
    const char *layer; /* Keras's name of the layer: conv2d, conv2d_1, dense ... */
    const char *name;  /* "kernel", "bias"; "gamma", "beta", "moving_mean", "moving_variance" */
    int rank;
    size_t dims[4];
    size_t offset; /* in floats, in the flat vector */
    size_t count;
    float initial; /* if it is of rank 1 */
    bool buffer;   /* a running statistic: not trained */
} ModelTensor;

size_t model_tensor_count(const Model *model);
ModelTensor model_tensor(const Model *model, size_t index);

/* The layers' Keras names in order, those without parameters included. */
size_t model_layer_count(const Model *model);
const char *model_layer_name(const Model *model, size_t index);

/* What the table of layers says of one. */
typedef struct ModelLayerInfo {
    const char *class_name; /* Keras's: Conv2D, Dense ... */
    int rank;
    size_t dims[3];    /* (rank) of its output: h, w, c or c alone */
    size_t parameters; /* buffers included */
} ModelLayerInfo;
ModelLayerInfo model_layer_info(const Model *model, size_t index);

/* The kernel that computes a layer: "winograd avx512"; NULL where there is no choice. */
const char *model_layer_kernel(const Model *model, size_t index);

/* "direct avx512, winograd avx512": the kernels that the layers have, each once, and OpenBLAS by
 * version and core if one of them multiplies by it: what decides bits beside the configuration. */
void model_describe_kernels(char text[128], const Model *model);

/* The shape of a layer's convolution; false if the layer is of another kind. */
bool model_convolution(ConvShape *shape, const Model *model, size_t index);

/* Writes Keras's model_config JSON (ASCII, no line ends): of a Sequential model, or of a Functional
 * one if there are residual blocks. */
Status model_keras_config(char **text, const Model *model);

/* Working memory of one thread: activations, their gradients, masks and convolution workspace. */
typedef struct Scratch Scratch;

/* For calls of up to `capacity` samples; `trains` says whether backward will be called. */
Status scratch_new(Scratch **out, const Model *model, size_t capacity, bool trains);
void scratch_destroy(Scratch *scratch);
size_t scratch_bytes(const Scratch *scratch);

/* How a pass is to be made, and of which samples. */
typedef struct ModelPass {
    bool training;       /* dropout is on, and batch normalisation uses the samples' statistics */
    uint64_t seed;       /* used in training only */
    uint32_t step;       /* likewise: the optimizer step, from 0 */
    size_t count;        /* n, samples of this call; 0 is fine */
    const float *images; /* (n, 28, 28, 1) */
    const uint32_t *ids; /* (n) dataset rows: they name the samples' random streams; NULL unless
                            training */
    size_t batch;        /* samples of the whole batch, of which these are a share; 0: only these */
    bool measuring;      /* statistics as in training, without dropout: for model_statistics */

    /* Called by model_forward before parameters begin .. end - 1 are read for the first time; they
     * may be on their way until it returns. NULL: all are there. */
    void (*before)(void *context, size_t begin, size_t end);
    void *context;
} ModelPass;

/* Logits of shape (n, 10), in scratch: valid until the next call with it. */
const float *model_forward(const Model *model, const float *params, Scratch *scratch,
                           const ModelPass *pass);

/* A weight gradient that backward leaves as its two factors, much smaller than itself. */
typedef struct ModelLate {
    size_t layer;
    size_t begin, end; /* of the gradient in the flat vector */
    size_t capacity;   /* samples of a call, at most */
    size_t factors;    /* floats that stand for the gradient */
} ModelLate;

/* The largest gradient for which this pays in calls of up to `capacity` samples; false if there is
 * none. A matter of the model and the capacity only. */
bool model_late_kernel(ModelLate *late, const Model *model, size_t capacity);

/* Where backward is to write. */
typedef struct ModelGradients {
    float *dparams;        /* (parameter_count) */
    const ModelLate *late; /* NULL: nothing is late */
    float *factors;        /* (late->factors) */

    /* Called by model_backward when numbers begin .. end - 1 of the gradient, or what is left of
     * them late, are written; each number comes once. NULL: nobody wants to know. */
    void (*after)(void *context, size_t begin, size_t end);
    void *context;
} ModelGradients;

/* Gradients of the parameters and model_statistics, written (not added), from dlogits (n, 10),
 * after model_forward with the same arguments, which say training. n = 0 gives zeros. A late
 * gradient's range of dparams is left alone, and its factors are written instead. */
void model_backward(const Model *model, const float *params, Scratch *scratch,
                    const ModelPass *pass, const float *dlogits, const ModelGradients *gradients);

/* The buffers' part of `gradient` (parameter_count), from model_trained_count on: the statistics of
 * the n samples of the model_forward before, with the same arguments, times n / pass->batch. */
void model_statistics(const Model *model, const float *params, Scratch *scratch,
                      const ModelPass *pass, float *gradient);

/* out (end - begin): numbers begin .. end - 1 of the flat gradient, within the late range, of a
 * call of n samples: the bits that backward would have written. Uses the scratch's workspace alone.
 */
void model_late_gradient(float *out, const Model *model, Scratch *scratch, const ModelLate *late,
                         const float *factors, size_t n, size_t begin, size_t end);
