/* A Keras file as a checkpoint.
 *
 * The file is a stranger's, so that a child with limits parses it (base/sandbox.h): it answers with
 * the list of layers and the flat vector of weights, which this side plans a model for and checks
 * again. Kinds of files are told by what is in them, since names are easily changed. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "export/bytes.h"
#include "export/keras_read.h"
#include "export/zip.h"
#include "mnist_dist/base/machine.h"
#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/sandbox.h"
#include "mnist_dist/export/import.h"

static const size_t MOST_BYTES = (size_t)1 << 30, MOST_CONFIG = (size_t)1 << 24;
enum { UNPACKED = 8, SPARE = 1 << 20 }; /* weights hardly become smaller, zeros do */

_Static_assert((int)KERAS_NOTES == (int)IMPORT_NOTES, "notes are copied");

typedef struct Task {
    const char *bytes;
    size_t count;
    const char *path;
    const Config *config;
} Task;

/* ---- In the sandbox -------------------------------------------------------------------------- */

static bool is_zip(const Task *task) {
    return task->count > 4 && memcmp(task->bytes, "PK\003\004", 4) == 0;
}

static Status open_weights(H5File **file, char **content, const Task *task) {
    size_t size = 0;
    if (!is_zip(task))
        return h5file_open_bytes(file, task->bytes, task->count, task->path, STATUS_DATA);
    Status status = zip_extract(content, &size, task->bytes, task->count, "model.weights.h5",
                                UNPACKED * task->count + SPARE, task->path, STATUS_DATA);
    if (status != STATUS_OK) return status;
    return h5file_open_bytes(file, *content, size, task->path, STATUS_DATA);
}

/* The model's JSON, where the file has one; else *json is NULL. */
static Status find_config(char **json, H5File *file, const Task *task) {
    size_t size = 0;
    *json = NULL;
    if (is_zip(task))
        return zip_extract(json, &size, task->bytes, task->count, "config.json", MOST_CONFIG,
                           task->path, STATUS_DATA);
    if (!h5file_has_attribute(file, "/", "model_config")) return STATUS_OK;
    return h5file_get_text(json, file, "/", "model_config");
}

static Status find_layers(KerasLayers *layers, H5File *file, const Task *task) {
    char *json = NULL;
    Status status = find_config(&json, file, task);
    memset(layers, 0, sizeof *layers);
    if (status == STATUS_OK && json != NULL) status = keras_layers_read(layers, json, task->path);
    if (status == STATUS_OK && json == NULL) /* weights alone */
        memcpy(layers->layers, task->config->model.layers, sizeof layers->layers);
    free(json);
    return status;
}

/* The model of these layers; whether this machine has the kernels that the configuration asks for
 * is the business of who computes. */
static Status plan(Model **model, const char *layers, const Task *task) {
    char reason[1024];
    ModelOptions options = task->config->model;
    memcpy(options.layers, layers, sizeof options.layers);
    options.kernels = INSTRUCTIONS_AUTO;
    if (model_new(model, &options) == STATUS_OK) return STATUS_OK;
    snprintf(reason, sizeof reason, "%s", status_message());
    status_clear();
    return status_fail(STATUS_DATA, "%s: as layers of this program it is no model: %s", task->path,
                       reason);
}

/* What does not fit is the configuration's fault if the layers are its own. */
static Status blame_layers(Status status, const char *layers, const Task *task) {
    char reason[1024];
    if (strcmp(layers, task->config->model.layers) != 0) return status;
    snprintf(reason, sizeof reason, "%s", status_message());
    status_clear();
    return status_fail(status, "%s; the layers are those of model.layers: give the file's", reason);
}

static Status parse(SandboxAnswer *answer, void *context) {
    const Task *task = context;
    KerasLayers layers;
    H5File *file = NULL;
    Model *model = NULL;
    char *content = NULL;
    float *params = NULL;
    Status status;
    TRY(open_weights(&file, &content, task));
    if (!keras_weights_are_in(file))
        TRY(status_fail(STATUS_DATA, "%s: has no weights as Keras writes them", task->path));
    TRY(find_layers(&layers, file, task));
    TRY(plan(&model, layers.layers, task));
    TRY(MEMORY_NEW(&params, model_parameter_count(model)));
    status = keras_weights_read(params, model, file, task->path);
    if (status != STATUS_OK) TRY(blame_layers(status, layers.layers, task));
    TRY(sandbox_add(answer, &layers, sizeof layers));
    TRY(sandbox_add(answer, params, model_parameter_count(model) * sizeof *params));
cleanup:
    h5file_destroy(file);
    free(content);
    free(params);
    model_destroy(model);
    return status;
}

/* ---- Outside --------------------------------------------------------------------------------- */

static bool is_text(const char *text, size_t size) {
    return memchr(text, '\0', size) != NULL;
}

static Status take_params(Checkpoint *checkpoint, const SandboxAnswer *answer, const Task *task) {
    size_t count = checkpoint->parameter_count, bytes = count * sizeof(float);
    Status status;
    TRY(MEMORY_NEW(&checkpoint->params, count));
    if (answer->count != sizeof(KerasLayers) + bytes)
        TRY(status_fail(STATUS_DATA, "%s: was not read whole", task->path));
    memcpy(checkpoint->params, answer->bytes + sizeof(KerasLayers), bytes);
    for (size_t i = 0; i < count; i++)
        if (!isfinite(checkpoint->params[i]))
            TRY(status_fail(STATUS_DATA, "%s: weight %zu is not finite", task->path, i));
cleanup:
    return status;
}

/* A run of which no step is done. */
static Status begin(Checkpoint *checkpoint) {
    const Config *config = &checkpoint->config;
    Status status = STATUS_OK;
    for (int i = 0; i < optimizer_slot_count(&config->optimizer); i++)
        TRY(MEMORY_NEW(&checkpoint->slots[i], checkpoint->parameter_count));
    TRY(history_new(&checkpoint->history, 0, 0));
    checkpoint->progress = progress_start(config_base_rate(config));
    strcpy(checkpoint->data_fingerprint, CHECKPOINT_IMPORTED);
    model_describe_kernels(checkpoint->kernels, checkpoint->model);
    machine_describe(checkpoint->machine);
    checkpoint->ranks = checkpoint->threads = 1;
cleanup:
    return status;
}

static Status take_answer(Checkpoint *checkpoint, char notes[IMPORT_NOTES],
                          const SandboxAnswer *answer, const Task *task) {
    KerasLayers layers;
    Status status = STATUS_OK;
    if (answer->count < sizeof layers)
        return status_fail(STATUS_DATA, "%s: was not read whole", task->path);
    memcpy(&layers, answer->bytes, sizeof layers);
    if (!is_text(layers.layers, sizeof layers.layers) || !is_text(layers.notes, KERAS_NOTES))
        return status_fail(STATUS_DATA, "%s: was not read whole", task->path);
    memcpy(notes, layers.notes, IMPORT_NOTES);
    checkpoint->config = *task->config;
    memcpy(checkpoint->config.model.layers, layers.layers, sizeof layers.layers);
    TRY(plan(&checkpoint->model, layers.layers, task));
    checkpoint->parameter_count = model_parameter_count(checkpoint->model);
    TRY(take_params(checkpoint, answer, task));
    TRY(begin(checkpoint));
cleanup:
    return status;
}

Status import_keras(Checkpoint *checkpoint, char notes[IMPORT_NOTES], const char *path,
                    const Config *config) {
    char *bytes = NULL;
    SandboxAnswer answer = {0};
    Task task = {.path = path, .config = config};
    Status status;
    memset(checkpoint, 0, sizeof *checkpoint);
    TRY(bytes_read(&bytes, &task.count, path, MOST_BYTES, STATUS_DATA));
    task.bytes = bytes;
    SandboxLimits limits = sandbox_limits(task.count);
    TRY(sandbox_run(&answer, parse, &task, &limits, path, STATUS_DATA));
    TRY(take_answer(checkpoint, notes, &answer, &task));
cleanup:
    free(bytes);
    free(answer.bytes);
    if (status != STATUS_OK) checkpoint_free(checkpoint);
    return status;
}
