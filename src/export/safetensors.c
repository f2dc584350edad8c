/* safetensors: the length of a JSON header, the header, the arrays one behind the other
 * (github.com/huggingface/safetensors, README.md, "Format").
 *
 * Names and layouts are Keras's, as in .npz files; the metadata say so. */
#include <endian.h>
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "export/formats.h"
#include "mnist_dist/base/safefile.h"

enum { ALIGNMENT = 8 };

static Status out_of_memory(void) {
    return status_fail(STATUS_FAILED, "out of memory");
}

/* The arrays stand in the order of the model, without gaps: {"dtype", "shape", "data_offsets"}. */
static json_t *describe(const ModelTensor *tensor, size_t begin) {
    size_t end = begin + tensor->count * sizeof(float);
    json_t *shape = json_array();
    for (int i = 0; i < tensor->rank; i++)
        json_array_append_new(shape, json_integer((json_int_t)tensor->dims[i]));
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", "F32", "shape", shape, "data_offsets",
                     (json_int_t)begin, (json_int_t)end);
}

static json_t *make_header(const Checkpoint *checkpoint, size_t *bytes) {
    char name[EXPORT_NAME];
    json_t *header =
        json_pack("{s:{s:s, s:s, s:s, s:s}}", "__metadata__", "format", "keras", "input",
                  "pixels / 255, (n, 28, 28, 1)", "layers", checkpoint->config.model.layers,
                  "program", "mnist_dist " MNIST_DIST_VERSION);
    *bytes = 0;
    for (size_t i = 0; i < model_tensor_count(checkpoint->model); i++) {
        ModelTensor tensor = model_tensor(checkpoint->model, i);
        export_tensor_name(name, &tensor);
        if (json_object_set_new(header, name, describe(&tensor, *bytes)) != 0) {
            json_decref(header);
            return NULL;
        }
        *bytes += tensor.count * sizeof(float);
    }
    return header;
}

/* The file's bytes: freed by the caller. */
static Status compose(char **file, size_t *count, const Checkpoint *checkpoint, const char *header,
                      size_t bytes) {
    size_t text = strlen(header), padded = (text + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    uint64_t length = htole64((uint64_t)padded);
    *count = sizeof length + padded + bytes;
    *file = malloc(*count);
    if (*file == NULL) return out_of_memory();
    memcpy(*file, &length, sizeof length);
    memset(*file + sizeof length, ' ', padded);
    memcpy(*file + sizeof length, header, text);
    char *at = *file + sizeof length + padded;
    for (size_t i = 0; i < model_tensor_count(checkpoint->model); i++) {
        ModelTensor tensor = model_tensor(checkpoint->model, i);
        memcpy(at, checkpoint->params + tensor.offset, tensor.count * sizeof(float));
        at += tensor.count * sizeof(float);
    }
    return STATUS_OK;
}

Status export_safetensors(const Checkpoint *checkpoint, const char *path) {
    char *text = NULL, *file = NULL;
    size_t bytes = 0, count = 0;
    Status status = STATUS_OK;
    json_t *header = make_header(checkpoint, &bytes);
    if (header != NULL) text = json_dumps(header, JSON_COMPACT | JSON_ENSURE_ASCII);
    if (text == NULL) TRY(out_of_memory());
    TRY(compose(&file, &count, checkpoint, text, bytes));
    TRY(safefile_write(path, file, count, STATUS_FAILED));
cleanup:
    json_decref(header);
    free(text);
    free(file);
    return status;
}
