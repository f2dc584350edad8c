/* Max pooling: windows side by side, without padding, so what is left over at the right and at the
 * bottom is not looked at (Keras's padding "valid"). Of equal maxima the first in the window's
 * order, rows then columns, gets the gradient. Backward looks the maximum up again in x and y:
 * that reads what is at hand, and needs no memory for indices. */
#include <string.h>

#include "mnist_dist/base/clones.h"
#include "nn/layer.h"

/* Channels that are worked on at a time. */
enum { LANES = 32 };

Status pool_plan(Layer *layer, Words *words) {
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

/* What the passes over an image need to know, all in floats. */
typedef struct Windows {
    size_t rows, columns; /* of y */
    size_t h, w;          /* of a window */
    size_t c, pitch;      /* of a pixel and of a row of x */
} Windows;

static Windows windows_of(const Layer *layer) {
    return (Windows){
        .rows = layer->out.h,
        .columns = layer->out.w,
        .h = layer->window[0],
        .w = layer->window[1],
        .c = layer->in.c,
        .pitch = layer->in.w * layer->in.c,
    };
}

/* y (lanes): the maxima of the window whose first element is x. A NaN stays one, so that divergence
 * is seen. */
static inline void pool_lanes(float *restrict y, const float *restrict x, const Windows *windows,
                              size_t lanes) {
    for (size_t l = 0; l < lanes; l++) y[l] = x[l];
    for (size_t j = 0; j < windows->h; j++)
        for (size_t i = 0; i < windows->w; i++) {
            const float *tap = x + j * windows->pitch + i * windows->c;
            for (size_t l = 0; l < lanes; l++)
                y[l] = ((tap[l] > y[l]) | (tap[l] != tap[l])) ? tap[l] : y[l];
        }
}

static inline void pool_window(float *restrict y, const float *restrict x, const Windows *windows) {
    size_t whole = windows->c / LANES * LANES;
    for (size_t l = 0; l < whole; l += LANES) pool_lanes(y + l, x + l, windows, LANES);
    if (whole < windows->c) pool_lanes(y + whole, x + whole, windows, windows->c - whole);
}

/* One image. The default window is made known to the compiler. */
VECTOR_CLONES static void pool_image(float *restrict y, const float *restrict x,
                                     const Windows *windows) {
    Windows known = *windows;
    bool usual = windows->h == 2 && windows->w == 2;
    known.h = known.w = 2;
    for (size_t j = 0; j < windows->rows; j++)
        for (size_t i = 0; i < windows->columns; i++, y += windows->c) {
            const float *first = x + j * windows->h * windows->pitch + i * windows->w * windows->c;
            if (usual)
                pool_window(y, first, &known);
            else
                pool_window(y, first, windows);
        }
}

static void forward(const LayerCall *call) {
    const Layer *layer = call->layer;
    Windows windows = windows_of(layer);
    size_t in = shape_size(layer->in), out = shape_size(layer->out);
    for (size_t n = 0; n < call->pass->count; n++)
        pool_image(call->y + n * out, call->x + n * in, &windows);
}

/* dx = what is left of the gradient where x is the maximum, and nothing is left for the next. (x is
 * never above y; told by `<`, gcc makes vector code of it, told by `==` it does not.) */
static inline void unpool_lanes(float *restrict dx, const float *restrict dy,
                                const float *restrict x, const float *restrict y,
                                const Windows *windows, size_t lanes) {
    float left[LANES];
    for (size_t l = 0; l < lanes; l++) left[l] = dy[l];
    for (size_t j = 0; j < windows->h; j++)
        for (size_t i = 0; i < windows->w; i++) {
            size_t tap = j * windows->pitch + i * windows->c;
            for (size_t l = 0; l < lanes; l++) {
                bool below = x[tap + l] < y[l];
                dx[tap + l] = below ? 0.0F : left[l];
                left[l] = below ? left[l] : 0.0F;
            }
        }
}

static inline void unpool_window(float *restrict dx, const float *restrict dy,
                                 const float *restrict x, const float *restrict y,
                                 const Windows *windows) {
    size_t c = windows->c, whole = c / LANES * LANES;
    for (size_t l = 0; l < whole; l += LANES)
        unpool_lanes(dx + l, dy + l, x + l, y + l, windows, LANES);
    if (whole < c) unpool_lanes(dx + whole, dy + whole, x + whole, y + whole, windows, c - whole);
}

VECTOR_CLONES static void unpool_image(float *restrict dx, const float *restrict dy,
                                       const float *restrict x, const float *restrict y,
                                       const Windows *windows) {
    Windows known = *windows;
    bool usual = windows->h == 2 && windows->w == 2;
    known.h = known.w = 2;
    for (size_t j = 0; j < windows->rows; j++)
        for (size_t i = 0; i < windows->columns; i++, y += windows->c, dy += windows->c) {
            size_t first = j * windows->h * windows->pitch + i * windows->w * windows->c;
            if (usual)
                unpool_window(dx + first, dy, x + first, y, &known);
            else
                unpool_window(dx + first, dy, x + first, y, windows);
        }
}

static void backward_input(const LayerCall *call) {
    const Layer *layer = call->layer;
    Windows windows = windows_of(layer);
    size_t in = shape_size(layer->in), out = shape_size(layer->out);
    if (windows.rows * windows.h != layer->in.h || windows.columns * windows.w != layer->in.w)
        memset(call->dx, 0, call->pass->count * in * sizeof *call->dx);
    for (size_t n = 0; n < call->pass->count; n++)
        unpool_image(call->dx + n * in, call->dy + n * out, call->x + n * in, call->y + n * out,
                     &windows);
}

void pool_write_config(FILE *out, const Layer *layer) {
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
    .plan = pool_plan,
    .forward = forward,
    .backward_input = backward_input,
    .write_config = pool_write_config,
};
