/* A kernel turned round, for the input's gradient; see families.h. */
#include "mnist_dist/base/clones.h"
#include "nn/families.h"

VECTOR_CLONES static void reverse(float *restrict reversed, const float *restrict kernel,
                                  size_t taps, size_t in, size_t out) {
    for (size_t t = 0; t < taps; t++, kernel += in * out)
        for (size_t o = 0; o < out; o++)
            for (size_t i = 0; i < in; i++)
                reversed[((taps - 1 - t) * out + o) * in + i] = kernel[i * out + o];
}

void conv_reverse_kernel(float *restrict reversed, const float *restrict kernel,
                         const ConvShape *shape) {
    reverse(reversed, kernel, shape->kh * shape->kw, shape->in, shape->out);
}
