/* Writing and reading predictions.h5; see the header. */
#include "mnist_dist/train/predictions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mnist_dist/base/digits.h"
#include "mnist_dist/base/h5file.h"
#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/safefile.h"
#include "mnist_dist/base/sandbox.h"

static const char VALIDATION[] = "/validation", AUGMENTED[] = "/augmented";

/* ---- In memory ------------------------------------------------------------------------------- */

static Status images_new(LabelledImages *images, size_t count) {
    Status status;
    images->count = count;
    TRY(MEMORY_NEW(&images->rows, count));
    TRY(MEMORY_NEW(&images->labels, count));
    TRY(MEMORY_NEW(&images->images, count * DIGIT_PIXELS));
cleanup:
    return status;
}

static void images_free(LabelledImages *images) {
    free(images->rows);
    free(images->labels);
    free(images->images);
}

Status predictions_new(Predictions *predictions, size_t validation, size_t augmented) {
    Status status;
    memset(predictions, 0, sizeof *predictions);
    predictions->held_out = validation;
    TRY(images_new(&predictions->validation, validation));
    TRY(images_new(&predictions->augmented, augmented));
    TRY(MEMORY_NEW(&predictions->probabilities, validation * DIGIT_CLASSES));
cleanup:
    if (status != STATUS_OK) predictions_free(predictions);
    return status;
}

void predictions_free(Predictions *predictions) {
    images_free(&predictions->validation);
    images_free(&predictions->augmented);
    free(predictions->probabilities);
    memset(predictions, 0, sizeof *predictions);
}

/* ---- In HDF5 --------------------------------------------------------------------------------- */

enum { NAME = 64 };

static const char *place(char name[NAME], const char *group, const char *last) {
    snprintf(name, NAME, "%s/%s", group, last);
    return name;
}

static Status write_images(H5File *file, const char *group, const LabelledImages *images) {
    char name[NAME];
    const size_t dims[] = {images->count, DIGIT_SIDE, DIGIT_SIDE};
    Status status;
    TRY(h5file_write(file, place(name, group, "rows"), H5_U32, 1, dims, images->rows));
    TRY(h5file_write(file, place(name, group, "labels"), H5_U8, 1, dims, images->labels));
    TRY(h5file_write(file, place(name, group, "images"), H5_U8, 3, dims, images->images));
cleanup:
    return status;
}

static Status write_content(H5File *file, const Predictions *predictions) {
    char name[NAME];
    const size_t dims[] = {predictions->validation.count, DIGIT_CLASSES};
    Status status;
    TRY(h5file_set_i64(file, "/", "epoch", (int64_t)predictions->epoch));
    TRY(h5file_set_i64(file, "/", "train_rows", (int64_t)predictions->train_rows));
    TRY(h5file_set_i64(file, "/", "held_out", (int64_t)predictions->held_out));
    TRY(write_images(file, VALIDATION, &predictions->validation));
    TRY(write_images(file, AUGMENTED, &predictions->augmented));
    TRY(h5file_write(file, place(name, VALIDATION, "probabilities"), H5_F32, 2, dims,
                     predictions->probabilities));
cleanup:
    return status;
}

Status predictions_write(const Predictions *predictions, const char *path) {
    Status status;
    SafeFile safe = {.temporary = ""};
    H5File *file = NULL;
    TRY(safefile_begin(&safe, path, STATUS_FAILED));
    TRY(h5file_create_sealed(&file, safe.temporary, STATUS_FAILED));
    TRY(write_content(file, predictions));
    status = h5file_close(file);
    file = NULL;
    if (status == STATUS_OK) status = safefile_commit(&safe, STATUS_FAILED);
cleanup:
    h5file_destroy(file);
    safefile_abandon(&safe);
    return status;
}

static Status read_images(LabelledImages *images, H5File *file, const char *group) {
    char name[NAME];
    const size_t dims[] = {images->count, DIGIT_SIDE, DIGIT_SIDE};
    Status status;
    TRY(h5file_read(file, place(name, group, "rows"), H5_U32, 1, dims, images->rows));
    TRY(h5file_read(file, place(name, group, "labels"), H5_U8, 1, dims, images->labels));
    TRY(h5file_read(file, place(name, group, "images"), H5_U8, 3, dims, images->images));
cleanup:
    return status;
}

/* Labels index tables, so that none may be out of their range. */
static Status check_labels(const LabelledImages *images, const char *group, const char *path) {
    for (size_t i = 0; i < images->count; i++)
        if (images->labels[i] >= DIGIT_CLASSES && images->labels[i] != DIGIT_UNLABELLED)
            return status_fail(STATUS_DATA, "%s: %s/labels: number %zu is %u", path, group, i,
                               images->labels[i]);
    return STATUS_OK;
}

/* So do probabilities, as bins of the calibration. */
static Status check_probabilities(const Predictions *predictions, const char *path) {
    for (size_t i = 0; i < predictions->validation.count * DIGIT_CLASSES; i++) {
        const float value = predictions->probabilities[i];
        if (!(value >= 0.0F && value <= 1.0F))
            return status_fail(STATUS_DATA, "%s: %s/probabilities: number %zu is %g", path,
                               VALIDATION, i, (double)value);
    }
    return STATUS_OK;
}

/* Older files did not say: they have all, or the first of more. */
static Status read_held_out(Predictions *predictions, H5File *file, const char *path) {
    const size_t count = predictions->validation.count;
    int64_t rows = (int64_t)count;
    Status status = STATUS_OK;
    if (h5file_has_attribute(file, "/", "held_out"))
        TRY(h5file_get_i64(&rows, file, "/", "held_out"));
    if (rows < (int64_t)count)
        TRY(status_fail(STATUS_DATA, "%s: /@held_out: is less than the %zu rows that it has", path,
                        count));
    predictions->held_out = (uint64_t)rows;
cleanup:
    return status;
}

static Status read_content(Predictions *predictions, H5File *file, const char *path) {
    char name[NAME];
    size_t validation = 0, augmented = 0;
    int64_t epoch = 0, rows = 0;
    Status status;
    TRY(h5file_shape(file, place(name, VALIDATION, "rows"), H5_U32, 1, &validation));
    TRY(h5file_shape(file, place(name, AUGMENTED, "rows"), H5_U32, 1, &augmented));
    TRY(predictions_new(predictions, validation, augmented));
    TRY(h5file_get_i64(&epoch, file, "/", "epoch"));
    TRY(h5file_get_i64(&rows, file, "/", "train_rows"));
    predictions->epoch = (uint64_t)epoch;
    predictions->train_rows = (uint64_t)rows;
    TRY(read_held_out(predictions, file, path));
    TRY(read_images(&predictions->validation, file, VALIDATION));
    TRY(read_images(&predictions->augmented, file, AUGMENTED));
    const size_t dims[] = {validation, DIGIT_CLASSES};
    TRY(h5file_read(file, place(name, VALIDATION, "probabilities"), H5_F32, 2, dims,
                    predictions->probabilities));
    TRY(check_labels(&predictions->validation, VALIDATION, path));
    TRY(check_labels(&predictions->augmented, AUGMENTED, path));
    TRY(check_probabilities(predictions, path));
cleanup:
    return status;
}

static Status read_h5(Predictions *predictions, const char *path) {
    Status status;
    H5File *file = NULL;
    memset(predictions, 0, sizeof *predictions);
    TRY(h5file_open(&file, path, STATUS_DATA));
    TRY(read_content(predictions, file, path));
    TRY(h5file_check_rest(file));
cleanup:
    h5file_destroy(file);
    if (status != STATUS_OK) predictions_free(predictions);
    return status;
}

static Status try_h5(const char *path) {
    Predictions predictions;
    return read_h5(&predictions, path);
}

Status predictions_read(Predictions *predictions, const char *path) {
    memset(predictions, 0, sizeof *predictions);
    Status status = sandbox_try(try_h5, path, STATUS_DATA);
    return status == STATUS_OK ? read_h5(predictions, path) : status;
}
