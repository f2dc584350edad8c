/* What follows a layer's sums: the bias is added and a function applied, elementwise and in place.
 *
 * An activation is a setting of conv and dense layers, not a layer, so that it is done while the
 * sums are still in cache. `softmax` leaves the sums alone: the network's output is logits, and
 * loss.h takes the softmax together with the logarithm. */
#pragma once

#include <stddef.h>

#include "mnist_dist/nn/kernels.h"

const char *activation_name(Activation activation);

/* y (rows, c) = activation(y + bias), bias (c). A NaN stays one, so that divergence is seen. */
void activation_forward(Activation activation, float *y, const float *bias, size_t rows, size_t c);

/* dy (count) *= the derivative, which is taken from the outputs y (count); relu's is 0 at 0. */
void activation_backward(Activation activation, float *dy, const float *y, size_t count);

/* dbias (c) = the sums of dy (samples, rows, c) over rows, then over samples, in order. */
void activation_bias_gradient(float *dbias, const float *dy, size_t samples, size_t rows, size_t c);
