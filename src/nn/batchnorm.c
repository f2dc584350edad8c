/* Batch normalisation over the last axis, with its relu: y = relu(gamma (x - mean) / sqrt(variance
 * + epsilon) + beta). (Ioffe and Szegedy, ICML 2015; epsilon, momentum and the biased variance are
 * Keras's.)
 *
 * In training, mean and variance are the call's own: a shard's. They also stand in the shard's
 * gradient where the running statistics are in the vector of parameters, weighted by its share of
 * the batch, so that what sums gradients over shards averages statistics too (buffers.c takes the
 * step). In evaluation the running ones are used.
 *
 * Memory is passed over twice forward (moments, normalise) and twice backward (sums, dx): an
 * activation of 800 kB is in no first-level cache, and arithmetic is free beside it. So relu's mask
 * is made again from x where it is needed, instead of being read from y. Moments are of BLOCK rows,
 * each in two passes within the first-level cache, and joined in double (Chan, Golub and LeVeque,
 * "Algorithms for computing the sample variance", 1983): no mean is so large that the variance is
 * lost. Refused: E(x^2) - E(x)^2, which loses it. */
#include <math.h>
#include <string.h>

#include "mnist_dist/base/clones.h"
#include "mnist_dist/base/minmax.h"
#include "nn/layer.h"

/* Channels and rows that are worked on at a time. */
enum { LANES = 16, HALF = 8, GROUP = 8, BLOCK = 64 };

enum { GAMMA, BETA, MEAN, VARIANCE };

static Status read_words(Layer *layer, Words *words) {
    enum { MOMENTUM = ACTIVATION_COUNT, EPSILON, KNOWN };
    static const char *const known[KNOWN] = {ACTIVATION_WORDS, "momentum", "epsilon"};
    LayerOptions options = {.known = known, .count = KNOWN};
    Status status = STATUS_OK;
    while (words_left(words)) {
        TRY(layer_read_option(&options, layer, words));
        if (options.last == MOMENTUM) TRY(words_rate(&layer->momentum, words, "momentum"));
        if (options.last == EPSILON) TRY(words_rate(&layer->epsilon, words, "epsilon"));
    }
cleanup:
    return status;
}

static Status plan(Layer *layer, Words *words) {
    const size_t dims[] = {layer->in.c};
    Status status = STATUS_OK;
    layer->momentum = 0.99;
    layer->epsilon = 1e-3;
    TRY(read_words(layer, words));
    TRY(layer_add_tensor(layer, words, "gamma", 1, dims));
    TRY(layer_add_tensor(layer, words, "beta", 1, dims));
    TRY(layer_add_buffer(layer, words, "moving_mean", dims[0]));
    TRY(layer_add_buffer(layer, words, "moving_variance", dims[0]));
    layer->tensors[GAMMA].initial = layer->tensors[VARIANCE].initial = 1.0F;
    layer->out = layer->in;
    layer->kept_once = 3 * dims[0] * sizeof(float);
    layer->forward_workspace = layer->backward_workspace =
        2 * dims[0] * sizeof(double) / sizeof(float);
cleanup:
    return status;
}

/* What forward leaves for backward, (c) each. */
typedef struct Kept {
    float *mean, *variance, *scale; /* scale = gamma / sqrt(variance + epsilon) */
} Kept;

static Kept kept_of(const LayerCall *call) {
    float *kept = (float *)(void *)call->kept;
    size_t c = call->layer->in.c;
    return (Kept){kept, kept + c, kept + 2 * c};
}

static size_t rows_of(const LayerCall *call) {
    return call->pass->count * call->layer->in.h * call->layer->in.w;
}

static double inverse_deviation(const LayerCall *call, float variance) {
    return 1.0 / sqrt((double)variance + call->layer->epsilon);
}

/* ---- Moments --------------------------------------------------------------------------------- */

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

static void measure(const LayerCall *call, const Kept *kept) {
    const size_t c = call->layer->in.c, rows = rows_of(call);
    double *mean = (double *)(void *)call->workspace, *squares = mean + c;
    memset(mean, 0, 2 * c * sizeof *mean);
    for (size_t r = 0; r < rows; r += BLOCK)
        join_rows(mean, squares, call->x + r * c, r, smaller(rows - r, BLOCK), c);
    for (size_t i = 0; i < c; i++) {
        kept->mean[i] = (float)mean[i];
        kept->variance[i] = (float)(squares[i] / (double)rows);
    }
}

/* ---- Forward --------------------------------------------------------------------------------- */

/* What a row is normalised with, (c) each. */
typedef struct Affine {
    const float *mean, *scale, *beta;
} Affine;

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

VECTOR_CLONES static void normalise(float *restrict y, const float *restrict x, Affine affine,
                                    bool relu, size_t rows, size_t c) {
    if (relu)
        normalise_rows(y, x, affine, true, rows, c);
    else
        normalise_rows(y, x, affine, false, rows, c);
}

static bool has_relu(const LayerCall *call) {
    return call->layer->activation == ACTIVATION_RELU;
}

static Affine affine_of(const LayerCall *call, const Kept *kept) {
    return (Affine){kept->mean, kept->scale, call->params + call->layer->in.c};
}

static void forward(const LayerCall *call) {
    const size_t c = call->layer->in.c;
    Kept kept = kept_of(call);
    if (call->pass->count == 0) return;
    if (call->pass->training || call->pass->measuring)
        measure(call, &kept);
    else
        memcpy(kept.mean, call->buffers, 2 * c * sizeof *kept.mean);
    for (size_t i = 0; i < c; i++)
        kept.scale[i] =
            (float)((double)call->params[i] * inverse_deviation(call, kept.variance[i]));
    normalise(call->y, call->x, affine_of(call, &kept), has_relu(call), rows_of(call), c);
}

/* ---- Backward -------------------------------------------------------------------------------- */

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

static void backward_weights(const LayerCall *call) {
    const size_t c = call->layer->in.c, rows = rows_of(call);
    Kept kept = kept_of(call);
    double *plain = (double *)(void *)call->workspace, *centred = plain + c;
    memset(plain, 0, 2 * c * sizeof *plain);
    for (size_t r = 0; r < rows; r += BLOCK)
        sum_rows(plain, centred, call->dy + r * c, call->x + r * c, affine_of(call, &kept),
                 has_relu(call), smaller(rows - r, BLOCK), c);
    for (size_t i = 0; i < c; i++) {
        call->dparams[i] = (float)(centred[i] * inverse_deviation(call, kept.variance[i]));
        call->dparams[c + i] = (float)plain[i];
    }
}

/* dx = scale (dy - plain - (x - mean) centred): plain and centred, (c) each, are the gradients that
 * reach x through the mean and the variance. */
typedef struct Means {
    const float *plain, *centred;
} Means;

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

VECTOR_CLONES static void differentiate(float *restrict dx, const float *restrict dy,
                                        const float *restrict x, Affine affine, Means means,
                                        bool relu, size_t rows, size_t c) {
    if (relu)
        differentiate_rows(dx, dy, x, affine, means, true, rows, c);
    else
        differentiate_rows(dx, dy, x, affine, means, false, rows, c);
}

static void backward_input(const LayerCall *call) {
    const size_t c = call->layer->in.c, rows = rows_of(call);
    Kept kept = kept_of(call);
    float *plain = call->workspace, *centred = plain + c;
    for (size_t i = 0; i < c; i++) {
        const double inverse = inverse_deviation(call, kept.variance[i]);
        plain[i] = (float)((double)call->dparams[c + i] / (double)rows);
        centred[i] = (float)((double)call->dparams[i] * inverse / (double)rows);
    }
    differentiate(call->dx, call->dy, call->x, affine_of(call, &kept), (Means){plain, centred},
                  has_relu(call), rows, c);
}

static void statistics(const LayerCall *call, double share) {
    const size_t c = call->layer->in.c;
    Kept kept = kept_of(call);
    for (size_t i = 0; i < c; i++) {
        call->dbuffers[i] = (float)((double)kept.mean[i] * share);
        call->dbuffers[c + i] = (float)((double)kept.variance[i] * share);
    }
}

static void write_config(FILE *out, const Layer *layer) {
    fprintf(out,
            ",\"axis\":[%d],\"momentum\":%.15g,\"epsilon\":%.15g,\"center\":true,\"scale\":true,"
            "\"beta_initializer\":{\"class_name\":\"Zeros\",\"config\":{}},"
            "\"gamma_initializer\":{\"class_name\":\"Ones\",\"config\":{}},"
            "\"moving_mean_initializer\":{\"class_name\":\"Zeros\",\"config\":{}},"
            "\"moving_variance_initializer\":{\"class_name\":\"Ones\",\"config\":{}},"
            "\"beta_regularizer\":null,\"gamma_regularizer\":null,\"beta_constraint\":null,"
            "\"gamma_constraint\":null",
            layer->in.flat ? 1 : 3, layer->momentum, layer->epsilon);
}

const LayerKind batchnorm_kind = {
    .word = "batchnorm",
    .example = "batchnorm relu",
    .class_name = "BatchNormalization",
    .name = "batch_normalization",
    .activates = true,
    .plan = plan,
    .forward = forward,
    .backward_input = backward_input,
    .backward_weights = backward_weights,
    .statistics = statistics,
    .write_config = write_config,
};
