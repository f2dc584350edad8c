/* The table of formats; see export.h. To add one: its file and its row. */
#include "mnist_dist/export/export.h"

#include <string.h>

#include "export/formats.h"
#include "mnist_dist/base/nearest.h"

typedef Status (*Write)(const Checkpoint *checkpoint, const char *path);

const char *const EXPORT_FORMATS[] = {"onnx", "safetensors", "npz", "keras", "weights", NULL};
static const Write WRITES[] = {export_onnx, export_safetensors, export_npz, export_keras,
                               export_weights};

Status export_write(const Checkpoint *checkpoint, const char *format, const char *path) {
    Nearest nearest = {.word = format};
    for (size_t i = 0; EXPORT_FORMATS[i] != NULL; i++) {
        if (strcmp(EXPORT_FORMATS[i], format) == 0) return WRITES[i](checkpoint, path);
        nearest_offer(&nearest, EXPORT_FORMATS[i]);
    }
    return status_fail(STATUS_USAGE, "--to %.100s: no such format; did you mean %s", format,
                       nearest.best);
}
