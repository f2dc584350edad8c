/* A small network with what it needs to run, for the tests of nn. Numbers come from a fixed hash,
 * so that a failure is the same failure every time. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mnist_dist/base/digits.h"
#include "mnist_dist/base/memory.h"
#include "mnist_dist/nn/loss.h"
#include "nn/plan.h"

typedef struct Net {
    Model *model;
    Scratch *scratch;
    size_t capacity, pixels, parameters;
    float *params, *gradients;
    float *images, *targets, *dlogits;
    uint32_t *ids;
    uint8_t *labels;
} Net;

/* A number in [-1, 1) that i names. */
static inline float net_noise(uint32_t i) {
    uint32_t x = i * 2654435761u + 12345u;
    x = (x ^ x >> 15) * 2246822519u;
    x = (x ^ x >> 13) * 3266489917u;
    return (float)((x ^ x >> 16) >> 8) / 8388608.0F - 1.0F;
}

static inline void net_fill(float *values, size_t count, uint32_t salt, float scale) {
    for (size_t i = 0; i < count; i++) values[i] = scale * net_noise(salt * 1000003u + (uint32_t)i);
}

static inline void net_fill_batch(Net *net) {
    net_fill(net->images, net->capacity * net->pixels, 2, 1.0F);
    for (size_t i = 0; i < net->capacity; i++) {
        net->ids[i] = (uint32_t)(1000 + 7 * i);
        net->labels[i] = (uint8_t)(i * 3 % DIGIT_CLASSES);
        net->targets[i * DIGIT_CLASSES + net->labels[i]] = 0.9F;
        net->targets[i * DIGIT_CLASSES + (net->labels[i] + 1U) % DIGIT_CLASSES] = 0.1F;
    }
}

static inline void net_fill_params(Net *net) {
    net_fill(net->params, net->parameters, 1, 0.5F);
    for (size_t t = 0; t < model_tensor_count(net->model); t++) {
        ModelTensor tensor = model_tensor(net->model, t);
        bool variance = strcmp(tensor.name, "moving_variance") == 0;
        for (size_t i = 0; variance && i < tensor.count; i++)
            net->params[tensor.offset + i] += 0.6F;
    }
}

/* The network of the list, for `capacity` samples; every parameter is a random number, the biases
 * too; variances are above 0. */
static inline Net net_new(const char *list, Shape input, size_t capacity) {
    Net net = {.capacity = capacity, .pixels = shape_size(input)};
    ModelOptions options = {.convolution = CONVOLUTION_AUTO};
    snprintf(options.layers, sizeof options.layers, "%s", list);
    assert_int_equal(model_plan(&net.model, &options, input), STATUS_OK);
    assert_int_equal(scratch_new(&net.scratch, net.model, capacity, true), STATUS_OK);
    net.parameters = model_parameter_count(net.model);
    assert_int_equal(MEMORY_NEW(&net.params, net.parameters), STATUS_OK);
    assert_int_equal(MEMORY_NEW(&net.gradients, net.parameters), STATUS_OK);
    assert_int_equal(MEMORY_NEW(&net.images, capacity * net.pixels), STATUS_OK);
    assert_int_equal(MEMORY_NEW(&net.targets, capacity * DIGIT_CLASSES), STATUS_OK);
    assert_int_equal(MEMORY_NEW(&net.dlogits, capacity * DIGIT_CLASSES), STATUS_OK);
    assert_int_equal(MEMORY_NEW(&net.ids, capacity), STATUS_OK);
    assert_int_equal(MEMORY_NEW(&net.labels, capacity), STATUS_OK);
    net_fill_params(&net);
    net_fill_batch(&net);
    return net;
}

static inline void net_destroy(Net *net) {
    model_destroy(net->model);
    scratch_destroy(net->scratch);
    void *const parts[] = {net->params,  net->gradients, net->images, net->targets,
                           net->dlogits, net->ids,       net->labels};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) free(parts[i]);
}

/* The pass over the net's first n samples. */
static inline ModelPass net_pass(const Net *net, size_t n, bool training) {
    return (ModelPass){.training = training,
                       .seed = 77,
                       .step = 3,
                       .count = n,
                       .images = net->images,
                       .ids = net->ids};
}

/* The mean loss of the first n samples, all layers run anew. */
static inline double net_loss(Net *net, size_t n, bool training) {
    ModelPass pass = net_pass(net, n, training);
    const float *logits = model_forward(net->model, net->params, net->scratch, &pass);
    return loss_cross_entropy(logits, net->targets, net->labels, n).loss / (double)n;
}

/* The mean loss, and its gradient in net->gradients. */
static inline double net_gradients(Net *net, size_t n, bool training) {
    ModelPass pass = net_pass(net, n, training);
    const float *logits = model_forward(net->model, net->params, net->scratch, &pass);
    double loss = loss_cross_entropy(logits, net->targets, net->labels, n).loss / (double)n;
    loss_cross_entropy_gradient(net->dlogits, logits, net->targets, n, 1.0F / (float)n);
    model_backward(net->model, net->params, net->scratch, &pass, net->dlogits,
                   &(ModelGradients){.dparams = net->gradients});
    return loss;
}
