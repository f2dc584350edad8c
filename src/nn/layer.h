/* The contract of a layer, private to nn.
 *
 * A kind of layer is one file with a LayerKind in it, and one row in the table of plan.c. A layer
 * is planned once (shapes checked, sizes known), and after that its functions cannot fail and
 * allocate nothing: all they touch comes in a LayerCall. The input's gradient and the weights'
 * gradient are calls apart, so that a caller may make them at different times. A layer reads the
 * one before it and perhaps one further back, by index: residual blocks. Refused: objects with
 * buffers of their own, which would tie weights and activations to one thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "mnist_dist/nn/model.h"
#include "nn/activation.h"
#include "nn/words.h"

enum {
    LAYER_MAX_TENSORS = 4,
    LAYER_MAX_WORDS = 16,
    LAYER_NAME = 32,
    LAYER_MAX_NUMBERS = 1 << 30, /* of one sample's activations */
};

/* Reads the images, not a layer. */
#define LAYER_IMAGES ((size_t)-1)

/* Of one sample: (h, w, c), or (c) if flat, when h = w = 1. */
typedef struct Shape {
    size_t h, w, c;
    bool flat;
} Shape;

static inline size_t shape_size(Shape shape) {
    return shape.h * shape.w * shape.c;
}

typedef struct LayerKind LayerKind;

typedef struct Layer {
    /* Set by plan.c before kind->plan is called. */
    const LayerKind *kind;
    char name[LAYER_NAME]; /* Keras's: "conv2d_1" */
    size_t index;          /* from 0; names the layer's random streams */
    size_t input;          /* index of the layer that it reads, or LAYER_IMAGES */
    Shape in;
    size_t offset;                /* of its parameters in the flat vector */
    size_t buffer_offset;         /* of its buffers, from where buffers begin */
    const KernelOptions *kernels; /* while it is planned ... */
    const struct Layer *before;   /* ... and the layers before it */

    /* Set by kind->plan; what it does not set is 0. */
    Shape out;
    size_t window[2];         /* conv, pool: height, width */
    size_t stride;            /* conv */
    bool valid;               /* conv: without padding */
    size_t other;             /* add: index of the other layer that it reads */
    char saved[WORDS_NAME];   /* the name under which its output is saved; "" if it is not */
    double rate;              /* dropout */
    double slope;             /* leakyrelu */
    double momentum, epsilon; /* batchnorm */
    Activation activation;
    const ConvKernel *conv;   /* conv: what does the work */
    const DenseKernel *dense; /* dense: likewise */
    ModelTensor tensors[LAYER_MAX_TENSORS];
    size_t tensor_count;
    size_t parameter_count, buffer_count; /* by layer_add_tensor, layer_add_buffer */
    size_t kept, kept_once; /* bytes that forward leaves for backward: per sample, per call */
    size_t forward_workspace, backward_workspace; /* floats, free for use within one call */
} Layer;

/* What one call works on; n is pass->count. Regions begin at multiples of MEMORY_ALIGNMENT. */
typedef struct LayerCall {
    const Layer *layer;
    const ModelPass *pass;
    const float *params;  /* the layer's own: (parameter_count) */
    float *dparams;       /* likewise */
    const float *buffers; /* (buffer_count): running statistics */
    float *dbuffers;      /* likewise: those of this call */
    const float *x;       /* (n, in) */
    const float *other;   /* (n, in): output of layer->other, if kind->joins */
    float *dx;            /* (n, in) */
    float *y;             /* (n, out) */
    const float *dy;      /* (n, out), taken through the activation unless kind->activates */
    uint8_t *kept;        /* (n * layer->kept + layer->kept_once) */
    float *workspace;
} LayerCall;

struct LayerKind {
    const char *word;       /* in the configuration's list: "conv" */
    const char *example;    /* a line that is right, for error texts */
    const char *class_name; /* Keras's class: "Conv2D" */
    const char *name;       /* Keras's name of the first such layer: "conv2d" */
    bool alias;             /* y is x and dy is dx: no memory, and no functions below but plan */
    bool activates;         /* backward takes dy through the activation by itself */
    bool bare;              /* in Keras an activation is a layer of its own, which then follows */
    bool joins;             /* reads layer->other too; backward gives it dy as its gradient */
    bool marks;             /* no layer, but a name for the one before: no functions but plan */

    /* Reads the words that follow the layer's own and fills the plan; STATUS_USAGE with remedy. */
    Status (*plan)(Layer *layer, Words *words);
    /* Writes y from x. Must not let n change a bit of a sample's y. */
    void (*forward)(const LayerCall *call);
    /* Writes dx from dy, and perhaps from dparams: backward_weights is called before it. */
    void (*backward_input)(const LayerCall *call);
    /* Writes dparams from x and dy, n >= 1; NULL if there are no parameters. */
    void (*backward_weights)(const LayerCall *call);
    /* Writes dbuffers, share times what forward found in the call's samples; NULL if there are no
     * buffers. */
    void (*statistics)(const LayerCall *call, double share);
    /* Writes the members of Keras's config that follow name, trainable and dtype, each with a
     * comma before it. */
    void (*write_config)(FILE *out, const Layer *layer);
    /* Floating-point operations of forward per sample; NULL where they are not worth counting.
     * Each kind of gradient is taken to cost as much. */
    double (*flops)(const Layer *layer);
};

extern const LayerKind conv_kind, dense_kind, batchnorm_kind, relu_kind, leakyrelu_kind,
    maxpool_kind, avgpool_kind, globalavgpool_kind, dropout_kind, flatten_kind, save_kind, add_kind;

/* What follows a layer that is bare and has an activation: an alias, since that layer does it. */
extern const LayerKind activation_kind;

/* Appends an array to the layer's parameters. STATUS_USAGE if the model becomes absurdly large. */
Status layer_add_tensor(Layer *layer, const Words *words, const char *name, int rank,
                        const size_t dims[]);

/* Appends (count) running statistics, which are no parameters of the optimizer's. */
Status layer_add_buffer(Layer *layer, const Words *words, const char *name, size_t count);

/* Refuses a flat input, or one that is not, with what to do about it. */
Status layer_needs_image(const Layer *layer, const Words *words);
Status layer_needs_flat(const Layer *layer, const Words *words);

/* The words that may follow a layer's sizes, each once and in any order. */
typedef struct LayerOptions {
    const char *const *known; /* the first ACTIVATION_COUNT are ACTIVATION_WORDS */
    size_t count;             /* LAYER_MAX_WORDS at most */
    size_t last;              /* the index of the word that was read last */
    bool seen[LAYER_MAX_WORDS];
} LayerOptions;

/* Reads the next word; one of the first sets the layer's activation. */
Status layer_read_option(LayerOptions *options, Layer *layer, Words *words);

/* The kernel (dims) and, unless there is to be none, the bias of a conv or dense layer. */
Status layer_add_weights(Layer *layer, const Words *words, int rank, const size_t dims[],
                         bool biased);

static inline bool layer_has_bias(const Layer *layer) {
    return layer->tensor_count > 1;
}

/* The bias (out.c) of a conv or dense layer; if it has none, zeros that are made in the call's
 * workspace from number `used` on. */
const float *layer_bias(const LayerCall *call, size_t used);

/* What pooling layers share: windows side by side, and their Keras config. */
Status pool_plan(Layer *layer, Words *words);
void pool_write_config(FILE *out, const Layer *layer);

/* Of a layer of kind conv. */
ConvShape conv_shape_of(const Layer *layer);

/* The members of Keras's config that conv and dense layers share. */
void layer_write_weights_config(FILE *out, const Layer *layer);
