/* Softmax and categorical cross-entropy, from logits. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "mnist_dist/base/tally.h"

/* probabilities (n, 10) = softmax of logits (n, 10), each row on its own; may be in place. */
void loss_softmax(float *probabilities, const float *logits, size_t n);

/* Returns the tally of n samples: loss is the sum, in double and in the samples' order, of
 * -sum_k targets[k] * log softmax(logits)[k]; a hit is argmax logits == label, the lowest index
 * winning a tie. logits, targets: (n, 10); labels: (n). */
Tally loss_cross_entropy(const float *logits, const float *targets, const uint8_t *labels,
                         size_t n);

/* The tally of probabilities (n, 10) that are no softmax of logits at hand, such as a mean: the
 * loss is -log of the label's, which is taken for no less than Keras's 1e-7; a NaN stays one. */
Tally loss_of_probabilities(const float *probabilities, const uint8_t *labels, size_t n);

/* dlogits (n, 10) = scale * (softmax(logits) * sum(targets) - targets): the gradient of
 * scale * loss. The scale is 1 / (samples of the global batch). */
void loss_cross_entropy_gradient(float *dlogits, const float *logits, const float *targets,
                                 size_t n, float scale);

/* The largest entry's index of each row of values (n, 10), the lowest index winning a tie. */
void loss_argmax(uint8_t *classes, const float *values, size_t n);
