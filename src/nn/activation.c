/* Biases and activation functions: the epilogue of conv and dense layers. */
#include "nn/activation.h"

#include <string.h>

static const char *const names[ACTIVATION_COUNT] = {ACTIVATION_WORDS};

const char *activation_name(Activation activation) {
    return names[activation];
}

static void add_bias(float *y, const float *bias, size_t rows, size_t c) {
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < c; i++) y[r * c + i] += bias[i];
}

static void add_bias_relu(float *y, const float *bias, size_t rows, size_t c) {
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < c; i++) {
            float sum = y[r * c + i] + bias[i];
            y[r * c + i] = sum < 0.0F ? 0.0F : sum;
        }
}

void activation_forward(Activation activation, float *y, const float *bias, size_t rows, size_t c) {
    if (activation == ACTIVATION_RELU)
        add_bias_relu(y, bias, rows, c);
    else
        add_bias(y, bias, rows, c);
}

void activation_backward(Activation activation, float *dy, const float *y, size_t count) {
    if (activation != ACTIVATION_RELU) return;
    for (size_t i = 0; i < count; i++) dy[i] = y[i] > 0.0F ? dy[i] : 0.0F;
}

/* Sums of at most this many channels are held at a time. */
enum { LANES = 64 };

static void sum_rows(float *dbias, const float *dy, size_t rows, size_t c, size_t lanes) {
    float sums[LANES] = {0};
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < lanes; i++) sums[i] += dy[r * c + i];
    for (size_t i = 0; i < lanes; i++) dbias[i] += sums[i];
}

void activation_bias_gradient(float *dbias, const float *dy, size_t samples, size_t rows,
                              size_t c) {
    memset(dbias, 0, c * sizeof *dbias);
    for (size_t s = 0; s < samples; s++)
        for (size_t i = 0; i < c; i += LANES)
            sum_rows(dbias + i, dy + s * rows * c + i, rows, c, c - i < LANES ? c - i : LANES);
}
