/* Writing a checkpoint: HDF5 under a temporary name, sealed, read back, renamed.
 *
 * The weights lie where Keras 2 and 3 look for them in a whole-model .h5 file (keras-team/keras
 * 3.16, src/legacy/saving/legacy_h5_format.py: load_model_from_hdf5 and
 * load_weights_from_hdf5_group): root attributes keras_version, backend and model_config; groups
 * /model_weights/LAYER listed by layer_names, their datasets by weight_names. Keras ignores the
 * other groups. A keras_version below 2 would make it transpose kernels. Refused: Keras's own
 * /optimizer_weights, of which it restores the iteration and the rate only; ours is /optimizer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint_parts.h"
#include "mnist_dist/base/clock.h"
#include "mnist_dist/base/safefile.h"
#include "mnist_dist/train/metrics.h"

#ifndef MNIST_DIST_VERSION
#define MNIST_DIST_VERSION "unknown"
#endif

static const char KERAS_VERSION[] = "2.15.0";
static const char WEIGHTS[] = "/model_weights";
enum { MAX_LAYER_TENSORS = 8 };

/* ---- As Keras has it ------------------------------------------------------------------------- */

static Status set_keras_version(H5File *file, const char *object) {
    Status status;
    TRY(h5file_set_text(file, object, "keras_version", KERAS_VERSION));
    TRY(h5file_set_text(file, object, "backend", "tensorflow"));
cleanup:
    return status;
}

static Status write_layer_names(H5File *file, const Model *model) {
    Status status;
    size_t count = model_layer_count(model);
    const char **names = malloc((count + 1) * sizeof *names);
    if (names == NULL) return status_fail(STATUS_FAILED, "out of memory");
    for (size_t i = 0; i < count; i++) names[i] = model_layer_name(model, i);
    TRY(h5file_set_texts(file, WEIGHTS, "layer_names", names, count));
cleanup:
    free(names);
    return status;
}

static Status write_tensor(H5File *file, const ModelTensor *tensor, const float *params) {
    char name[CHECKPOINT_NAME];
    checkpoint_tensor_name(name, tensor);
    return h5file_write(file, name, H5_F32, tensor->rank, tensor->dims, params + tensor->offset);
}

static size_t find_tensors(ModelTensor tensors[MAX_LAYER_TENSORS], const Model *model,
                           const char *layer) {
    size_t count = 0;
    for (size_t i = 0; i < model_tensor_count(model) && count < MAX_LAYER_TENSORS; i++) {
        tensors[count] = model_tensor(model, i);
        if (strcmp(tensors[count].layer, layer) == 0) count++;
    }
    return count;
}

/* The names of a layer's arrays within its group; none for most layers. */
static Status write_weight_names(H5File *file, const char *group, const ModelTensor tensors[],
                                 size_t count) {
    char texts[MAX_LAYER_TENSORS][CHECKPOINT_NAME];
    const char *names[MAX_LAYER_TENSORS];
    for (size_t i = 0; i < count; i++) {
        snprintf(texts[i], sizeof texts[i], "%s/%s:0", tensors[i].layer, tensors[i].name);
        names[i] = texts[i];
    }
    return h5file_set_texts(file, group, "weight_names", names, count);
}

static Status write_layer(H5File *file, const Model *model, const char *layer,
                          const float *params) {
    char group[CHECKPOINT_NAME];
    ModelTensor tensors[MAX_LAYER_TENSORS];
    size_t count = find_tensors(tensors, model, layer);
    Status status;
    snprintf(group, sizeof group, "%s/%s", WEIGHTS, layer);
    TRY(h5file_make_group(file, group));
    for (size_t i = 0; i < count; i++) TRY(write_tensor(file, &tensors[i], params));
    TRY(write_weight_names(file, group, tensors, count));
cleanup:
    return status;
}

static Status write_keras(H5File *file, const Checkpoint *checkpoint) {
    Status status;
    char *config = NULL;
    const Model *model = checkpoint->model;
    TRY(model_keras_config(&config, model));
    TRY(set_keras_version(file, "/"));
    TRY(h5file_set_text(file, "/", "model_config", config));
    TRY(h5file_make_group(file, WEIGHTS));
    TRY(set_keras_version(file, WEIGHTS));
    TRY(write_layer_names(file, model));
    for (size_t i = 0; i < model_layer_count(model); i++)
        TRY(write_layer(file, model, model_layer_name(model, i), checkpoint->params));
cleanup:
    free(config);
    return status;
}

/* ---- Ours ------------------------------------------------------------------------------------ */

static Status write_optimizer(H5File *file, const Checkpoint *checkpoint) {
    Status status;
    char name[CHECKPOINT_NAME];
    TRY(h5file_make_group(file, "/optimizer"));
    TRY(h5file_set_i64(file, "/optimizer", "iteration", (int64_t)checkpoint->progress.step));
    for (int i = 0; i < checkpoint_slots(checkpoint); i++) {
        checkpoint_slot_name(name, checkpoint, i);
        TRY(h5file_write(file, name, H5_F32, 1, &checkpoint->parameter_count,
                         checkpoint->slots[i]));
    }
cleanup:
    return status;
}

static Status write_field(H5File *file, const ProgressField *field, const Progress *progress) {
    int64_t whole;
    double real;
    const char *place = (const char *)progress + field->offset;
    memcpy(&whole, place, sizeof whole);
    memcpy(&real, place, sizeof real);
    if (field->type == FIELD_F64) return h5file_set_f64(file, "/training", field->name, real);
    return h5file_set_i64(file, "/training", field->name, whole);
}

/* A vector as long as the parameters; NULL is left out. */
static Status write_vector(H5File *file, const char *name, const Checkpoint *checkpoint,
                           const float *vector) {
    if (vector == NULL) return STATUS_OK;
    return h5file_write(file, name, H5_F32, 1, &checkpoint->parameter_count, vector);
}

static Status write_progress(H5File *file, const Checkpoint *checkpoint) {
    const Progress *progress = &checkpoint->progress;
    Status status;
    TRY(h5file_make_group(file, "/training"));
    for (int i = 0; i < PROGRESS_FIELDS; i++) TRY(write_field(file, &PROGRESS_TABLE[i], progress));
    TRY(write_vector(file, CHECKPOINT_BEST, checkpoint, checkpoint->best));
    TRY(write_vector(file, CHECKPOINT_LIVE, checkpoint, checkpoint->live));
cleanup:
    return status;
}

static Status write_config(H5File *file, const Config *config) {
    Status status;
    char *text = NULL;
    TRY(config_write(&text, config));
    TRY(h5file_make_group(file, "/config"));
    TRY(h5file_set_text(file, "/config", "name", config->name));
    TRY(h5file_set_text(file, "/config", "yaml", text));
cleanup:
    free(text);
    return status;
}

static Status write_data(H5File *file, const Checkpoint *checkpoint) {
    Status status;
    TRY(h5file_make_group(file, "/data"));
    TRY(h5file_set_text(file, "/data", "fingerprint", checkpoint->data_fingerprint));
    TRY(h5file_set_i64(file, "/data", "train_rows", (int64_t)checkpoint->train_rows));
    TRY(h5file_set_i64(file, "/data", "folds", checkpoint->config.data.folds));
    TRY(h5file_set_i64(file, "/data", "fold", config_held_out_fold(&checkpoint->config)));
    if (checkpoint->trained.count > 0)
        TRY(h5file_write(file, CHECKPOINT_TRAINED, H5_U64, 1, &checkpoint->trained.count,
                         checkpoint->trained.values));
cleanup:
    return status;
}

static Status write_provenance(H5File *file, const Checkpoint *checkpoint) {
    static const char GROUP[] = "/provenance";
    Status status;
    char date[21], version[32];
    clock_date(date);
    h5file_version(version);
    TRY(h5file_make_group(file, GROUP));
    TRY(h5file_set_text(file, GROUP, "program", "mnist_dist " MNIST_DIST_VERSION));
    TRY(h5file_set_text(file, GROUP, "hdf5", version));
    TRY(h5file_set_text(file, GROUP, "kernels", checkpoint->kernels));
    TRY(h5file_set_i64(file, GROUP, "ranks", checkpoint->ranks));
    TRY(h5file_set_i64(file, GROUP, "threads", checkpoint->threads));
    TRY(h5file_set_text(file, GROUP, "machine", checkpoint->machine));
    TRY(h5file_set_text(file, GROUP, "date", date));
cleanup:
    return status;
}

static Status write_content(const char *path, const Checkpoint *checkpoint) {
    Status status;
    H5File *file = NULL;
    TRY(h5file_create(&file, path, CHECKPOINT_BLOCK, STATUS_CHECKPOINT));
    TRY(write_keras(file, checkpoint));
    TRY(write_optimizer(file, checkpoint));
    TRY(write_progress(file, checkpoint));
    TRY(history_write(file, "/history", &checkpoint->history));
    TRY(write_config(file, &checkpoint->config));
    TRY(write_data(file, checkpoint));
    TRY(write_provenance(file, checkpoint));
    status = h5file_close(file);
    file = NULL;
cleanup:
    h5file_destroy(file);
    return status;
}

/* ---- Read back ------------------------------------------------------------------------------- */

static bool same_config(const Config *a, const Config *b) {
    char *one = NULL, *other = NULL;
    bool same = config_write(&one, a) == STATUS_OK && config_write(&other, b) == STATUS_OK &&
                strcmp(one, other) == 0 && strcmp(a->name, b->name) == 0;
    free(one);
    free(other);
    return same;
}

/* Of vectors that need not be there. */
static bool same_vector(const float *a, const float *b, size_t bytes) {
    return a == NULL || b == NULL ? a == b : memcmp(a, b, bytes) == 0;
}

static bool same_vectors(const Checkpoint *a, const Checkpoint *b) {
    size_t bytes = a->parameter_count * sizeof(float);
    if (a->parameter_count != b->parameter_count || memcmp(a->params, b->params, bytes) != 0)
        return false;
    if (!same_vector(a->best, b->best, bytes) || !same_vector(a->live, b->live, bytes))
        return false;
    for (int i = 0; i < checkpoint_slots(a); i++)
        if (memcmp(a->slots[i], b->slots[i], bytes) != 0) return false;
    return true;
}

static bool same_hashes(const RowHashes *a, const RowHashes *b) {
    return a->count == b->count &&
           (a->count == 0 || memcmp(a->values, b->values, a->count * sizeof *a->values) == 0);
}

/* By its bytes, as it is to be restored to the bit; checkpoint.c asserts that it has no padding. */
static bool same_progress(const Progress *a, const Progress *b) {
    /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison,cert-exp42-c,cert-flp37-c) */
    return memcmp(a, b, sizeof *a) == 0;
}

static bool same_content(const Checkpoint *a, const Checkpoint *b) {
    return same_config(&a->config, &b->config) && same_vectors(a, b) &&
           same_progress(&a->progress, &b->progress) && history_same(&a->history, &b->history) &&
           same_hashes(&a->trained, &b->trained) &&
           strcmp(a->data_fingerprint, b->data_fingerprint) == 0 && a->train_rows == b->train_rows;
}

/* What HDF5 wrote without a complaint may still not be what it was given. */
static Status compare(const char *path, const Checkpoint *checkpoint) {
    Checkpoint back;
    Status status = checkpoint_load(&back, path);
    if (status != STATUS_OK) return status;
    if (!same_content(checkpoint, &back))
        status = status_fail(STATUS_CHECKPOINT, "%s: read back, it is not what was written", path);
    checkpoint_free(&back);
    return status;
}

Status checkpoint_write(const Checkpoint *checkpoint, const char *path) {
    Status status;
    SafeFile file = {.temporary = ""};
    TRY(safefile_begin(&file, path, STATUS_CHECKPOINT));
    TRY(write_content(file.temporary, checkpoint));
    TRY(checkpoint_seal(file.temporary));
    TRY(compare(file.temporary, checkpoint));
    TRY(lock_check(checkpoint->lock, STATUS_CHECKPOINT));
    TRY(safefile_commit(&file, STATUS_CHECKPOINT));
cleanup:
    safefile_abandon(&file);
    return status;
}
