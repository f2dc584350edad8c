/* Inverted dropout. The mask is a pure function of seed, layer, step and sample: element e of a
 * sample takes the 16-bit lane e % 8 of the e / 8-th draw (lane j is in word j / 2, low half
 * first) and is dropped if the lane is below rate * 65536; what is kept is scaled by 1 / (1 -
 * rate). Forward leaves the mask for backward, one bit an element: drawing it again would cost more
 * than reading it. */
#include <math.h>
#include <string.h>

#include "mnist_dist/base/rng.h"
#include "nn/layer.h"

enum { LANES = 8 };

static Status plan(Layer *layer, Words *words) {
    Status status = words_rate(&layer->rate, words, "rate");
    if (status != STATUS_OK) return status;
    layer->out = layer->in;
    layer->kept = (shape_size(layer->in) + LANES - 1) / LANES;
    return words_end(words);
}

/* A bit for each lane of the draw: 1 if it is kept. */
static uint8_t draw(const RngStream *stream, size_t group, uint32_t threshold) {
    uint32_t words[4], bits = 0;
    rng_words(words, stream, (uint32_t)group);
    for (unsigned lane = 0; lane < LANES; lane++) {
        uint32_t value = words[lane / 2] >> (16 * (lane % 2)) & 0xffff;
        bits |= (uint32_t)(value >= threshold) << lane;
    }
    return (uint8_t)bits;
}

static void draw_masks(const LayerCall *call, uint32_t threshold) {
    const Layer *layer = call->layer;
    RngStream stream = {call->pass->seed, RNG_DROPOUT, (uint32_t)layer->index, call->pass->step, 0};
    for (size_t i = 0; i < call->pass->count; i++) {
        stream.sample = call->pass->ids[i];
        for (size_t g = 0; g < layer->kept; g++)
            call->kept[i * layer->kept + g] = draw(&stream, g, threshold);
    }
}

/* out = in, masked and scaled, for a group of LANES elements or fewer. */
static void apply_group(float *restrict out, const float *restrict in, uint32_t mask, size_t count,
                        float scale) {
    static const uint32_t bits[LANES] = {1, 2, 4, 8, 16, 32, 64, 128};
    for (size_t e = 0; e < count; e++) {
        float value = in[e] * scale;
        out[e] = (mask & bits[e]) != 0 ? value : 0.0F;
    }
}

/* The same for one sample of `count` elements. */
static void apply(float *out, const float *in, const uint8_t *mask, size_t count, float scale) {
    size_t whole = count / LANES * LANES;
    for (size_t e = 0; e < whole; e += LANES)
        apply_group(out + e, in + e, mask[e / LANES], LANES, scale);
    if (whole < count)
        apply_group(out + whole, in + whole, mask[whole / LANES], count - whole, scale);
}

static void apply_all(const LayerCall *call, float *out, const float *in) {
    const Layer *layer = call->layer;
    size_t size = shape_size(layer->in);
    float scale = (float)(1.0 / (1.0 - layer->rate));
    for (size_t i = 0; i < call->pass->count; i++)
        apply(out + i * size, in + i * size, call->kept + i * layer->kept, size, scale);
}

static uint32_t threshold_of(const LayerCall *call) {
    return call->pass->training ? (uint32_t)lround(call->layer->rate * 65536.0) : 0;
}

static void copy_all(const LayerCall *call, float *out, const float *in) {
    memcpy(out, in, call->pass->count * shape_size(call->layer->in) * sizeof *out);
}

static void forward(const LayerCall *call) {
    uint32_t threshold = threshold_of(call);
    if (threshold == 0) {
        copy_all(call, call->y, call->x);
        return;
    }
    draw_masks(call, threshold);
    apply_all(call, call->y, call->x);
}

static void backward_input(const LayerCall *call) {
    if (threshold_of(call) == 0)
        copy_all(call, call->dx, call->dy);
    else
        apply_all(call, call->dx, call->dy);
}

static void write_config(FILE *out, const Layer *layer) {
    fprintf(out, ",\"rate\":%.15g,\"noise_shape\":null,\"seed\":null", layer->rate);
}

const LayerKind dropout_kind = {
    .word = "dropout",
    .example = "dropout 0.25",
    .class_name = "Dropout",
    .name = "dropout",
    .plan = plan,
    .forward = forward,
    .backward_input = backward_input,
    .write_config = write_config,
};
