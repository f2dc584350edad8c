/* The weight gradient that is computed late.
 *
 * A dense layer's weight gradient is x' dy, a product whose inner length is the few samples of a
 * shard: in the default model 11 samples, 3,392 numbers each, stand for 803 thousand. To write that
 * out for every shard, only to read it again for the sum over shards, is mostly memory traffic. So
 * backward leaves the two factors of the largest such layer, and whoever sums makes the numbers
 * that he needs, a block at a time, while they are in the cache. (Xie et al.,
 * "Lighter-communication distributed machine learning via sufficient factor broadcasting", UAI
 * 2016, send factors for the same reason.) */
#include <string.h>

#include "nn/plan.h"

enum {
    WORTH = 4, /* the gradient must be so many times larger than its factors */
    ROW = 4096 /* numbers of a row, at most */
};

static size_t factor_count(const Layer *layer, size_t capacity) {
    return capacity * (layer->in.c + layer->out.c);
}

static bool serves(const Layer *layer, size_t capacity) {
    return layer->kind == &dense_kind && layer->dense->backward_weights_rows != NULL &&
           layer->out.c <= ROW && layer->tensors[0].count >= WORTH * factor_count(layer, capacity);
}

bool model_late_kernel(ModelLate *late, const Model *model, size_t capacity) {
    const Layer *best = NULL;
    for (size_t i = 0; i < model->layer_count; i++) {
        const Layer *layer = &model->layers[i];
        bool larger = best == NULL || layer->tensors[0].count > best->tensors[0].count;
        if (serves(layer, capacity) && larger) best = layer;
    }
    if (best == NULL) return false;
    *late = (ModelLate){best->index, best->tensors[0].offset,
                        best->tensors[0].offset + best->tensors[0].count, capacity,
                        factor_count(best, capacity)};
    return true;
}

void late_backward(const LayerCall *call, const ModelGradients *gradients) {
    const Layer *layer = call->layer;
    size_t n = call->pass->count, in = layer->in.c, out = layer->out.c;
    float *dy = gradients->factors + gradients->late->capacity * in;
    memcpy(gradients->factors, call->x, n * in * sizeof *call->x);
    memcpy(dy, call->dy, n * out * sizeof *dy);
    if (!layer_has_bias(layer)) return;
    activation_bias_gradient(call->dparams + in * out, call->dy, 1, n, out);
}

/* Rows of the kernel's gradient, `count` from row `first` on. */
static void make_rows(float *rows, const DenseKernel *kernel, DenseCall call, size_t first,
                      size_t count) {
    call.dkernel = rows;
    kernel->backward_weights_rows(&call, first, first + count);
}

/* A part of one row: `count` numbers from `column` on. */
static void make_piece(float *piece, const DenseKernel *kernel, const DenseCall *call, size_t row,
                       size_t column, size_t count) {
    float whole[ROW];
    make_rows(whole, kernel, *call, row, 1);
    memcpy(piece, whole + column, count * sizeof *piece);
}

/* Numbers begin .. end - 1 of the kernel's gradient: a piece of a row, whole rows, a piece. */
static void make_numbers(float *out, const DenseKernel *kernel, const DenseCall *call, size_t begin,
                         size_t end) {
    const size_t width = call->out;
    while (begin < end) {
        size_t row = begin / width, column = begin % width, left = end - begin, count;
        if (column == 0 && left >= width) {
            count = left / width * width;
            make_rows(out, kernel, *call, row, left / width);
        } else {
            count = left < width - column ? left : width - column;
            make_piece(out, kernel, call, row, column, count);
        }
        begin += count;
        out += count;
    }
}

void model_late_gradient(float *out, const Model *model, Scratch *scratch, const ModelLate *late,
                         const float *factors, size_t n, size_t begin, size_t end) {
    const Layer *layer = &model->layers[late->layer];
    DenseCall call = {.n = n,
                      .in = layer->in.c,
                      .out = layer->out.c,
                      .x = factors,
                      .dy = factors + late->capacity * layer->in.c,
                      .workspace = scratch_workspace(scratch)};
    if (n == 0)
        memset(out, 0, (end - begin) * sizeof *out);
    else
        make_numbers(out, layer->dense, &call, begin - late->begin, end - late->begin);
}
