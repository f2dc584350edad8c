/* The program's arithmetic, asked over a pipe, for Keras's to be held against.
 *
 *   parity "conv 3x3 8 relu, flatten, dense 10 softmax" optimizer.kind=adam ...
 *
 * Requests on standard input, answers on standard output, numbers in this machine's order; P is the
 * count of the model's parameters, tensor by tensor, moving statistics among them, T that of those
 * that are trained, S that of the optimizer's vectors:
 *
 *   'g', u32 n, f32 (P), images (n, 784), targets (n, 10)  ->  f64 mean loss, f32 gradients (P),
 *                                 in which a batch's statistics stand where moving ones are
 *   'u', f64 rate, u64 iteration, f32 (T), gradients (T), slots (S, T)  ->  f32 (T), slots (S, T)
 *   'a', f64 theta, tx, ty, zx, zy, u8 (784)               ->  f32 (784): nearest fill */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mnist_dist/base/memory.h"
#include "mnist_dist/data/augment.h"
#include "mnist_dist/nn/loss.h"
#include "mnist_dist/nn/model.h"
#include "mnist_dist/train/config.h"

enum { MOST = 256 /* samples of a request */ };

typedef struct Side {
    Config config;
    Model *model;
    Scratch *scratch;
    size_t trained;
    float *params, *gradients, *slots[OPTIMIZER_MAX_SLOTS];
    float *images, *targets, *dlogits;
    uint8_t labels[MOST];
    uint32_t ids[MOST];
} Side;

/* What the other side does not send or take is its own failure, which it speaks of. */
static void take(void *bytes, size_t count) {
    if (count > 0 && fread(bytes, count, 1, stdin) != 1) exit(1);
}

static void give(const void *bytes, size_t count) {
    if (count > 0 && fwrite(bytes, count, 1, stdout) != 1) exit(1);
}

/* Tensors lie in the flat vector with a gap before the moving statistics; here without. */
static void for_tensors(const Side *side, float *vector,
                        void (*move)(float *values, size_t bytes)) {
    for (size_t i = 0; i < model_tensor_count(side->model); i++) {
        ModelTensor tensor = model_tensor(side->model, i);
        move(vector + tensor.offset, tensor.count * sizeof *vector);
    }
}

static void take_floats(float *values, size_t bytes) {
    take(values, bytes);
}

static void give_floats(float *values, size_t bytes) {
    give(values, bytes);
}

static void answer_gradient(Side *side) {
    uint32_t n = 0;
    take(&n, sizeof n);
    if (n == 0 || n > MOST) exit(1);
    for_tensors(side, side->params, take_floats);
    take(side->images, n * DIGIT_PIXELS * sizeof *side->images);
    take(side->targets, n * DIGIT_CLASSES * sizeof *side->targets);
    const ModelPass pass = {.training = true, .count = n, .images = side->images, .ids = side->ids};
    const ModelGradients gradients = {.dparams = side->gradients};
    const float *logits = model_forward(side->model, side->params, side->scratch, &pass);
    Tally tally = loss_cross_entropy(logits, side->targets, side->labels, n);
    loss_cross_entropy_gradient(side->dlogits, logits, side->targets, n, 1.0F / (float)n);
    model_backward(side->model, side->params, side->scratch, &pass, side->dlogits, &gradients);
    const double loss = tally.loss / n;
    give(&loss, sizeof loss);
    for_tensors(side, side->gradients, give_floats);
}

static void answer_update(Side *side) {
    const OptimizerOptions *options = &side->config.optimizer;
    size_t bytes = side->trained * sizeof(float);
    int slots = optimizer_slot_count(options);
    double rate = 0.0;
    uint64_t iteration = 0;
    take(&rate, sizeof rate);
    take(&iteration, sizeof iteration);
    take(side->params, bytes);
    take(side->gradients, bytes);
    for (int i = 0; i < slots; i++) take(side->slots[i], bytes);
    optimizer_step(options, side->params, side->gradients, side->slots, side->trained, rate,
                   iteration);
    give(side->params, bytes);
    for (int i = 0; i < slots; i++) give(side->slots[i], bytes);
}

static void answer_augmentation(void) {
    double numbers[5];
    uint8_t image[DIGIT_PIXELS];
    float out[DIGIT_PIXELS];
    take(numbers, sizeof numbers);
    take(image, sizeof image);
    const AugmentDraw draw = {.theta = numbers[0],
                              .tx = numbers[1],
                              .ty = numbers[2],
                              .zx = numbers[3],
                              .zy = numbers[4]};
    const AffineMap map = augment_map(&draw);
    augment_image(out, image, &map, FILL_NEAREST, NULL);
    give(out, sizeof out);
}

static Status prepare(Side *side, int argc, char **argv) {
    Status status;
    config_defaults(&side->config);
    snprintf(side->config.model.layers, sizeof side->config.model.layers, "%s", argv[1]);
    for (int i = 2; i < argc; i++) TRY(config_set(&side->config, argv[i]));
    TRY(model_new(&side->model, &side->config.model));
    side->trained = model_trained_count(side->model);
    size_t parameters = model_parameter_count(side->model);
    TRY(scratch_new(&side->scratch, side->model, MOST, true));
    TRY(MEMORY_NEW(&side->params, parameters));
    TRY(MEMORY_NEW(&side->gradients, parameters));
    for (int i = 0; i < OPTIMIZER_MAX_SLOTS; i++) TRY(MEMORY_NEW(&side->slots[i], parameters));
    TRY(MEMORY_NEW(&side->images, MOST * DIGIT_PIXELS));
    TRY(MEMORY_NEW(&side->targets, MOST * DIGIT_CLASSES));
    TRY(MEMORY_NEW(&side->dlogits, MOST * DIGIT_CLASSES));
cleanup:
    return status;
}

static void finish(Side *side) {
    scratch_destroy(side->scratch);
    model_destroy(side->model);
    for (int i = 0; i < OPTIMIZER_MAX_SLOTS; i++) free(side->slots[i]);
    free(side->params);
    free(side->gradients);
    free(side->images);
    free(side->targets);
    free(side->dlogits);
}

int main(int argc, char **argv) {
    Side side = {.model = NULL};
    Status status = argc < 2 ? STATUS_USAGE : prepare(&side, argc, argv);
    if (status != STATUS_OK) fprintf(stderr, "parity: %s\n", status_message());
    for (int request; status == STATUS_OK && (request = getchar()) != EOF; fflush(stdout)) {
        if (request == 'g') answer_gradient(&side);
        if (request == 'u') answer_update(&side);
        if (request == 'a') answer_augmentation();
    }
    finish(&side);
    return (int)status;
}
