/* Where a convolution's windows lie. */
#include "mnist_dist/nn/kernels.h"

typedef struct Side {
    size_t out, before;
} Side;

static Side side_of(size_t in, size_t taps, size_t stride, bool valid) {
    if (valid) return (Side){in < taps ? 0 : (in - taps) / stride + 1, 0};
    const size_t out = (in + stride - 1) / stride, end = (out - 1) * stride + taps;
    return (Side){out, end > in ? (end - in) / 2 : 0};
}

ConvEdges conv_edges(const ConvShape *shape) {
    Side rows = side_of(shape->h, shape->kh, shape->stride, shape->valid);
    Side columns = side_of(shape->w, shape->kw, shape->stride, shape->valid);
    return (ConvEdges){rows.out, columns.out, rows.before, columns.before};
}
