/* Running statistics: numbers of the flat vector that are measured, not trained.
 *
 * They stand behind the parameters, so that whatever is done with parameters (checkpoints,
 * broadcasts, averages, the best network) is done with them too. Their part of a shard's gradient
 * is what the shard's samples have, times its share of the batch. */
#include <string.h>

#include "nn/plan.h"

size_t model_trained_count(const Model *model) {
    return model->trained_count;
}

size_t model_buffers_begin(const Model *model) {
    return model->buffers_begin;
}

static size_t clamped(size_t value, size_t least, size_t most) {
    if (value < least) return least;
    return value > most ? most : value;
}

void model_update_buffers(const Model *model, float *params, const float *sums, size_t begin,
                          size_t end) {
    for (size_t i = 0; i < model->layer_count; i++) {
        const Layer *layer = &model->layers[i];
        const size_t last = layer->buffer_offset + layer->buffer_count;
        const float gain = (float)(1.0 - layer->momentum);
        for (size_t at = clamped(layer->buffer_offset, begin, end); at < clamped(last, begin, end);
             at++)
            params[at] += gain * (sums[at - begin] - params[at]);
    }
}
