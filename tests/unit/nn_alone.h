/* A layer by itself, for tests of its numbers. */
#pragma once

#include "nn_net.h"

enum { SAMPLES = 2 };

static const LayerKind *const kinds[] = {&conv_kind,          &batchnorm_kind, &leakyrelu_kind,
                                         &relu_kind,          &maxpool_kind,   &avgpool_kind,
                                         &globalavgpool_kind, &dropout_kind};

/* A layer by itself: its plan, and memory for a call. */
typedef struct Bench {
    Layer layer;
    ModelPass pass;
    uint32_t ids[SAMPLES];
    float *x, *y, *dx, *dy, *params, *dparams, *buffers, *dbuffers, *workspace;
    uint8_t *kept;
} Bench;

static inline float *floats(size_t count, uint32_t salt) {
    float *values = NULL;
    assert_int_equal(MEMORY_NEW(&values, count), STATUS_OK);
    if (salt != 0) net_fill(values, count, salt, 1.0F);
    return values;
}

static inline void plan_alone(Layer *layer, const char *text) {
    static const KernelOptions kernels;
    Words words;
    layer->kernels = &kernels;
    assert_int_equal(words_split(&words, text, strlen(text), 1), STATUS_OK);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i]->word, words.words[0]) == 0) layer->kind = kinds[i];
    words.next = 1;
    assert_non_null(layer->kind);
    assert_int_equal(layer->kind->plan(layer, &words), STATUS_OK);
}

static inline void bench_start(Bench *bench, const char *text, Shape in) {
    *bench = (Bench){.layer = {.in = in, .index = 4}, .ids = {11, 5}};
    plan_alone(&bench->layer, text);
    size_t inputs = SAMPLES * shape_size(in), outputs = SAMPLES * shape_size(bench->layer.out);
    size_t most = bench->layer.forward_workspace + bench->layer.backward_workspace;
    bench->pass =
        (ModelPass){.training = true, .seed = 99, .step = 6, .count = SAMPLES, .ids = bench->ids};
    bench->x = floats(inputs, 1);
    bench->y = floats(outputs, 0);
    bench->dx = floats(inputs, 0);
    bench->dy = floats(outputs, 3);
    bench->params = floats(bench->layer.parameter_count, 4);
    bench->dparams = floats(bench->layer.parameter_count, 0);
    bench->buffers = floats(bench->layer.buffer_count, 6);
    bench->dbuffers = floats(bench->layer.buffer_count, 7);
    bench->workspace = floats(most, 5);
    bench->kept = (uint8_t *)floats(SAMPLES * bench->layer.kept + bench->layer.kept_once, 0);
}

static inline LayerCall bench_call(Bench *bench) {
    return (LayerCall){.layer = &bench->layer,
                       .pass = &bench->pass,
                       .params = bench->params,
                       .dparams = bench->dparams,
                       .buffers = bench->buffers,
                       .dbuffers = bench->dbuffers,
                       .x = bench->x,
                       .dx = bench->dx,
                       .y = bench->y,
                       .dy = bench->dy,
                       .kept = bench->kept,
                       .workspace = bench->workspace};
}

static inline void bench_end(Bench *bench) {
    void *const parts[] = {bench->buffers,   bench->dbuffers, bench->x,      bench->y,
                           bench->dx,        bench->dy,       bench->params, bench->dparams,
                           bench->workspace, bench->kept};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) free(parts[i]);
}
