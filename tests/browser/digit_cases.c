/* What the program's own network says of some images, for the page's network to be held against.
 *
 *   digit_cases OUT "conv 3x3 8 same relu, flatten, dense 10 softmax"   random weights and images
 *   digit_cases OUT CHECKPOINT.h5 DIGITS.h5                              a trained one, 1000 rows
 *
 * OUT: one line of JSON, {"layers": text, "parameters": count, "images": count}, then floats of
 * this machine's order: parameters, images (n, 28, 28), probabilities (n, 10). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/minmax.h"
#include "mnist_dist/data/dataset.h"
#include "mnist_dist/nn/loss.h"
#include "mnist_dist/nn/model.h"
#include "mnist_dist/train/checkpoint.h"

enum { ROWS = 1000, RANDOM = 100 };

typedef struct Cases {
    ModelOptions options;
    Model *model;
    float *params, *images, *probabilities;
    size_t count;
} Cases;

/* A number in [0, 1) that i names. */
static float noise(uint32_t i) {
    uint32_t x = i * 2654435761u + 12345u;
    x = (x ^ x >> 15) * 2246822519u;
    x = (x ^ x >> 13) * 3266489917u;
    return (float)((x ^ x >> 16) >> 8) / 16777216.0F;
}

/* Squares of 7 x 7 pixels, light or dark, with a grain, so that images differ as much as digits. */
static float pixel_of(uint32_t i) {
    uint32_t image = i / DIGIT_PIXELS, y = i % DIGIT_PIXELS / DIGIT_SIDE, x = i % DIGIT_SIDE;
    bool light = noise(image * 16 + y / 7 * 4 + x / 7) < noise(image + 5000000);
    return light ? noise(i) : 0.0F;
}

/* Biases too are other than 0. */
static Status make_random(Cases *cases, const char *layers) {
    Status status = STATUS_OK;
    cases->count = RANDOM;
    snprintf(cases->options.layers, sizeof cases->options.layers, "%s", layers);
    TRY(model_new(&cases->model, &cases->options));
    size_t parameters = model_parameter_count(cases->model);
    TRY(MEMORY_NEW(&cases->params, parameters));
    TRY(MEMORY_NEW(&cases->images, RANDOM * DIGIT_PIXELS));
    model_initialize(cases->model, cases->params, 1);
    for (size_t i = 0; i < parameters; i++) cases->params[i] += 0.1F * (noise((uint32_t)i) - 0.5F);
    for (uint32_t i = 0; i < RANDOM * DIGIT_PIXELS; i++) cases->images[i] = pixel_of(i);
cleanup:
    return status;
}

static Status read_images(Cases *cases, const char *path) {
    Status status = STATUS_OK;
    DatasetInfo info;
    Dataset dataset;
    uint8_t *memory = NULL;
    TRY(dataset_inspect(&info, path));
    TRY(MEMORY_NEW(&memory, dataset_bytes(&info)));
    TRY(dataset_read(memory, &info, path, (DatasetShare){0, 1}));
    dataset_view(&dataset, &info, memory);
    cases->count = smaller(info.train_rows, ROWS);
    TRY(MEMORY_NEW(&cases->images, cases->count * DIGIT_PIXELS));
    for (size_t i = 0; i < cases->count * DIGIT_PIXELS; i++)
        cases->images[i] = (float)dataset.train_images[i] / 255.0F;
cleanup:
    free(memory);
    return status;
}

static Status read_trained(Cases *cases, const char *path) {
    Checkpoint checkpoint = {0};
    Status status = STATUS_OK;
    TRY(checkpoint_read(&checkpoint, path));
    cases->options = checkpoint.config.model;
    cases->model = checkpoint.model;
    cases->params = checkpoint.params;
    checkpoint.model = NULL;
    checkpoint.params = NULL;
cleanup:
    checkpoint_free(&checkpoint);
    return status;
}

/* As `predict` does it: by the best kernels of this machine. */
static Status judge(Cases *cases) {
    Status status = STATUS_OK;
    Scratch *scratch = NULL;
    ModelPass pass = {.count = cases->count, .images = cases->images};
    TRY(scratch_new(&scratch, cases->model, cases->count, false));
    TRY(MEMORY_NEW(&cases->probabilities, cases->count * DIGIT_CLASSES));
    const float *logits = model_forward(cases->model, cases->params, scratch, &pass);
    loss_softmax(cases->probabilities, logits, cases->count);
cleanup:
    scratch_destroy(scratch);
    return status;
}

static Status write_cases(const Cases *cases, const char *path) {
    size_t parameters = model_parameter_count(cases->model), n = cases->count;
    FILE *out = fopen(path, "wb");
    if (out == NULL) return status_fail_errno(STATUS_FAILED, "%s: cannot be written", path);
    fprintf(out, "{\"layers\": \"%s\", \"parameters\": %zu, \"images\": %zu}\n",
            cases->options.layers, parameters, n);
    fwrite(cases->params, sizeof(float), parameters, out);
    fwrite(cases->images, sizeof(float), n * DIGIT_PIXELS, out);
    fwrite(cases->probabilities, sizeof(float), n * DIGIT_CLASSES, out);
    if (fclose(out) == 0) return STATUS_OK;
    return status_fail_errno(STATUS_FAILED, "%s: cannot be written", path);
}

int main(int argc, char **argv) {
    Cases cases = {0};
    Status status = STATUS_USAGE;
    if (argc == 3) status = make_random(&cases, argv[2]);
    if (argc == 4) status = read_trained(&cases, argv[2]);
    if (argc == 4 && status == STATUS_OK) status = read_images(&cases, argv[3]);
    if (status == STATUS_OK) status = judge(&cases);
    if (status == STATUS_OK) status = write_cases(&cases, argv[1]);
    if (status != STATUS_OK) fprintf(stderr, "digit_cases: %s\n", status_message());
    model_destroy(cases.model);
    free(cases.params);
    free(cases.images);
    free(cases.probabilities);
    return (int)status;
}
