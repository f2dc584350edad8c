/* Average pooling, of windows side by side without padding, and of the whole image, which leaves
 * one number a channel. What is left over at the right and at the bottom counts for nothing. A
 * window's rows are summed first, then their sums: short chains, in a fixed order. */
#include <string.h>

#include "mnist_dist/base/clones.h"
#include "nn/layer.h"

static Status plan_global(Layer *layer, Words *words) {
    Status status = STATUS_OK;
    TRY(layer_needs_image(layer, words));
    TRY(words_end(words));
    layer->window[0] = layer->in.h;
    layer->window[1] = layer->in.w;
    layer->out = (Shape){1, 1, layer->in.c, true};
    layer->forward_workspace = layer->in.c;
cleanup:
    return status;
}

static Status plan(Layer *layer, Words *words) {
    Status status = pool_plan(layer, words);
    layer->forward_workspace = layer->in.c;
    return status;
}

/* to (c) += from (c). */
static inline void add(float *restrict to, const float *restrict from, size_t c) {
    for (size_t i = 0; i < c; i++) to[i] += from[i];
}

/* y (c): the mean of the window (h, w, c) at x, whose rows are `pitch` apart; row (c) is scratch.
 */
VECTOR_CLONES static void average(float *restrict y, const float *restrict x, float *restrict row,
                                  const size_t window[2], size_t c, size_t pitch) {
    const float share = (float)(1.0 / ((double)window[0] * (double)window[1]));
    memset(y, 0, c * sizeof *y);
    for (size_t j = 0; j < window[0]; j++, x += pitch) {
        memcpy(row, x, c * sizeof *row);
        for (size_t i = 1; i < window[1]; i++) add(row, x + i * c, c);
        add(y, row, c);
    }
    for (size_t i = 0; i < c; i++) y[i] *= share;
}

/* The window at dx, written from dy (c). */
VECTOR_CLONES static void spread(float *restrict dx, const float *restrict dy,
                                 const size_t window[2], size_t c, size_t pitch) {
    const float share = (float)(1.0 / ((double)window[0] * (double)window[1]));
    for (size_t j = 0; j < window[0]; j++, dx += pitch)
        for (size_t i = 0; i < window[1]; i++)
            for (size_t k = 0; k < c; k++) dx[i * c + k] = dy[k] * share;
}

/* Where window `number` of the call begins in x. */
static size_t window_begin(const Layer *layer, size_t number) {
    size_t per_image = layer->out.h * layer->out.w, at = number % per_image;
    size_t row = at / layer->out.w * layer->window[0];
    size_t column = at % layer->out.w * layer->window[1];
    return ((number / per_image * layer->in.h + row) * layer->in.w + column) * layer->in.c;
}

static size_t window_count(const LayerCall *call) {
    return call->pass->count * call->layer->out.h * call->layer->out.w;
}

static void forward(const LayerCall *call) {
    const Layer *layer = call->layer;
    const size_t c = layer->in.c;
    for (size_t k = 0; k < window_count(call); k++)
        average(call->y + k * c, call->x + window_begin(layer, k), call->workspace, layer->window,
                c, layer->in.w * c);
}

static void backward_input(const LayerCall *call) {
    const Layer *layer = call->layer;
    const size_t c = layer->in.c, *window = layer->window;
    memset(call->dx, 0, call->pass->count * shape_size(layer->in) * sizeof *call->dx);
    for (size_t k = 0; k < window_count(call); k++)
        spread(call->dx + window_begin(layer, k), call->dy + k * c, window, c, layer->in.w * c);
}

static void write_global_config(FILE *out, const Layer *layer) {
    (void)layer;
    fputs(",\"data_format\":\"channels_last\",\"keepdims\":false", out);
}

const LayerKind avgpool_kind = {
    .word = "avgpool",
    .example = "avgpool 2x2",
    .class_name = "AveragePooling2D",
    .name = "average_pooling2d",
    .plan = plan,
    .forward = forward,
    .backward_input = backward_input,
    .write_config = pool_write_config,
};

const LayerKind globalavgpool_kind = {
    .word = "globalavgpool",
    .example = "globalavgpool",
    .class_name = "GlobalAveragePooling2D",
    .name = "global_average_pooling2d",
    .plan = plan_global,
    .forward = forward,
    .backward_input = backward_input,
    .write_config = write_global_config,
};
