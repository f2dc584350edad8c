/* Inverted dropout. The mask is a pure function of seed, layer, step and sample: element e of a
 * sample takes the 16-bit lane e % 8 of the e / 8-th draw (lane j is in word j / 2, low half
 * first) and is dropped if the lane is below rate * 65536; what is kept is scaled by 1 / (1 -
 * rate). Forward leaves the mask for backward, one bit an element: drawing it again would cost more
 * than reading it. Drawing is most of the cost (2 us of an image's 4 in the default model, where
 * the passes over memory are as fast as a copy). */
#include <math.h>
#include <string.h>

#include "mnist_dist/base/clones.h"
#include "mnist_dist/base/rng.h"
#include "nn/layer.h"

/* Elements of a draw, and of a step of the loop that applies masks. */
enum { LANES = 8, GROUP = 32 };

static Status plan(Layer *layer, Words *words) {
    Status status = words_rate(&layer->rate, words, "rate");
    if (status != STATUS_OK) return status;
    layer->out = layer->in;
    layer->kept = (shape_size(layer->in) + LANES - 1) / LANES;
    return words_end(words);
}

/* A bit for each lane of `count` draws: 1 if it is kept. They become bytes in a loop of their own:
 * within one, gcc would compute all of it in narrow vectors. */
VECTOR_CLONES static void pack_masks(uint8_t *restrict kept, uint32_t words[restrict 4][RNG_BLOCK],
                                     uint32_t threshold, size_t count) {
    uint32_t bits[RNG_BLOCK];
    for (size_t i = 0; i < count; i++) {
        bits[i] = 0;
        for (unsigned j = 0; j < 4; j++) {
            bits[i] |= (words[j][i] & 0xffff) >= threshold ? UINT32_C(1) << 2 * j : 0;
            bits[i] |= words[j][i] >> 16 >= threshold ? UINT32_C(2) << 2 * j : 0;
        }
    }
    for (size_t i = 0; i < count; i++) kept[i] = (uint8_t)bits[i];
}

static void draw_masks(const LayerCall *call, uint32_t threshold) {
    const Layer *layer = call->layer;
    RngStream stream = {call->pass->seed, RNG_DROPOUT, (uint32_t)layer->index, call->pass->step, 0};
    for (size_t i = 0; i < call->pass->count; i++) {
        stream.sample = call->pass->ids[i];
        for (size_t g = 0; g < layer->kept; g += RNG_BLOCK) {
            uint32_t words[4][RNG_BLOCK];
            size_t left = layer->kept - g, count = left < RNG_BLOCK ? left : RNG_BLOCK;
            rng_block(words, &stream, (uint32_t)g, (uint32_t)count);
            pack_masks(call->kept + i * layer->kept + g, words, threshold, count);
        }
    }
}

/* out = in, masked and scaled, for GROUP elements or fewer, whose bits are in `mask`. */
static inline void apply_group(float *restrict out, const float *restrict in, uint32_t mask,
                               size_t count, float scale) {
    for (size_t e = 0; e < count; e++) {
        float value = in[e] * scale;
        out[e] = (mask & UINT32_C(1) << e) != 0 ? value : 0.0F;
    }
}

/* The same for one sample of `count` elements. */
VECTOR_CLONES static void apply(float *restrict out, const float *restrict in,
                                const uint8_t *restrict kept, size_t count, float scale) {
    size_t whole = count / GROUP * GROUP;
    for (size_t e = 0; e < whole; e += GROUP, kept += GROUP / LANES) {
        uint32_t mask =
            kept[0] | (uint32_t)kept[1] << 8 | (uint32_t)kept[2] << 16 | (uint32_t)kept[3] << 24;
        apply_group(out + e, in + e, mask, GROUP, scale);
    }
    for (size_t e = whole; e < count; e += LANES, kept++)
        apply_group(out + e, in + e, *kept, count - e < LANES ? count - e : LANES, scale);
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
