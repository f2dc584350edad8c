/* The passes over memory of batch normalisation; see normalise.h.
 *
 * Memory is passed over twice forward (moments, normalise) and twice backward (sums, dx): an
 * activation of 800 kB is in no first-level cache, and arithmetic is free beside it. So relu's mask
 * is made again from x where it is needed, instead of being read from y. Moments are of BLOCK rows,
 * each in two passes within the first-level cache, and joined in double (Chan, Golub and LeVeque,
 * "Algorithms for computing the sample variance", 1983): no mean is so large that the variance is
 * lost. Refused: E(x^2) - E(x)^2, which loses it. Each channel is a lane of its own and its order
 * of additions is fixed, so the width of vectors changes no bit. */
#include "nn/normalise.h"

#include <string.h>

#include "mnist_dist/base/clones.h"
#include "mnist_dist/base/minmax.h"

/* Channels and rows that are worked on at a time. */
enum { LANES = 16, HALF = 8, GROUP = 8, BLOCK = 64 };

/* sums (lanes) += GROUP rows of x, c apart. */
static inline void sum_group(float *restrict sums, const float *restrict x, size_t c,
                             size_t lanes) {
    for (size_t i = 0; i < lanes; i++) {
        const float *p = x + i;
        sums[i] += ((p[0] + p[c]) + (p[2 * c] + p[3 * c])) +
                   ((p[4 * c] + p[5 * c]) + (p[6 * c] + p[7 * c]));
    }
}

static inline float squared(float x) {
    return x * x;
}

static inline void square_group(float *restrict sums, const float *restrict x,
                                const float *restrict mean, size_t c, size_t lanes) {
    for (size_t i = 0; i < lanes; i++) {
        const float *p = x + i, m = mean[i];
        sums[i] += ((squared(p[0] - m) + squared(p[c] - m)) +
                    (squared(p[2 * c] - m) + squared(p[3 * c] - m))) +
                   ((squared(p[4 * c] - m) + squared(p[5 * c] - m)) +
                    (squared(p[6 * c] - m) + squared(p[7 * c] - m)));
    }
}

/* The mean (lanes) of a block of rows, and the sums of squares about it. */
static inline void block_moments(float *restrict mean, float *restrict squares,
                                 const float *restrict x, size_t rows, size_t c, size_t lanes) {
    size_t whole = rows / GROUP * GROUP;
    for (size_t i = 0; i < lanes; i++) mean[i] = squares[i] = 0.0F;
    for (size_t r = 0; r < whole; r += GROUP) sum_group(mean, x + r * c, c, lanes);
    for (size_t r = whole; r < rows; r++)
        for (size_t i = 0; i < lanes; i++) mean[i] += x[r * c + i];
    for (size_t i = 0; i < lanes; i++) mean[i] /= (float)rows;
    for (size_t r = 0; r < whole; r += GROUP) square_group(squares, x + r * c, mean, c, lanes);
    for (size_t r = whole; r < rows; r++)
        for (size_t i = 0; i < lanes; i++) squares[i] += squared(x[r * c + i] - mean[i]);
}

/* Joins a block of rows to the moments of the `before` rows before it. */
static inline void join_block(double *restrict mean, double *restrict squares,
                              const float *restrict x, size_t before, size_t rows, size_t c,
                              size_t lanes) {
    float block_mean[LANES], block_squares[LANES];
    const double share = (double)rows / (double)(before + rows), cross = (double)before * share;
    block_moments(block_mean, block_squares, x, rows, c, lanes);
    for (size_t i = 0; i < lanes; i++) {
        const double delta = (double)block_mean[i] - mean[i];
        mean[i] += delta * share;
        squares[i] += (double)block_squares[i] + delta * delta * cross;
    }
}

VECTOR_CLONES static void join_rows(double *restrict mean, double *restrict squares,
                                    const float *restrict x, size_t before, size_t rows, size_t c) {
    size_t i = 0;
    for (; i + LANES <= c; i += LANES)
        join_block(mean + i, squares + i, x + i, before, rows, c, LANES);
    if (i + HALF <= c) {
        join_block(mean + i, squares + i, x + i, before, rows, c, HALF);
        i += HALF;
    }
    if (i < c) join_block(mean + i, squares + i, x + i, before, rows, c, c - i);
}

void normalise_moments(float *mean, float *variance, const float *x, size_t rows, size_t c,
                       double *workspace) {
    double *means = workspace, *squares = workspace + c;
    memset(workspace, 0, 2 * c * sizeof *workspace);
    for (size_t r = 0; r < rows; r += BLOCK)
        join_rows(means, squares, x + r * c, r, smaller(rows - r, BLOCK), c);
    for (size_t i = 0; i < c; i++) {
        mean[i] = (float)means[i];
        variance[i] = (float)(squares[i] / (double)rows);
    }
}

/* Forward and backward must agree on the sign of this: the same operations in both. */
static inline float normalised(float x, float mean, float scale, float beta) {
    return (x - mean) * scale + beta;
}

static inline void normalise_lanes(float *restrict y, const float *restrict x, Affine affine,
                                   bool relu, size_t first, size_t lanes) {
    for (size_t i = first; i < first + lanes; i++) {
        const float value = normalised(x[i], affine.mean[i], affine.scale[i], affine.beta[i]);
        y[i] = relu && value < 0.0F ? 0.0F : value;
    }
}

static inline void normalise_rows(float *restrict y, const float *restrict x, Affine affine,
                                  bool relu, size_t rows, size_t c) {
    const size_t whole = c / LANES * LANES;
    for (size_t r = 0; r < rows; r++, x += c, y += c) {
        for (size_t i = 0; i < whole; i += LANES) normalise_lanes(y, x, affine, relu, i, LANES);
        normalise_lanes(y, x, affine, relu, whole, c - whole);
    }
}

VECTOR_CLONES void normalise_forward(float *restrict y, const float *restrict x, Affine affine,
                                     bool relu, size_t rows, size_t c) {
    if (relu)
        normalise_rows(y, x, affine, true, rows, c);
    else
        normalise_rows(y, x, affine, false, rows, c);
}

/* dy, taken through relu. */
static inline float masked(float dy, float y, bool relu) {
    return !relu || y > 0.0F ? dy : 0.0F;
}

/* plain (lanes) += the sums of dy over GROUP rows or one, c apart; centred (lanes) += those of dy
 * (x - mean). All pointers are at the first of the lanes. */
static inline void sum_some(float *restrict plain, float *restrict centred,
                            const float *restrict dy, const float *restrict x, Affine affine,
                            bool relu, size_t rows, size_t c, size_t lanes) {
    const float *restrict mean = affine.mean, *restrict scale = affine.scale;
    const float *restrict beta = affine.beta;
    for (size_t i = 0; i < lanes; i++) {
        float p[2] = {0}, q[2] = {0}; /* so that fewer additions wait for each other */
        for (size_t r = 0; r < rows; r++) {
            const float value = x[r * c + i], y = normalised(value, mean[i], scale[i], beta[i]);
            const float g = masked(dy[r * c + i], y, relu);
            p[r % 2] += g;
            q[r % 2] += g * (value - mean[i]);
        }
        plain[i] += p[0] + p[1];
        centred[i] += q[0] + q[1];
    }
}

/* A block of rows, into sums of whole calls. */
static inline void sum_block(double *restrict plain, double *restrict centred,
                             const float *restrict dy, const float *restrict x, Affine affine,
                             bool relu, size_t rows, size_t c, size_t lanes) {
    float p[LANES] = {0}, q[LANES] = {0};
    const size_t whole = rows / GROUP * GROUP;
    for (size_t r = 0; r < whole; r += GROUP)
        sum_some(p, q, dy + r * c, x + r * c, affine, relu, GROUP, c, lanes);
    for (size_t r = whole; r < rows; r++)
        sum_some(p, q, dy + r * c, x + r * c, affine, relu, 1, c, lanes);
    for (size_t i = 0; i < lanes; i++) {
        plain[i] += (double)p[i];
        centred[i] += (double)q[i];
    }
}

static inline Affine affine_from(Affine affine, size_t i) {
    return (Affine){affine.mean + i, affine.scale + i, affine.beta + i};
}

static inline void sum_channels(double *restrict plain, double *restrict centred,
                                const float *restrict dy, const float *restrict x, Affine affine,
                                bool relu, size_t rows, size_t c) {
    size_t i = 0;
    for (; i + LANES <= c; i += LANES)
        sum_block(plain + i, centred + i, dy + i, x + i, affine_from(affine, i), relu, rows, c,
                  LANES);
    if (i + HALF <= c) {
        sum_block(plain + i, centred + i, dy + i, x + i, affine_from(affine, i), relu, rows, c,
                  HALF);
        i += HALF;
    }
    if (i < c)
        sum_block(plain + i, centred + i, dy + i, x + i, affine_from(affine, i), relu, rows, c,
                  c - i);
}

VECTOR_CLONES static void sum_rows(double *restrict plain, double *restrict centred,
                                   const float *restrict dy, const float *restrict x, Affine affine,
                                   bool relu, size_t rows, size_t c) {
    if (relu)
        sum_channels(plain, centred, dy, x, affine, true, rows, c);
    else
        sum_channels(plain, centred, dy, x, affine, false, rows, c);
}

void normalise_sums(double *plain, double *centred, const float *dy, const float *x, Affine affine,
                    bool relu, size_t rows, size_t c) {
    memset(plain, 0, c * sizeof *plain);
    memset(centred, 0, c * sizeof *centred);
    for (size_t r = 0; r < rows; r += BLOCK)
        sum_rows(plain, centred, dy + r * c, x + r * c, affine, relu, smaller(rows - r, BLOCK), c);
}

static inline void differentiate_lanes(float *restrict dx, const float *restrict dy,
                                       const float *restrict x, Affine affine, Means means,
                                       bool relu, size_t first, size_t lanes) {
    const float *restrict mean = affine.mean, *restrict scale = affine.scale;
    const float *restrict beta = affine.beta;
    const float *restrict plain = means.plain, *restrict centred = means.centred;
    for (size_t i = first; i < first + lanes; i++) {
        const float y = normalised(x[i], mean[i], scale[i], beta[i]);
        const float g = masked(dy[i], y, relu);
        dx[i] = scale[i] * (g - plain[i] - (x[i] - mean[i]) * centred[i]);
    }
}

static inline void differentiate_rows(float *restrict dx, const float *restrict dy,
                                      const float *restrict x, Affine affine, Means means,
                                      bool relu, size_t rows, size_t c) {
    const size_t whole = c / LANES * LANES;
    for (size_t r = 0; r < rows; r++, dx += c, dy += c, x += c) {
        for (size_t i = 0; i < whole; i += LANES)
            differentiate_lanes(dx, dy, x, affine, means, relu, i, LANES);
        differentiate_lanes(dx, dy, x, affine, means, relu, whole, c - whole);
    }
}

VECTOR_CLONES void normalise_backward(float *restrict dx, const float *restrict dy,
                                      const float *restrict x, Affine affine, Means means,
                                      bool relu, size_t rows, size_t c) {
    if (relu)
        differentiate_rows(dx, dy, x, affine, means, true, rows, c);
    else
        differentiate_rows(dx, dy, x, affine, means, false, rows, c);
}
