/* Max pooling: windows side by side, without padding, so what is left over at the right and at the
 * bottom is not looked at (Keras's padding "valid"). Of equal maxima the first in the window's
 * order, rows then columns, gets the gradient. Backward looks the maximum up again in x and y:
 * that reads what is at hand, and needs no memory for indices. */
#include <string.h>

#include "nn/layer.h"

static Status plan(Layer *layer, Words *words) {
    Status status = STATUS_OK;
    TRY(layer_needs_image(layer, words));
    TRY(words_pair(layer->window, words, "window"));
    TRY(words_end(words));
    size_t h = layer->window[0], w = layer->window[1];
    if (h > layer->in.h || w > layer->in.w)
        TRY(words_fail(words, "the window %zux%zu is larger than its input, %zux%zu", h, w,
                       layer->in.h, layer->in.w));
    layer->out = (Shape){layer->in.h / h, layer->in.w / w, layer->in.c, false};
cleanup:
    return status;
}

static void take_greater(float *restrict y, const float *restrict x, size_t c) {
    for (size_t i = 0; i < c; i++) y[i] = x[i] > y[i] ? x[i] : y[i];
}

/* y (c): the maxima of the window whose first element is x. */
static void pool_window(float *y, const float *x, const Layer *layer) {
    size_t c = layer->in.c, pitch = layer->in.w * c;
    memcpy(y, x, c * sizeof *y);
    for (size_t j = 0; j < layer->window[0]; j++)
        for (size_t i = 0; i < layer->window[1]; i++) take_greater(y, x + j * pitch + i * c, c);
}

static void forward(const LayerCall *call) {
    const Layer *layer = call->layer;
    Shape in = layer->in, out = layer->out;
    size_t pitch = layer->window[0] * in.w * in.c, step = layer->window[1] * in.c;
    for (size_t n = 0; n < call->pass->count; n++)
        for (size_t j = 0; j < out.h; j++)
            for (size_t i = 0; i < out.w; i++)
                pool_window(call->y + ((n * out.h + j) * out.w + i) * out.c,
                            call->x + n * shape_size(in) + j * pitch + i * step, layer);
}

enum { LANES = 64 };

/* dx = what is left of the gradient where x is the maximum, and nothing is left for the next. (x is
 * never above y; told by `<`, gcc makes vector code of it, told by `==` it does not.) */
static void hand_out(float *restrict dx, float *restrict left, const float *restrict x,
                     const float *restrict y, size_t lanes) {
    for (size_t i = 0; i < lanes; i++) {
        float share = left[i];
        dx[i] = x[i] < y[i] ? 0.0F : share;
        left[i] = x[i] < y[i] ? share : 0.0F;
    }
}

static void unpool_lanes(float *dx, const float *dy, const float *x, const float *y,
                         const Layer *layer, size_t lanes) {
    size_t c = layer->in.c, pitch = layer->in.w * c;
    float left[LANES] = {0};
    memcpy(left, dy, lanes * sizeof *left);
    for (size_t j = 0; j < layer->window[0]; j++)
        for (size_t i = 0; i < layer->window[1]; i++)
            hand_out(dx + j * pitch + i * c, left, x + j * pitch + i * c, y, lanes);
}

static void unpool_window(float *dx, const float *dy, const float *x, const float *y,
                          const Layer *layer) {
    size_t whole = layer->in.c / LANES * LANES;
    for (size_t i = 0; i < whole; i += LANES)
        unpool_lanes(dx + i, dy + i, x + i, y + i, layer, LANES);
    unpool_lanes(dx + whole, dy + whole, x + whole, y + whole, layer, layer->in.c - whole);
}

static void backward_input(const LayerCall *call) {
    const Layer *layer = call->layer;
    Shape in = layer->in, out = layer->out;
    size_t pitch = layer->window[0] * in.w * in.c, step = layer->window[1] * in.c;
    if (out.h * layer->window[0] != in.h || out.w * layer->window[1] != in.w)
        memset(call->dx, 0, call->pass->count * shape_size(in) * sizeof *call->dx);
    for (size_t n = 0; n < call->pass->count; n++)
        for (size_t j = 0; j < out.h; j++)
            for (size_t i = 0; i < out.w; i++) {
                size_t to = n * shape_size(in) + j * pitch + i * step;
                size_t from = ((n * out.h + j) * out.w + i) * out.c;
                unpool_window(call->dx + to, call->dy + from, call->x + to, call->y + from, layer);
            }
}

static void write_config(FILE *out, const Layer *layer) {
    size_t h = layer->window[0], w = layer->window[1];
    fprintf(out,
            ",\"pool_size\":[%zu,%zu],\"padding\":\"valid\",\"strides\":[%zu,%zu],"
            "\"data_format\":\"channels_last\"",
            h, w, h, w);
}

const LayerKind maxpool_kind = {
    .word = "maxpool",
    .example = "maxpool 2x2",
    .class_name = "MaxPooling2D",
    .name = "max_pooling2d",
    .plan = plan,
    .forward = forward,
    .backward_input = backward_input,
    .write_config = write_config,
};
