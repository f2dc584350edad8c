/* Softmax and cross-entropy by log-sum-exp: the row's largest logit is subtracted first, so that
 * nothing overflows, and the sums are in double. Probabilities are never taken the logarithm of. */
#include "mnist_dist/nn/loss.h"

#include <math.h>

#include "mnist_dist/base/digits.h"

enum { K = DIGIT_CLASSES };

static const double LEAST_PROBABILITY = 1e-7; /* keras.backend.epsilon() */

static size_t argmax(const float row[K]) {
    size_t best = 0;
    for (size_t k = 1; k < K; k++)
        if (row[k] > row[best]) best = k;
    return best;
}

/* exponentials[k] = exp(row[k] - max); returns their sum. */
static double exponentiate(double exponentials[K], const float row[K], double max) {
    double sum = 0.0;
    for (size_t k = 0; k < K; k++) {
        exponentials[k] = exp((double)row[k] - max);
        sum += exponentials[k];
    }
    return sum;
}

void loss_softmax(float *probabilities, const float *logits, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const float *row = logits + i * K;
        double exponentials[K];
        double sum = exponentiate(exponentials, row, (double)row[argmax(row)]);
        for (size_t k = 0; k < K; k++) probabilities[i * K + k] = (float)(exponentials[k] / sum);
    }
}

static double row_loss(const float row[K], const float targets[K]) {
    double exponentials[K], max = (double)row[argmax(row)];
    double log_sum = log(exponentiate(exponentials, row, max));
    double loss = 0.0;
    for (size_t k = 0; k < K; k++) loss += (double)targets[k] * (log_sum - ((double)row[k] - max));
    return loss;
}

Tally loss_cross_entropy(const float *logits, const float *targets, const uint8_t *labels,
                         size_t n) {
    Tally tally = {.count = (int64_t)n};
    for (size_t i = 0; i < n; i++) {
        tally.loss += row_loss(logits + i * K, targets + i * K);
        tally.correct += argmax(logits + i * K) == labels[i];
    }
    return tally;
}

Tally loss_of_probabilities(const float *probabilities, const uint8_t *labels, size_t n) {
    Tally tally = {.count = (int64_t)n};
    for (size_t i = 0; i < n; i++) {
        const float *row = probabilities + i * K;
        if (labels[i] == DIGIT_UNLABELLED) continue;
        const double own = (double)row[labels[i]]; /* a NaN stays one */
        tally.loss -= log(own < LEAST_PROBABILITY ? LEAST_PROBABILITY : own);
        tally.correct += argmax(row) == labels[i];
    }
    return tally;
}

static void row_gradient(float dlogits[K], const float row[K], const float targets[K],
                         double scale) {
    double exponentials[K], weight = 0.0;
    double sum = exponentiate(exponentials, row, (double)row[argmax(row)]);
    for (size_t k = 0; k < K; k++) weight += (double)targets[k];
    for (size_t k = 0; k < K; k++)
        dlogits[k] = (float)(scale * (exponentials[k] / sum * weight - (double)targets[k]));
}

void loss_cross_entropy_gradient(float *dlogits, const float *logits, const float *targets,
                                 size_t n, float scale) {
    for (size_t i = 0; i < n; i++)
        row_gradient(dlogits + i * K, logits + i * K, targets + i * K, (double)scale);
}

void loss_argmax(uint8_t *classes, const float *values, size_t n) {
    for (size_t i = 0; i < n; i++) classes[i] = (uint8_t)argmax(values + i * K);
}
