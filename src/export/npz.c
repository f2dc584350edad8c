/* NumPy's .npz: a zip archive of .npy files, one an array (numpy.lib.format, version 1.0).
 *
 * Names and layouts are Keras's: numpy.load("m.npz")["conv2d/kernel"] has the shape (kh, kw, in,
 * out). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "export/formats.h"
#include "export/zip.h"

enum { NPY_ALIGNMENT = 64, NPY_PREFIX = 10, NPY_HEADER = 256 };

static const char MAGIC[8] = {'\x93', 'N', 'U', 'M', 'P', 'Y', 1, 0}; /* and the version, 1.0 */

void export_tensor_name(char name[EXPORT_NAME], const ModelTensor *tensor) {
    snprintf(name, EXPORT_NAME, "%s/%s", tensor->layer, tensor->name);
}

/* Magic, version, the length of what follows, and a Python dictionary that is padded with blanks to
 * a multiple of 64 bytes. Returns the header's length. */
static size_t write_header(char header[NPY_HEADER], const ModelTensor *tensor) {
    char shape[96] = "";
    for (int i = 0; i < tensor->rank; i++) {
        size_t used = strlen(shape);
        snprintf(shape + used, sizeof shape - used, "%zu,%s", tensor->dims[i],
                 i + 1 < tensor->rank ? " " : "");
    }
    int text = snprintf(header + NPY_PREFIX, NPY_HEADER - NPY_PREFIX,
                        "{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }", shape);
    size_t length = NPY_PREFIX + (size_t)text + 1;
    size_t padded = (length + NPY_ALIGNMENT - 1) / NPY_ALIGNMENT * NPY_ALIGNMENT;
    memset(header + length - 1, ' ', padded - length);
    header[padded - 1] = '\n';
    memcpy(header, MAGIC, sizeof MAGIC);
    header[8] = (char)((padded - NPY_PREFIX) & 0xff);
    header[9] = (char)((padded - NPY_PREFIX) >> 8);
    return padded;
}

static Status add_tensor(Zip *zip, const ModelTensor *tensor, const float *params) {
    char name[EXPORT_NAME + 4], header[NPY_HEADER];
    size_t length = write_header(header, tensor), bytes = tensor->count * sizeof *params;
    char *file = malloc(length + bytes);
    if (file == NULL) return status_fail(STATUS_FAILED, "out of memory");
    memcpy(file, header, length);
    memcpy(file + length, params + tensor->offset, bytes);
    export_tensor_name(name, tensor);
    strcat(name, ".npy");
    Status status = zip_add_file(zip, name, file, length + bytes);
    free(file);
    return status;
}

Status export_npz(const Checkpoint *checkpoint, const char *path) {
    Zip *zip = NULL;
    Status status;
    TRY(zip_new(&zip, path));
    for (size_t i = 0; i < model_tensor_count(checkpoint->model); i++) {
        ModelTensor tensor = model_tensor(checkpoint->model, i);
        TRY(add_tensor(zip, &tensor, checkpoint->params));
    }
    TRY(zip_finish(zip));
cleanup:
    zip_destroy(zip);
    return status;
}
