/* What the tests of kernels share: inputs at odd addresses with nothing behind them, outputs and
 * workspaces full of NaN between canaries, and comparisons. */
#pragma once

#include <math.h>

#include "mnist_dist/nn/blas.h"
#include "nn/families.h"
#include "nn_net.h"

enum { GUARD = 16 };

static const float CANARY = 1234.5F;

/* What is being tested, for messages. */
static char subject[128];

/* Inputs begin one float off any alignment and end where their memory does, for ASan to see. */
typedef struct Input {
    float *memory, *values;
} Input;

static inline Input input_new(size_t count, uint32_t salt) {
    Input input = {.memory = NULL};
    assert_int_equal(posix_memalign((void **)&input.memory, 64, (count + 1) * sizeof(float)), 0);
    input.values = input.memory + 1;
    net_fill(input.values, count, salt, 1.0F);
    return input;
}

/* An output, or a workspace, between canaries; full of NaN. */
typedef struct Output {
    float *memory, *values;
    size_t count;
} Output;

static inline Output output_new(size_t count) {
    Output output = {.count = count};
    output.memory = memory_zeroed(count + 2 * GUARD, sizeof(float));
    assert_non_null(output.memory);
    output.values = output.memory + GUARD;
    for (size_t i = 0; i < count + 2 * GUARD; i++)
        output.memory[i] = i < GUARD || i >= count + GUARD ? CANARY : NAN;
    return output;
}

static inline void output_destroy(Output *output) {
    for (size_t i = 0; i < GUARD; i++) {
        if (output->memory[i] != CANARY || output->values[output->count + i] != CANARY)
            fail_msg("%s: wrote beyond its output or its workspace", subject);
    }
    free(output->memory);
}

static inline double largest(const float *values, size_t count) {
    double most = 0.0;
    for (size_t i = 0; i < count; i++) most = fmax(most, fabs((double)values[i]));
    return most;
}

/* Sums of Winograd's transforms cancel, and bfloat16 has 8 bits. */
static inline double tolerance_of(Compute compute, Convolution convolution) {
    if (compute == COMPUTE_BFLOAT16) return 2e-2;
    return convolution == CONVOLUTION_WINOGRAD ? 1e-4 : 1e-5;
}

static inline void check_close(const Output *ours, const Output *expected, double tolerance) {
    double scale = largest(expected->values, expected->count);
    for (size_t i = 0; i < ours->count; i++) {
        double off = fabs((double)ours->values[i] - (double)expected->values[i]);
        if (!(off <= tolerance * scale))
            fail_msg("%s [%zu]: %g instead of %g, largest %g", subject, i, (double)ours->values[i],
                     (double)expected->values[i], scale);
    }
}

/* Equal as numbers: a zero's sign may hang on the zeros that were added to it. */
static inline void check_same(const float *ours, const float *expected, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!(ours[i] == expected[i]))
            fail_msg("%s [%zu]: %.9g, and %.9g elsewhere", subject, i, (double)ours[i],
                     (double)expected[i]);
}

typedef enum Way { FORWARD, INPUT, WEIGHTS, WAYS } Way;

static const char *const way_names[] = {"forward", "input gradient", "weight gradient"};
