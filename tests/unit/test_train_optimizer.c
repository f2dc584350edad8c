/* Each optimizer against its formula written again in double, in the form that papers give. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "mnist_dist/train/optimizer.h"

enum { COUNT = 37, STEPS = 5 };

static const double RATES[STEPS] = {0.01, 0.01, 0.005, 0.005, 0.0025};

static const OptimizerOptions ADAM = {
    .kind = OPTIMIZER_ADAM, .beta_1 = 0.9, .beta_2 = 0.999, .epsilon = 1e-7};
static const OptimizerOptions ADAMW = {
    .kind = OPTIMIZER_ADAMW, .beta_1 = 0.9, .beta_2 = 0.999, .epsilon = 1e-7, .weight_decay = 0.1};
static const OptimizerOptions SGD = {.kind = OPTIMIZER_SGD};
static const OptimizerOptions SGD_MOMENTUM = {.kind = OPTIMIZER_SGD, .momentum = 0.9};
static const OptimizerOptions SGD_NESTEROV = {
    .kind = OPTIMIZER_SGD, .momentum = 0.9, .nesterov = true};
static const OptimizerOptions RMSPROP = {.kind = OPTIMIZER_RMSPROP, .rho = 0.9, .epsilon = 1e-7};
static const OptimizerOptions RMSPROP_MOMENTUM = {
    .kind = OPTIMIZER_RMSPROP, .rho = 0.9, .momentum = 0.8, .epsilon = 1e-7};

/* cmocka's own comparison is in float. */
static void assert_close(double got, double expected, double tolerance) {
    assert_true(fabs(got - expected) <= tolerance);
}

/* One parameter with its state, in double. */
typedef struct Single {
    double w, a, b;
} Single;

typedef void Formula(Single *x, double g, double rate, int t);

static void adam_formula(Single *x, double g, double rate, int t) {
    x->a = 0.9 * x->a + 0.1 * g;
    x->b = 0.999 * x->b + 0.001 * g * g;
    const double corrected = x->a / (1 - pow(0.9, t));
    x->w -= rate * corrected * sqrt(1 - pow(0.999, t)) / (sqrt(x->b) + 1e-7);
}

static void adamw_formula(Single *x, double g, double rate, int t) {
    x->w *= 1 - 0.1 * rate;
    adam_formula(x, g, rate, t);
}

static void sgd_formula(Single *x, double g, double rate, int t) {
    (void)t;
    x->w -= rate * g;
}

static void sgd_momentum_formula(Single *x, double g, double rate, int t) {
    (void)t;
    x->a = 0.9 * x->a - rate * g;
    x->w += x->a;
}

static void sgd_nesterov_formula(Single *x, double g, double rate, int t) {
    (void)t;
    x->a = 0.9 * x->a - rate * g;
    x->w += 0.9 * x->a - rate * g;
}

static void rmsprop_formula(Single *x, double g, double rate, int t) {
    (void)t;
    x->a = 0.9 * x->a + 0.1 * g * g;
    x->w -= rate * g / sqrt(x->a + 1e-7);
}

static void rmsprop_momentum_formula(Single *x, double g, double rate, int t) {
    (void)t;
    x->a = 0.9 * x->a + 0.1 * g * g;
    x->b = 0.8 * x->b + rate * g / sqrt(x->a + 1e-7);
    x->w -= x->b;
}

/* Of both signs; some so small that where epsilon stands decides, some zero. */
static float gradient_of(size_t i, int t) {
    if (i % 5 == 0) return 0.0f;
    const double size = i % 3 == 0 ? 1e-6 : 0.5;
    return (float)(size * sin(1.0 + (double)i * 1.7 + t * 2.3));
}

static float start_of(size_t i) {
    return (float)cos((double)i);
}

/* STEPS steps from the start, each made on [0, cut) and then on [cut, COUNT). */
static void run(const OptimizerOptions *options, float params[COUNT], float state[2][COUNT],
                size_t cut) {
    float gradients[COUNT];
    memset(state, 0, 2 * sizeof *state);
    for (size_t i = 0; i < COUNT; i++) params[i] = start_of(i);
    for (int t = 1; t <= STEPS; t++) {
        float *const lower[] = {state[0], state[1]};
        float *const upper[] = {state[0] + cut, state[1] + cut};
        for (size_t i = 0; i < COUNT; i++) gradients[i] = gradient_of(i, t);
        optimizer_step(options, params, gradients, lower, cut, RATES[t - 1], (uint64_t)t);
        optimizer_step(options, params + cut, gradients + cut, upper, COUNT - cut, RATES[t - 1],
                       (uint64_t)t);
    }
}

static void check_formula(const OptimizerOptions *options, Formula *formula) {
    float params[COUNT], state[2][COUNT];
    run(options, params, state, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        Single x = {.w = (double)start_of(i)};
        for (int t = 1; t <= STEPS; t++) formula(&x, (double)gradient_of(i, t), RATES[t - 1], t);
        assert_close(params[i], x.w, 1e-6);
        assert_close(state[0][i], x.a, 1e-6);
        assert_close(state[1][i], x.b, 1e-6);
    }
}

static void adam_follows_its_formula(void **state) {
    (void)state;
    check_formula(&ADAM, adam_formula);
}

static void adamw_follows_its_formula(void **state) {
    (void)state;
    check_formula(&ADAMW, adamw_formula);
}

static void sgd_follows_its_formulas(void **state) {
    (void)state;
    check_formula(&SGD, sgd_formula);
    check_formula(&SGD_MOMENTUM, sgd_momentum_formula);
    check_formula(&SGD_NESTEROV, sgd_nesterov_formula);
}

static void rmsprop_follows_its_formulas(void **state) {
    (void)state;
    check_formula(&RMSPROP, rmsprop_formula);
    check_formula(&RMSPROP_MOMENTUM, rmsprop_momentum_formula);
}

static double norm_of(const float *values) {
    double sum = 0.0;
    for (size_t i = 0; i < COUNT; i++) sum += (double)values[i] * (double)values[i];
    return sqrt(sum);
}

/* STEPS steps with the whole vector as one kernel, and the same by formulas in double. */
static void check_layerwise(const OptimizerOptions *options, bool lamb) {
    float params[COUNT], gradients[COUNT], state[2][COUNT];
    float *const slots[] = {state[0], state[1]};
    double w[COUNT], m[COUNT] = {0}, v[COUNT] = {0}, u[COUNT];
    memset(state, 0, sizeof state);
    for (size_t i = 0; i < COUNT; i++) w[i] = (double)(params[i] = start_of(i));
    for (int t = 1; t <= STEPS; t++) {
        double ww = 0.0, uu = 0.0, rate = RATES[t - 1];
        for (size_t i = 0; i < COUNT; i++) {
            double g = (double)(gradients[i] = gradient_of(i, t));
            if (lamb) {
                m[i] = 0.9 * m[i] + 0.1 * g;
                v[i] = 0.999 * v[i] + 0.001 * g * g;
                u[i] = m[i] / (1 - pow(0.9, t)) / (sqrt(v[i] / (1 - pow(0.999, t))) + 1e-7);
                u[i] += 0.1 * w[i];
            } else {
                u[i] = g;
            }
            ww += w[i] * w[i];
            uu += u[i] * u[i];
        }
        double ratio = lamb ? sqrt(ww / uu) : 0.02 * sqrt(ww) / (sqrt(uu) + 0.1 * sqrt(ww));
        for (size_t i = 0; i < COUNT; i++) {
            if (!lamb) u[i] = m[i] = 0.9 * m[i] + rate * ratio * (u[i] + 0.1 * w[i]);
            w[i] -= lamb ? rate * ratio * u[i] : u[i];
        }
        optimizer_direct(options, params, gradients, slots, COUNT, (uint64_t)t);
        double found = optimizer_ratio(options, norm_of(params), norm_of(gradients));
        optimizer_move(options, params, gradients, slots, COUNT, rate, found);
    }
    for (size_t i = 0; i < COUNT; i++) assert_close(params[i], w[i], 1e-5);
}

static void layerwise_kinds_follow_their_formulas(void **state) {
    (void)state;
    const OptimizerOptions lamb = {.kind = OPTIMIZER_LAMB,
                                   .beta_1 = 0.9,
                                   .beta_2 = 0.999,
                                   .epsilon = 1e-7,
                                   .weight_decay = 0.1};
    const OptimizerOptions lars = {
        .kind = OPTIMIZER_LARS, .momentum = 0.9, .trust = 0.02, .weight_decay = 0.1};
    check_layerwise(&lamb, true);
    check_layerwise(&lars, false);
    assert_true(optimizer_is_layerwise(&lamb) && optimizer_is_layerwise(&lars));
    assert_false(optimizer_is_layerwise(&ADAMW));
    assert_true(optimizer_ratio(&lamb, 0.0, 2.0) == 1.0);
    assert_true(optimizer_ratio(&lars, 2.0, 0.0) == 1.0);
}

static void halves_step_like_the_whole(void **state) {
    (void)state;
    const OptimizerOptions *const all[] = {
        &ADAM, &ADAMW, &SGD, &SGD_MOMENTUM, &SGD_NESTEROV, &RMSPROP, &RMSPROP_MOMENTUM};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        float whole[COUNT], whole_state[2][COUNT], cut[COUNT], cut_state[2][COUNT];
        run(all[i], whole, whole_state, COUNT);
        for (size_t at = 0; at < COUNT; at += 3) {
            run(all[i], cut, cut_state, at);
            assert_memory_equal(cut, whole, sizeof whole);
            assert_memory_equal(cut_state, whole_state, sizeof whole_state);
        }
    }
}

static void state_vectors_are_named_as_in_keras(void **state) {
    (void)state;
    assert_int_equal(optimizer_slot_count(&ADAM), 2);
    assert_string_equal(optimizer_slot_name(&ADAM, 0), "momentum");
    assert_string_equal(optimizer_slot_name(&ADAM, 1), "velocity");
    assert_int_equal(optimizer_slot_count(&ADAMW), 2);
    assert_int_equal(optimizer_slot_count(&SGD), 0);
    assert_int_equal(optimizer_slot_count(&SGD_MOMENTUM), 1);
    assert_string_equal(optimizer_slot_name(&SGD_MOMENTUM, 0), "momentum");
    assert_int_equal(optimizer_slot_count(&RMSPROP), 1);
    assert_string_equal(optimizer_slot_name(&RMSPROP, 0), "velocity");
    assert_int_equal(optimizer_slot_count(&RMSPROP_MOMENTUM), 2);
    assert_string_equal(optimizer_slot_name(&RMSPROP_MOMENTUM, 1), "momentum");
}

static void kinds_have_names_up_to_the_last(void **state) {
    (void)state;
    assert_string_equal(OPTIMIZER_NAMES[OPTIMIZER_ADAM], "adam");
    assert_string_equal(OPTIMIZER_NAMES[OPTIMIZER_LAMB], "lamb");
    assert_null(OPTIMIZER_NAMES[OPTIMIZER_LAMB + 1]);
}

static void the_base_rate_follows_the_batch(void **state) {
    (void)state;
    OptimizerOptions options = {.learning_rate = 0.1, .scaling_batch = 256};
    assert_true(optimizer_base_rate(&options, 4096) == 0.1);
    options.scaling = SCALING_LINEAR;
    assert_close(optimizer_base_rate(&options, 4096), 1.6, 1e-15);
    assert_close(optimizer_base_rate(&options, 64), 0.025, 1e-17);
    options.scaling = SCALING_SQRT;
    assert_close(optimizer_base_rate(&options, 4096), 0.4, 1e-16);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adam_follows_its_formula),
        cmocka_unit_test(adamw_follows_its_formula),
        cmocka_unit_test(sgd_follows_its_formulas),
        cmocka_unit_test(rmsprop_follows_its_formulas),
        cmocka_unit_test(layerwise_kinds_follow_their_formulas),
        cmocka_unit_test(halves_step_like_the_whole),
        cmocka_unit_test(state_vectors_are_named_as_in_keras),
        cmocka_unit_test(kinds_have_names_up_to_the_last),
        cmocka_unit_test(the_base_rate_follows_the_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
