/* Keras's optimizers on flat vectors: one row of a table and one step function each.
 *
 * Every step is one pass over memory whose body the compiler turns into vector code: restrict
 * pointers, no branch, constants made float before the loop. Products and sums stand in Keras's
 * order, since another order rounds differently. The scalars that Keras takes from the iteration
 * count are computed in double here and rounded once; Keras computes them in float32, where
 * 1 - beta_2^t has lost three digits at t = 1. Refused: Keras's centred RMSprop and AMSGrad, which
 * no recipe here uses. */
#include "mnist_dist/train/optimizer.h"

#include <math.h>

#include "mnist_dist/base/clones.h"

typedef struct OptimizerKindRow {
    const char *slots[OPTIMIZER_MAX_SLOTS];
    int slots_plain, slots_momentum; /* state vectors without and with momentum */
    void (*step)(const OptimizerOptions *options, float *params, const float *gradients,
                 float *const slots[], size_t count, double rate, uint64_t iteration);
    /* or, of layerwise kinds: */
    void (*direct)(const OptimizerOptions *options, const float *params, float *gradients,
                   float *const slots[], size_t count, uint64_t iteration);
    double (*ratio)(const OptimizerOptions *options, double weights, double direction);
    void (*move)(const OptimizerOptions *options, float *params, const float *directions,
                 float *const slots[], size_t count, float step);
} OptimizerKindRow;

/* w (count), m and v (count) are updated from g (count). The parameters decay before they are
 * moved; a decay of 0 leaves their bits alone. */
VECTOR_CLONES static void adam_update(const OptimizerOptions *options, float *restrict w,
                                      const float *restrict g, float *restrict m, float *restrict v,
                                      size_t count, float alpha, float rate, float decay) {
    const float gain_1 = (float)(1.0 - options->beta_1);
    const float gain_2 = (float)(1.0 - options->beta_2);
    const float epsilon = (float)options->epsilon;
    for (size_t i = 0; i < count; i++) {
        m[i] += (g[i] - m[i]) * gain_1;
        v[i] += (g[i] * g[i] - v[i]) * gain_2;
        const float kept = w[i] - w[i] * decay * rate;
        w[i] = kept - m[i] * alpha / (sqrtf(v[i]) + epsilon);
    }
}

static float adam_alpha(const OptimizerOptions *options, double rate, uint64_t iteration) {
    const double t = (double)iteration;
    return (float)(rate * sqrt(1.0 - pow(options->beta_2, t)) / (1.0 - pow(options->beta_1, t)));
}

static void adam_step(const OptimizerOptions *options, float *params, const float *gradients,
                      float *const slots[], size_t count, double rate, uint64_t iteration) {
    adam_update(options, params, gradients, slots[0], slots[1], count,
                adam_alpha(options, rate, iteration), (float)rate, 0.0f);
}

static void adamw_step(const OptimizerOptions *options, float *params, const float *gradients,
                       float *const slots[], size_t count, double rate, uint64_t iteration) {
    adam_update(options, params, gradients, slots[0], slots[1], count,
                adam_alpha(options, rate, iteration), (float)rate, (float)options->weight_decay);
}

VECTOR_CLONES static void sgd_plain(float *restrict w, const float *restrict g, size_t count,
                                    float rate) {
    for (size_t i = 0; i < count; i++) w[i] -= g[i] * rate;
}

VECTOR_CLONES static void sgd_momentum(float *restrict w, const float *restrict g,
                                       float *restrict velocity, size_t count, float rate,
                                       float momentum) {
    for (size_t i = 0; i < count; i++) {
        velocity[i] = velocity[i] * momentum - g[i] * rate;
        w[i] += velocity[i];
    }
}

VECTOR_CLONES static void sgd_nesterov(float *restrict w, const float *restrict g,
                                       float *restrict velocity, size_t count, float rate,
                                       float momentum) {
    for (size_t i = 0; i < count; i++) {
        velocity[i] = velocity[i] * momentum - g[i] * rate;
        w[i] += velocity[i] * momentum - g[i] * rate;
    }
}

static void sgd_step(const OptimizerOptions *options, float *params, const float *gradients,
                     float *const slots[], size_t count, double rate, uint64_t iteration) {
    (void)iteration;
    const float momentum = (float)options->momentum;
    if (optimizer_slot_count(options) == 0) {
        sgd_plain(params, gradients, count, (float)rate);
    } else if (options->nesterov) {
        sgd_nesterov(params, gradients, slots[0], count, (float)rate, momentum);
    } else {
        sgd_momentum(params, gradients, slots[0], count, (float)rate, momentum);
    }
}

VECTOR_CLONES static void rmsprop_plain(const OptimizerOptions *options, float *restrict w,
                                        const float *restrict g, float *restrict v, size_t count,
                                        float rate) {
    const float rho = (float)options->rho, gain = (float)(1.0 - options->rho);
    const float epsilon = (float)options->epsilon;
    for (size_t i = 0; i < count; i++) {
        v[i] = rho * v[i] + gain * (g[i] * g[i]);
        w[i] -= rate * g[i] / sqrtf(v[i] + epsilon);
    }
}

VECTOR_CLONES static void rmsprop_momentum(const OptimizerOptions *options, float *restrict w,
                                           const float *restrict g, float *restrict v,
                                           float *restrict m, size_t count, float rate) {
    const float rho = (float)options->rho, gain = (float)(1.0 - options->rho);
    const float epsilon = (float)options->epsilon, momentum = (float)options->momentum;
    for (size_t i = 0; i < count; i++) {
        v[i] = rho * v[i] + gain * (g[i] * g[i]);
        m[i] = momentum * m[i] + rate * g[i] / sqrtf(v[i] + epsilon);
        w[i] -= m[i];
    }
}

static void rmsprop_step(const OptimizerOptions *options, float *params, const float *gradients,
                         float *const slots[], size_t count, double rate, uint64_t iteration) {
    (void)iteration;
    if (optimizer_slot_count(options) == 1) {
        rmsprop_plain(options, params, gradients, slots[0], count, (float)rate);
    } else {
        rmsprop_momentum(options, params, gradients, slots[0], slots[1], count, (float)rate);
    }
}

/* m and v as Adam's; the direction m / (sqrt(v) + epsilon), both corrected, and the decay. */
VECTOR_CLONES static void lamb_directions(const OptimizerOptions *options, const float *restrict w,
                                          float *restrict g, float *restrict m, float *restrict v,
                                          size_t count, float correct_1, float correct_2) {
    const float gain_1 = (float)(1.0 - options->beta_1);
    const float gain_2 = (float)(1.0 - options->beta_2);
    const float epsilon = (float)options->epsilon, decay = (float)options->weight_decay;
    for (size_t i = 0; i < count; i++) {
        m[i] += (g[i] - m[i]) * gain_1;
        v[i] += (g[i] * g[i] - v[i]) * gain_2;
        g[i] = m[i] * correct_1 / (sqrtf(v[i] * correct_2) + epsilon) + decay * w[i];
    }
}

static void lamb_direct(const OptimizerOptions *options, const float *params, float *gradients,
                        float *const slots[], size_t count, uint64_t iteration) {
    const double t = (double)iteration;
    lamb_directions(options, params, gradients, slots[0], slots[1], count,
                    (float)(1.0 / (1.0 - pow(options->beta_1, t))),
                    (float)(1.0 / (1.0 - pow(options->beta_2, t))));
}

static double lamb_ratio(const OptimizerOptions *options, double weights, double direction) {
    (void)options;
    return weights / direction;
}

static void lamb_move(const OptimizerOptions *options, float *params, const float *directions,
                      float *const slots[], size_t count, float step) {
    (void)options, (void)slots;
    sgd_plain(params, directions, count, step);
}

/* The norm is that of the gradient alone, so the decay is added when the ratio is known. */
static void lars_direct(const OptimizerOptions *options, const float *params, float *gradients,
                        float *const slots[], size_t count, uint64_t iteration) {
    (void)options, (void)params, (void)gradients, (void)slots, (void)count, (void)iteration;
}

static double lars_ratio(const OptimizerOptions *options, double weights, double direction) {
    return options->trust * weights / (direction + options->weight_decay * weights);
}

VECTOR_CLONES static void lars_plain(float *restrict w, const float *restrict g, size_t count,
                                     float step, float decay) {
    for (size_t i = 0; i < count; i++) w[i] -= (g[i] + decay * w[i]) * step;
}

VECTOR_CLONES static void lars_momentum(float *restrict w, const float *restrict g,
                                        float *restrict velocity, size_t count, float step,
                                        float decay, float momentum) {
    for (size_t i = 0; i < count; i++) {
        velocity[i] = velocity[i] * momentum + (g[i] + decay * w[i]) * step;
        w[i] -= velocity[i];
    }
}

static void lars_move(const OptimizerOptions *options, float *params, const float *directions,
                      float *const slots[], size_t count, float step) {
    const float decay = (float)options->weight_decay, momentum = (float)options->momentum;
    if (optimizer_slot_count(options) == 0)
        lars_plain(params, directions, count, step, decay);
    else
        lars_momentum(params, directions, slots[0], count, step, decay, momentum);
}

static const OptimizerKindRow KINDS[] = {
    [OPTIMIZER_ADAM] = {{"momentum", "velocity"}, 2, 2, adam_step, NULL, NULL, NULL},
    [OPTIMIZER_ADAMW] = {{"momentum", "velocity"}, 2, 2, adamw_step, NULL, NULL, NULL},
    [OPTIMIZER_SGD] = {{"momentum", NULL}, 0, 1, sgd_step, NULL, NULL, NULL},
    [OPTIMIZER_RMSPROP] = {{"velocity", "momentum"}, 1, 2, rmsprop_step, NULL, NULL, NULL},
    [OPTIMIZER_LARS] = {{"momentum", NULL}, 0, 1, NULL, lars_direct, lars_ratio, lars_move},
    [OPTIMIZER_LAMB] = {{"momentum", "velocity"}, 2, 2, NULL, lamb_direct, lamb_ratio, lamb_move},
};

const char *const OPTIMIZER_NAMES[] = {
    [OPTIMIZER_ADAM] = "adam",
    [OPTIMIZER_ADAMW] = "adamw",
    [OPTIMIZER_SGD] = "sgd",
    [OPTIMIZER_RMSPROP] = "rmsprop",
    [OPTIMIZER_LARS] = "lars",
    [OPTIMIZER_LAMB] = "lamb",
    NULL,
};

const char *const SCALING_NAMES[] = {
    [SCALING_NONE] = "none", [SCALING_LINEAR] = "linear", [SCALING_SQRT] = "sqrt", NULL};

double optimizer_base_rate(const OptimizerOptions *options, double batch) {
    const double ratio = batch / (double)options->scaling_batch;
    switch (options->scaling) {
    case SCALING_LINEAR:
        return options->learning_rate * ratio;
    case SCALING_SQRT:
        return options->learning_rate * sqrt(ratio);
    default:
        return options->learning_rate;
    }
}

int optimizer_slot_count(const OptimizerOptions *options) {
    const OptimizerKindRow *row = &KINDS[options->kind];
    return options->momentum > 0.0 ? row->slots_momentum : row->slots_plain;
}

const char *optimizer_slot_name(const OptimizerOptions *options, int slot) {
    return KINDS[options->kind].slots[slot];
}

void optimizer_step(const OptimizerOptions *options, float *params, const float *gradients,
                    float *const slots[], size_t count, double rate, uint64_t iteration) {
    KINDS[options->kind].step(options, params, gradients, slots, count, rate, iteration);
}

bool optimizer_is_layerwise(const OptimizerOptions *options) {
    return KINDS[options->kind].direct != NULL;
}

void optimizer_direct(const OptimizerOptions *options, const float *params, float *gradients,
                      float *const slots[], size_t count, uint64_t iteration) {
    KINDS[options->kind].direct(options, params, gradients, slots, count, iteration);
}

double optimizer_ratio(const OptimizerOptions *options, double weights, double direction) {
    if (weights == 0.0 || direction == 0.0) return 1.0;
    return KINDS[options->kind].ratio(options, weights, direction);
}

void optimizer_move(const OptimizerOptions *options, float *params, const float *directions,
                    float *const slots[], size_t count, double rate, double ratio) {
    KINDS[options->kind].move(options, params, directions, slots, count, (float)(rate * ratio));
}
