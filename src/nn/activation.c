/* Biases and activation functions: the epilogue of conv and dense layers. */
#include "nn/activation.h"

#include <string.h>

#include "mnist_dist/base/clones.h"

/* Channels that are worked on at a time: a number that the compiler knows makes two to eight
 * vectors of them, without a loop. */
enum { LANES = 32, ROWS = 8 };

static const char *const names[ACTIVATION_COUNT] = {ACTIVATION_WORDS};

const char *activation_name(Activation activation) {
    return names[activation];
}

VECTOR_CLONES static void add_bias(float *restrict y, const float *restrict bias, size_t rows,
                                   size_t c) {
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < c; i++) y[r * c + i] += bias[i];
}

static inline void add_bias_relu_lanes(float *restrict y, const float *restrict bias,
                                       size_t lanes) {
    for (size_t i = 0; i < lanes; i++) {
        float sum = y[i] + bias[i];
        y[i] = sum < 0.0F ? 0.0F : sum;
    }
}

VECTOR_CLONES static void add_bias_relu(float *restrict y, const float *restrict bias, size_t rows,
                                        size_t c) {
    size_t whole = c / LANES * LANES;
    for (size_t r = 0; r < rows; r++, y += c) {
        for (size_t i = 0; i < whole; i += LANES) add_bias_relu_lanes(y + i, bias + i, LANES);
        add_bias_relu_lanes(y + whole, bias + whole, c - whole);
    }
}

void activation_forward(Activation activation, float *y, const float *bias, size_t rows, size_t c) {
    if (activation == ACTIVATION_RELU)
        add_bias_relu(y, bias, rows, c);
    else
        add_bias(y, bias, rows, c);
}

VECTOR_CLONES static void relu_backward(float *restrict dy, const float *restrict y, size_t count) {
    for (size_t i = 0; i < count; i++) dy[i] = y[i] > 0.0F ? dy[i] : 0.0F;
}

void activation_backward(Activation activation, float *dy, const float *y, size_t count) {
    if (activation == ACTIVATION_RELU) relu_backward(dy, y, count);
}

/* sums (lanes) += dy (rows, lanes), row by row; rows are c apart. */
static inline void add_rows(float *restrict sums, const float *restrict dy, size_t rows, size_t c,
                            size_t lanes) {
    for (size_t i = 0; i < lanes; i++) {
        float sum = sums[i];
        for (size_t r = 0; r < rows; r++) sum += dy[r * c + i];
        sums[i] = sum;
    }
}

/* dbias (lanes) += the sums of dy (rows, lanes), rows c apart. ROWS at a time, so that the sums
 * are fetched and put back once for each ROWS. */
static inline void sum_rows(float *restrict dbias, const float *restrict dy, size_t rows, size_t c,
                            size_t lanes) {
    float sums[LANES] = {0};
    size_t whole = rows / ROWS * ROWS;
    for (size_t r = 0; r < whole; r += ROWS) add_rows(sums, dy + r * c, ROWS, c, lanes);
    for (size_t r = whole; r < rows; r++) add_rows(sums, dy + r * c, 1, c, lanes);
    for (size_t i = 0; i < lanes; i++) dbias[i] += sums[i];
}

VECTOR_CLONES static void add_bias_gradient(float *restrict dbias, const float *restrict dy,
                                            size_t rows, size_t c) {
    size_t whole = c / LANES * LANES;
    for (size_t i = 0; i < whole; i += LANES) sum_rows(dbias + i, dy + i, rows, c, LANES);
    if (whole < c) sum_rows(dbias + whole, dy + whole, rows, c, c - whole);
}

void activation_bias_gradient(float *dbias, const float *dy, size_t samples, size_t rows,
                              size_t c) {
    memset(dbias, 0, c * sizeof *dbias);
    for (size_t s = 0; s < samples; s++) add_bias_gradient(dbias, dy + s * rows * c, rows, c);
}
