/* The weights of a Keras file, in either of its two layouts, put where our model has them.
 *
 * Legacy (keras-team/keras 3.12, src/legacy/saving/legacy_h5_format.py): a group for each layer,
 * listed by layer_names; its arrays listed by weight_names. Layers that have weights go with ours
 * that have, in order. Since Keras 3 (src/saving/saving_lib.py): layers/CLASS_N/vars/NUMBER. Keras
 * has trained variables before moving statistics, and so have we. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "export/keras_read.h"

enum { PLACE = 1000 };

static const char WHOLE[] = "/model_weights", NEW[] = "/layers";

/* Where the tensors are read to, and how far that is. */
typedef struct Filler {
    float *params;
    const Model *model;
    H5File *file;
    const char *path;
    size_t next; /* of the model's tensors */
} Filler;

/* The group that has a legacy file's layers; NULL if there is none. */
static const char *legacy_root(H5File *file) {
    if (h5file_has_attribute(file, WHOLE, "layer_names")) return WHOLE;
    return h5file_has_attribute(file, "/", "layer_names") ? "" : NULL;
}

bool keras_weights_are_in(H5File *file) {
    return legacy_root(file) != NULL || h5file_has(file, NEW);
}

/* Reads the next tensor from a dataset, whose type and shape must be the tensor's. */
static Status fill(Filler *filler, const char *name) {
    ModelTensor tensor = model_tensor(filler->model, filler->next++);
    float *values = filler->params + tensor.offset;
    Status status = h5file_read(filler->file, name, H5_F32, tensor.rank, tensor.dims, values);
    for (size_t i = 0; i < tensor.count && status == STATUS_OK; i++)
        if (!isfinite(values[i]))
            status =
                status_fail(STATUS_DATA, "%s: %s: number %zu is not finite", filler->path, name, i);
    return status;
}

/* How many tensors the layer of the next one has. */
static size_t tensors_left(const Filler *filler) {
    size_t count = 0, all = model_tensor_count(filler->model);
    if (filler->next >= all) return 0;
    const char *layer = model_tensor(filler->model, filler->next).layer;
    while (filler->next + count < all &&
           strcmp(model_tensor(filler->model, filler->next + count).layer, layer) == 0)
        count++;
    return count;
}

static Status refuse_count(const Filler *filler, const char *group, size_t count) {
    size_t expected = tensors_left(filler);
    if (expected == 0)
        return status_fail(STATUS_DATA, "%s: %s: the model's layers have no weights for it",
                           filler->path, group);
    return status_fail(STATUS_DATA, "%s: %s: has %zu arrays, where the model's %s has %zu",
                       filler->path, group, count, model_tensor(filler->model, filler->next).layer,
                       expected);
}

/* ---- Legacy ---------------------------------------------------------------------------------- */

/* "kernel" of "sequential/conv2d/kernel:0". */
static void last_name(char name[PLACE], const char *weight) {
    const char *slash = strrchr(weight, '/');
    snprintf(name, PLACE, "%s", slash == NULL ? weight : slash + 1);
    name[strcspn(name, ":")] = '\0';
}

/* That moving_mean does not stand where moving_variance should, which has the same shape. */
static Status check_name(const Filler *filler, const char *group, const char *weight) {
    char name[PLACE];
    last_name(name, weight);
    ModelTensor tensor = model_tensor(filler->model, filler->next);
    if (strcmp(name, tensor.name) == 0) return STATUS_OK;
    return status_fail(STATUS_DATA, "%s: %s: its array %.200s stands where the model's %s has %s",
                       filler->path, group, weight, tensor.layer, tensor.name);
}

static Status fill_legacy_layer(Filler *filler, const char *root, const char *layer) {
    char group[PLACE], place[2 * PLACE];
    char **weights = NULL;
    size_t count = 0;
    Status status;
    snprintf(group, sizeof group, "%s/%.500s", root, layer);
    TRY(h5file_get_texts(&weights, &count, filler->file, group, "weight_names"));
    if (count > 0 && count != tensors_left(filler)) TRY(refuse_count(filler, group, count));
    for (size_t i = 0; i < count; i++) {
        TRY(check_name(filler, group, weights[i]));
        snprintf(place, sizeof place, "%s/%.500s", group, weights[i]);
        TRY(fill(filler, place));
    }
cleanup:
    h5file_free_texts(weights, count);
    return status;
}

static Status fill_legacy(Filler *filler, const char *root) {
    char **layers = NULL;
    size_t count = 0;
    Status status;
    TRY(h5file_get_texts(&layers, &count, filler->file, *root == '\0' ? "/" : root, "layer_names"));
    for (size_t i = 0; i < count; i++) TRY(fill_legacy_layer(filler, root, layers[i]));
    if (tensors_left(filler) > 0)
        TRY(status_fail(STATUS_DATA, "%s: has no weights for the model's %s", filler->path,
                        model_tensor(filler->model, filler->next).layer));
cleanup:
    h5file_free_texts(layers, count);
    return status;
}

/* ---- New ------------------------------------------------------------------------------------- */

static Status fill_new_layer(Filler *filler) {
    char name[PLACE];
    const char *layer = model_tensor(filler->model, filler->next).layer;
    size_t count = tensors_left(filler);
    Status status = STATUS_OK;
    for (size_t i = 0; i < count; i++) {
        snprintf(name, sizeof name, "%s/%s/vars/%zu", NEW, layer, i);
        TRY(fill(filler, name));
    }
    snprintf(name, sizeof name, "%s/%s/vars/%zu", NEW, layer, count);
    if (h5file_has(filler->file, name))
        TRY(status_fail(STATUS_DATA, "%s: %s: is an array more than the model's %s has",
                        filler->path, name, layer));
cleanup:
    return status;
}

/* How many layers of the model have names that begin so. */
static size_t count_layers(const Model *model, const char *class_name) {
    size_t count = 0, length = strlen(class_name);
    for (size_t i = 0; i < model_layer_count(model); i++) {
        const char *name = model_layer_name(model, i);
        count +=
            strncmp(name, class_name, length) == 0 && (name[length] == '\0' || name[length] == '_');
    }
    return count;
}

/* Whether the file has a layer with weights that the model lacks. */
static Status check_rest(const Filler *filler) {
    static const char *const classes[] = {"conv2d", "dense", "batch_normalization"};
    char name[PLACE];
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        size_t count = count_layers(filler->model, classes[i]);
        if (count == 0)
            snprintf(name, sizeof name, "%s/%s", NEW, classes[i]);
        else
            snprintf(name, sizeof name, "%s/%s_%zu", NEW, classes[i], count);
        if (h5file_has(filler->file, name))
            return status_fail(STATUS_DATA, "%s: %s: the model has no such layer", filler->path,
                               name);
    }
    return STATUS_OK;
}

static Status fill_new(Filler *filler) {
    Status status = STATUS_OK;
    while (tensors_left(filler) > 0) TRY(fill_new_layer(filler));
    TRY(check_rest(filler));
cleanup:
    return status;
}

Status keras_weights_read(float *params, const Model *model, H5File *file, const char *path) {
    Filler filler = {params, model, file, path, 0};
    const char *root = legacy_root(file);
    return root != NULL ? fill_legacy(&filler, root) : fill_new(&filler);
}
