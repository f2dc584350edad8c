/* The loops of batch normalisation over (rows, c) numbers: y = relu((x - mean) scale + beta), its
 * moments and its derivative. The bits are the same on every machine. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* What a row is normalised with, (c) each. */
typedef struct Affine {
    const float *mean, *scale, *beta;
} Affine;

/* The mean and the biased variance of each channel, rows >= 1; workspace (2 c). */
void normalise_moments(float *mean, float *variance, const float *x, size_t rows, size_t c,
                       double *workspace);

void normalise_forward(float *restrict y, const float *restrict x, Affine affine, bool relu,
                       size_t rows, size_t c);

/* Per channel, the sums over rows of dy, taken through relu, and of that times (x - mean). */
void normalise_sums(double *plain, double *centred, const float *dy, const float *x, Affine affine,
                    bool relu, size_t rows, size_t c);

/* What reaches x through the mean and the variance, (c) each. */
typedef struct Means {
    const float *plain, *centred;
} Means;

/* dx = scale (dy - plain - (x - mean) centred), dy taken through relu. */
void normalise_backward(float *restrict dx, const float *restrict dy, const float *restrict x,
                        Affine affine, Means means, bool relu, size_t rows, size_t c);
