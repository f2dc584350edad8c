/* Reading a checkpoint: verified bytes, then the expected structure and no other.
 *
 * The configuration is read first; from it the model is made, and the model says which arrays there
 * must be and how large. How much memory is taken, the file decides for the history and the rows'
 * hashes alone, which are as long as they are. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint_parts.h"
#include "mnist_dist/base/memory.h"
#include "mnist_dist/train/metrics.h"

/* A failure of another room becomes one of this file. */
static Status blame_file(Status status, const char *path, const char *what) {
    if (status != STATUS_USAGE) return status;
    char reason[1024];
    snprintf(reason, sizeof reason, "%s", status_message());
    status_clear();
    return status_fail(STATUS_CHECKPOINT, "%s: %s: %s", path, what, reason);
}

/* Takes a text attribute into an array of `size` bytes. */
static Status read_text(char *into, size_t size, H5File *file, const char *group, const char *name,
                        const char *path) {
    char *text = NULL;
    Status status = h5file_get_text(&text, file, group, name);
    if (status != STATUS_OK) return status;
    if (strlen(text) >= size)
        status = status_fail(STATUS_CHECKPOINT, "%s: %s@%s: too long", path, group, name);
    else
        memcpy(into, text, strlen(text) + 1);
    free(text);
    return status;
}

static Status check_finite(const float *values, size_t count, const char *name, const char *path) {
    size_t i = 0;
    while (i < count && isfinite(values[i])) i++;
    if (i == count) return STATUS_OK;
    return status_fail(STATUS_CHECKPOINT, "%s: %s: number %zu is not finite", path, name, i);
}

static Status read_params(Checkpoint *checkpoint, H5File *file, const char *path) {
    Status status;
    char name[CHECKPOINT_NAME];
    TRY(MEMORY_NEW(&checkpoint->params, checkpoint->parameter_count));
    for (size_t i = 0; i < model_tensor_count(checkpoint->model); i++) {
        ModelTensor tensor = model_tensor(checkpoint->model, i);
        float *values = checkpoint->params + tensor.offset;
        checkpoint_tensor_name(name, &tensor);
        TRY(h5file_read(file, name, H5_F32, tensor.rank, tensor.dims, values));
        TRY(check_finite(values, tensor.count, name, path));
    }
cleanup:
    return status;
}

/* A vector as long as the parameters; stays NULL if the file has none of this name. */
static Status read_vector(float **vector, H5File *file, const char *name, size_t count,
                          const char *path) {
    Status status = STATUS_OK;
    if (!h5file_has(file, name)) return STATUS_OK;
    TRY(MEMORY_NEW(vector, count));
    TRY(h5file_read(file, name, H5_F32, 1, &count, *vector));
    TRY(check_finite(*vector, count, name, path));
cleanup:
    return status;
}

static Status read_slots(Checkpoint *checkpoint, H5File *file, const char *path) {
    Status status = STATUS_OK;
    char name[CHECKPOINT_NAME];
    for (int i = 0; i < checkpoint_slots(checkpoint); i++) {
        checkpoint_slot_name(name, checkpoint, i);
        TRY(MEMORY_NEW(&checkpoint->slots[i], checkpoint->parameter_count));
        TRY(h5file_read(file, name, H5_F32, 1, &checkpoint->parameter_count, checkpoint->slots[i]));
        TRY(check_finite(checkpoint->slots[i], checkpoint->parameter_count, name, path));
    }
cleanup:
    return status;
}

static Status read_field(Progress *progress, const ProgressField *field, H5File *file,
                         const char *path) {
    Status status;
    int64_t whole = 0;
    double real = 0;
    char *place = (char *)progress + field->offset;
    if (field->type == FIELD_F64) {
        TRY(h5file_get_f64(&real, file, "/training", field->name));
        memcpy(place, &real, sizeof real);
        goto cleanup;
    }
    TRY(h5file_get_i64(&whole, file, "/training", field->name));
    if (field->type == FIELD_U64 && whole < 0)
        TRY(status_fail(STATUS_CHECKPOINT, "%s: /training@%s: is negative", path, field->name));
    memcpy(place, &whole, sizeof whole);
cleanup:
    return status;
}

static Status read_progress(Progress *progress, H5File *file, const char *path) {
    Status status = STATUS_OK;
    bool has_setbacks = h5file_has_attribute(file, "/training", "setbacks"); /* older files: none */
    progress->setbacks = 0;
    for (int i = 0; i < PROGRESS_FIELDS; i++)
        if (i != PROGRESS_SETBACKS || has_setbacks)
            TRY(read_field(progress, &PROGRESS_TABLE[i], file, path));
    if (progress->status < RUN_UNDER_WAY || progress->status > RUN_FINISHED)
        TRY(status_fail(STATUS_CHECKPOINT, "%s: /training@status: unknown", path));
    if (progress->setbacks > PROGRESS_MOST_SETBACKS)
        TRY(status_fail(STATUS_CHECKPOINT, "%s: /training@setbacks: too many", path));
cleanup:
    return status;
}

static Status read_trained(RowHashes *trained, H5File *file) {
    Status status = STATUS_OK;
    if (!h5file_has(file, CHECKPOINT_TRAINED)) return STATUS_OK;
    TRY(h5file_shape(file, CHECKPOINT_TRAINED, H5_U64, 1, &trained->count));
    TRY(MEMORY_NEW(&trained->values, trained->count));
    TRY(h5file_read(file, CHECKPOINT_TRAINED, H5_U64, 1, &trained->count, trained->values));
cleanup:
    return status;
}

/* Attributes of /data and /provenance that the program uses. */
static Status read_record(Checkpoint *checkpoint, H5File *file, const char *path) {
    Status status;
    int64_t rows = 0, ranks = 0, threads = 0;
    TRY(read_text(checkpoint->data_fingerprint, sizeof checkpoint->data_fingerprint, file, "/data",
                  "fingerprint", path));
    TRY(read_text(checkpoint->kernels, sizeof checkpoint->kernels, file, "/provenance", "kernels",
                  path));
    TRY(read_text(checkpoint->program, sizeof checkpoint->program, file, "/provenance", "program",
                  path));
    TRY(read_text(checkpoint->date, sizeof checkpoint->date, file, "/provenance", "date", path));
    if (h5file_has_attribute(file, "/provenance", "machine")) /* older versions did not say */
        TRY(read_text(checkpoint->machine, sizeof checkpoint->machine, file, "/provenance",
                      "machine", path));
    TRY(h5file_get_i64(&rows, file, "/data", "train_rows"));
    TRY(h5file_get_i64(&ranks, file, "/provenance", "ranks"));
    TRY(h5file_get_i64(&threads, file, "/provenance", "threads"));
    checkpoint->train_rows = (uint64_t)rows;
    checkpoint->ranks = (int)ranks;
    checkpoint->threads = (int)threads;
cleanup:
    return status;
}

/* The model is made for its shapes: whether this machine has the kernels that the run was told to
 * use is the business of who computes. */
Status checkpoint_plan(Checkpoint *checkpoint, const char *yaml, const char *path) {
    Status status;
    config_defaults(&checkpoint->config);
    TRY(blame_file(config_read_text(&checkpoint->config, yaml, "/config"), path,
                   "its configuration"));
    ModelOptions options = checkpoint->config.model;
    options.kernels = INSTRUCTIONS_AUTO;
    TRY(blame_file(model_new(&checkpoint->model, &options), path, "its model"));
    checkpoint->parameter_count = model_parameter_count(checkpoint->model);
cleanup:
    return status;
}

static Status read_config(Checkpoint *checkpoint, H5File *file, const char *path) {
    Status status;
    char *yaml = NULL;
    Config *config = &checkpoint->config;
    TRY(h5file_get_text(&yaml, file, "/config", "yaml"));
    TRY(checkpoint_plan(checkpoint, yaml, path));
    TRY(read_text(config->name, sizeof config->name, file, "/config", "name", path));
cleanup:
    free(yaml);
    return status;
}

Status checkpoint_read_content(Checkpoint *checkpoint, H5File *file, const char *path) {
    Status status;
    TRY(read_config(checkpoint, file, path));
    TRY(read_params(checkpoint, file, path));
    TRY(read_slots(checkpoint, file, path));
    TRY(read_vector(&checkpoint->best, file, CHECKPOINT_BEST, checkpoint->parameter_count, path));
    TRY(read_vector(&checkpoint->live, file, CHECKPOINT_LIVE, checkpoint->parameter_count, path));
    TRY(read_progress(&checkpoint->progress, file, path));
    TRY(history_read(&checkpoint->history, file, "/history"));
    TRY(read_record(checkpoint, file, path));
    TRY(read_trained(&checkpoint->trained, file));
cleanup:
    return status;
}

Status checkpoint_load(Checkpoint *checkpoint, const char *path) {
    Status status;
    char *bytes = NULL;
    size_t count = 0;
    H5File *file = NULL;
    memset(checkpoint, 0, sizeof *checkpoint);
    TRY(checkpoint_read_sealed(&bytes, &count, path));
    TRY(h5file_open_bytes(&file, bytes, count, path, STATUS_CHECKPOINT));
    TRY(checkpoint_read_content(checkpoint, file, path));
cleanup:
    h5file_destroy(file);
    free(bytes);
    if (status != STATUS_OK) checkpoint_free(checkpoint);
    return status;
}

/* A sealed file, or one that no program of ours has written, or that one has written anew. */
static Status read_any(Checkpoint *checkpoint, const char *path) {
    char *bytes = NULL;
    size_t count = 0;
    memset(checkpoint, 0, sizeof *checkpoint);
    Status status = checkpoint_read_unsealed(&bytes, &count, path);
    if (status != STATUS_OK) return status;
    if (bytes == NULL) return checkpoint_load(checkpoint, path);
    status = checkpoint_read_stranger(checkpoint, bytes, count, path);
    free(bytes);
    return status;
}

Status checkpoint_read(Checkpoint *checkpoint, const char *path) {
    Status status = read_any(checkpoint, path);
    if (status != STATUS_CHECKPOINT) return status;
    char reason[1024];
    snprintf(reason, sizeof reason, "%s", status_message());
    status_clear();
    return status_fail(STATUS_CHECKPOINT,
                       "%s; name another checkpoint, or train anew with --resume never", reason);
}
