/* The calls of digit.h. A network with its weights and the memory for one image: the page asks for
 * one at a time, and a larger block would only be more memory on a phone. */
#include "report/wasm/digit.h"

#include <stdlib.h>
#include <string.h>

#include "mnist_dist/base/memory.h"
#include "mnist_dist/data/centre.h"
#include "mnist_dist/nn/loss.h"
#include "mnist_dist/nn/model.h"

struct Digit {
    Model *model;
    float *params;
    Scratch *scratch;
};

static Status read_layers(ModelOptions *options, const char *layers) {
    size_t length = strlen(layers);
    if (length >= sizeof options->layers)
        return status_fail(STATUS_USAGE, "model.layers: %zu characters are too many; at most %zu",
                           length, sizeof options->layers - 1);
    memcpy(options->layers, layers, length + 1);
    return STATUS_OK;
}

Digit *digit_new(const char *layers) {
    Status status = STATUS_OK;
    Digit *digit = NULL, *made = NULL;
    ModelOptions options = {0};
    status_clear();
    TRY(read_layers(&options, layers));
    TRY(MEMORY_NEW(&digit, 1));
    TRY(model_new(&digit->model, &options));
    TRY(MEMORY_NEW(&digit->params, model_parameter_count(digit->model)));
    TRY(scratch_new(&digit->scratch, digit->model, 1, false));
    made = digit;
    digit = NULL;
cleanup:
    (void)status; /* the text says it */
    digit_destroy(digit);
    return made;
}

void digit_destroy(Digit *digit) {
    if (digit == NULL) return;
    scratch_destroy(digit->scratch);
    free(digit->params);
    model_destroy(digit->model);
    free(digit);
}

const char *digit_error(void) {
    return status_message();
}

size_t digit_count(const Digit *digit) {
    return model_parameter_count(digit->model);
}

float *digit_params(Digit *digit) {
    return digit->params;
}

void digit_predict(float *probabilities, Digit *digit, const float *images, size_t n) {
    for (size_t i = 0; i < n; i++) {
        ModelPass pass = {.count = 1, .images = images + i * DIGIT_PIXELS};
        const float *logits = model_forward(digit->model, digit->params, digit->scratch, &pass);
        loss_softmax(probabilities + i * DIGIT_CLASSES, logits, 1);
    }
}

int digit_centre(float *image, const float *ink, size_t h, size_t w) {
    return centre_digit(image, ink, h, w);
}
