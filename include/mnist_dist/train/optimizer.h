/* Optimizers: vectors in, vectors out, with Keras's arithmetic (not PyTorch's).
 *
 * A step is elementwise, so it may be made on any slice of the flat vector: the sharded update of
 * gradsync.h rests on that. An optimizer is one row of a table: its name, how many state vectors
 * it keeps, their names in files, and its step. Sources: keras.src.optimizers.{adam,adamw,sgd,
 * rmsprop,lamb}; LARS: You, Gitman and Ginsburg, arXiv:1708.03888; LAMB: You et al., ICLR 2020. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum OptimizerKind {
    OPTIMIZER_ADAM,
    OPTIMIZER_ADAMW,
    OPTIMIZER_SGD,
    OPTIMIZER_RMSPROP,
    OPTIMIZER_LARS,
    OPTIMIZER_LAMB
} OptimizerKind;

/* How the rate follows the batch: not at all; by their ratio (Goyal et al., arXiv:1706.02677), as
 * momentum and LARS want it; by its root (Krizhevsky, arXiv:1404.5997), as Adam and LAMB do. */
typedef enum Scaling { SCALING_NONE, SCALING_LINEAR, SCALING_SQRT } Scaling;

typedef struct OptimizerOptions {
    int kind;              /* an OptimizerKind */
    double learning_rate;  /* the schedule's starting point, at a batch of scaling_batch */
    int scaling;           /* a Scaling */
    int64_t scaling_batch; /* samples of a step that learning_rate is for; unless SCALING_NONE */
    double momentum;       /* sgd, rmsprop */
    bool nesterov;         /* sgd */
    double beta_1, beta_2; /* adam, adamw */
    double rho;            /* rmsprop */
    double epsilon;
    double weight_decay; /* adamw, lars, lamb */
    double trust;        /* lars: how far a step goes, as a share of the weights' norm */
    bool decay_biases;   /* whether it takes from all parameters, or from kernels alone */
    double clip_norm; /* largest norm of the whole gradient, which is scaled down to it; 0: any */
} OptimizerOptions;

enum { OPTIMIZER_MAX_SLOTS = 2 };

/* Names by kind, "adam" and so on; NULL at the end. */
extern const char *const OPTIMIZER_NAMES[];

/* Names by scaling, "none" and so on; NULL at the end. */
extern const char *const SCALING_NAMES[];

/* learning_rate for steps of so many samples: where the schedule starts. */
double optimizer_base_rate(const OptimizerOptions *options, double batch);

/* State vectors of this kind, each as long as the parameters and zero at the start. */
int optimizer_slot_count(const OptimizerOptions *options);

/* Keras's name of a state vector: "momentum", "velocity". */
const char *optimizer_slot_name(const OptimizerOptions *options, int slot);

/* One update of `count` parameters. gradients (count); slots[i] (count), in and out; rate is the
 * learning rate of this step; iteration counts steps from 1. */
void optimizer_step(const OptimizerOptions *options, float *params, const float *gradients,
                    float *const slots[], size_t count, double rate, uint64_t iteration);

/* Whether this kind scales the step of each kernel by norms of the whole kernel. Then the step is
 * not optimizer_step, but optimizer_direct on all of it, norms, and optimizer_move. */
bool optimizer_is_layerwise(const OptimizerOptions *options);

/* Turns `count` gradients into directions, in place, and updates slots that this takes. */
void optimizer_direct(const OptimizerOptions *options, const float *params, float *gradients,
                      float *const slots[], size_t count, uint64_t iteration);

/* The ratio by which a kernel's step is scaled, from the Euclidean norms of its weights and of its
 * direction; 1 if either is 0. */
double optimizer_ratio(const OptimizerOptions *options, double weights, double direction);

/* Moves `count` parameters along their directions, by rate times ratio. */
void optimizer_move(const OptimizerOptions *options, float *params, const float *directions,
                    float *const slots[], size_t count, double rate, double ratio);
