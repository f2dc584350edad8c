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

static const OptimizerKindRow KINDS[] = {
    [OPTIMIZER_ADAM] = {{"momentum", "velocity"}, 2, 2, adam_step},
    [OPTIMIZER_ADAMW] = {{"momentum", "velocity"}, 2, 2, adamw_step},
    [OPTIMIZER_SGD] = {{"momentum", NULL}, 0, 1, sgd_step},
    [OPTIMIZER_RMSPROP] = {{"velocity", "momentum"}, 1, 2, rmsprop_step},
};

const char *const OPTIMIZER_NAMES[] = {
    [OPTIMIZER_ADAM] = "adam",
    [OPTIMIZER_ADAMW] = "adamw",
    [OPTIMIZER_SGD] = "sgd",
    [OPTIMIZER_RMSPROP] = "rmsprop",
    NULL,
};

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
