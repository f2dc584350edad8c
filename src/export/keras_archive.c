/* Keras 3's .keras archive: metadata.json, config.json and model.weights.h5 in a zip.
 *
 * libhdf5 1.10 gives no image of a file in the latest format, so the weights are written to a file
 * beside the archive, which is gone before the archive is there. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "export/bytes.h"
#include "export/formats.h"
#include "export/keras.h"
#include "export/weights.h"
#include "export/zip.h"
#include "mnist_dist/base/clock.h"
#include "mnist_dist/base/safefile.h"

enum { METADATA = 128 };

/* The version is the first whose format this is. */
static void describe_archive(char text[METADATA]) {
    char date[21];
    clock_date(date); /* 2026-01-31T12:34:56Z */
    snprintf(text, METADATA, "{\"keras_version\":\"3.0.0\",\"date_saved\":\"%.10s@%.8s\"}", date,
             date + 11);
}

/* The bytes of model.weights.h5. */
static Status make_weights(char **bytes, size_t *count, const Checkpoint *checkpoint,
                           const char *path) {
    SafeFile file = {.temporary = ""};
    Status status;
    *bytes = NULL;
    TRY(safefile_begin(&file, path, STATUS_FAILED));
    TRY(weights_write(checkpoint, file.temporary));
    TRY(bytes_read(bytes, count, file.temporary, SIZE_MAX, STATUS_FAILED));
cleanup:
    safefile_abandon(&file);
    return status;
}

Status export_keras(const Checkpoint *checkpoint, const char *path) {
    char metadata[METADATA], *config = NULL, *weights = NULL;
    size_t count = 0;
    Zip *zip = NULL;
    Status status;
    TRY(weights_check_name(path, ".keras"));
    describe_archive(metadata);
    config = keras_config_text(checkpoint);
    if (config == NULL) TRY(STATUS_FAILED);
    TRY(make_weights(&weights, &count, checkpoint, path));
    TRY(zip_new(&zip, path));
    TRY(zip_add_file(zip, "metadata.json", metadata, strlen(metadata)));
    TRY(zip_add_file(zip, "config.json", config, strlen(config)));
    TRY(zip_add_file(zip, "model.weights.h5", weights, count));
    TRY(zip_finish(zip));
cleanup:
    zip_destroy(zip);
    free(weights);
    free(config);
    return status;
}
