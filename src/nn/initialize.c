/* Initial weights: Glorot uniform kernels; zero biases, ones where a tensor says so (Glorot and
 * Bengio, AISTATS 2010; the convolution's fans are Keras's). Tensor t draws from the stream whose
 * sample is t; its element e takes word e % 4 of draw e / 4. */
#include <math.h>
#include <string.h>

#include "mnist_dist/base/rng.h"
#include "nn/plan.h"

/* sqrt(6 / (fan_in + fan_out)); the last two dimensions are in and out, those before are taps. */
static double glorot_limit(const ModelTensor *tensor) {
    double in = (double)tensor->dims[tensor->rank - 2];
    double out = (double)tensor->dims[tensor->rank - 1];
    double taps = (double)tensor->count / (in * out);
    return sqrt(6.0 / (taps * (in + out)));
}

static void fill_uniform(float *values, size_t count, double limit, const RngStream *stream) {
    uint32_t words[4];
    for (size_t e = 0; e < count; e++) {
        if (e % 4 == 0) rng_words(words, stream, (uint32_t)(e / 4));
        values[e] = (float)((2.0 * (double)rng_uniform(words[e % 4]) - 1.0) * limit);
    }
}

void model_initialize(const Model *model, float *params, uint64_t seed) {
    RngStream stream = {seed, RNG_INITIAL_WEIGHTS, 0, 0, 0};
    memset(params, 0, model_parameter_count(model) * sizeof *params);
    for (size_t t = 0; t < model->tensor_count; t++) {
        ModelTensor tensor = model_tensor(model, t);
        stream.sample = (uint32_t)t;
        if (tensor.rank >= 2)
            fill_uniform(params + tensor.offset, tensor.count, glorot_limit(&tensor), &stream);
        else
            for (size_t i = 0; i < tensor.count; i++) params[tensor.offset + i] = tensor.initial;
    }
}
