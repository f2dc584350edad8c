/* IDX as MNIST has it: a file of images and, told from its name, a file of labels.
 *
 * Format: http://yann.lecun.com/exdb/mnist/ (two zero bytes, the type, 8 for unsigned bytes, the
 * number of dimensions, the dimensions as big-endian 32-bit numbers, then the numbers). Nothing is
 * allocated by what a header claims: rows are read one by one, and whoever claims more than the
 * file holds is found out at its end. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "formats.h"
#include "mnist_dist/base/digits.h"

enum { IDX_IMAGES = 0x0803, IDX_LABELS = 0x0801, IDX_MAX_DIMS = 3 };

static uint32_t big_endian(const uint8_t bytes[4]) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static Status wrong_magic(const Source *source, uint32_t magic, uint32_t expected) {
    const char *what = expected == IDX_IMAGES ? "images" : "labels";
    const char *swapped = magic == IDX_LABELS   ? " (it holds labels: name the file of the images)"
                          : magic == IDX_IMAGES ? " (it holds images)"
                                                : "";
    return status_fail(STATUS_DATA, "%s: IDX magic 0x%08x where %s begin with 0x%08x%s",
                       source_path(source), magic, what, expected, swapped);
}

/* Reads magic and dimensions; their number is the last byte of the magic. */
static Status read_header(uint32_t *dims, Source *source, uint32_t expected) {
    uint8_t header[4 + 4 * IDX_MAX_DIMS];
    size_t rank = expected & 0xff, got = 0;
    Status status = source_read(header, &got, source, 4);
    if (status != STATUS_OK) return status;
    if (got == 4 && big_endian(header) != expected)
        return wrong_magic(source, big_endian(header), expected);
    if (got == 4) status = source_read(header + 4, &got, source, 4 * rank);
    if (status != STATUS_OK) return status;
    if (got != 4 * rank)
        return status_fail(STATUS_DATA, "%s: ends within its IDX header; fetch it again",
                           source_path(source));
    for (size_t i = 0; i < rank; i++) dims[i] = big_endian(header + 4 + 4 * i);
    return STATUS_OK;
}

static Status check_images(const Source *source, const uint32_t dims[IDX_MAX_DIMS]) {
    if (dims[1] != DIGIT_SIDE || dims[2] != DIGIT_SIDE)
        return status_fail(STATUS_DATA, "%s: images of %ux%u pixels; 28x28 are read",
                           source_path(source), dims[1], dims[2]);
    if (dims[0] == 0) return status_fail(STATUS_DATA, "%s: holds no images", source_path(source));
    return STATUS_OK;
}

static Status check_labels(const Source *labels, const Source *images, uint32_t label_count,
                           uint32_t image_count) {
    if (label_count == image_count) return STATUS_OK;
    return status_fail(STATUS_DATA,
                       "%s: %u labels for the %u images of %s; both must be of one set",
                       source_path(labels), label_count, image_count, source_path(images));
}

/* Reads the `count` bytes of a row (from 0) of `rows`. */
static Status read_row(void *bytes, Source *source, size_t count, uint32_t row, uint32_t rows) {
    size_t got = 0;
    Status status = source_read(bytes, &got, source, count);
    if (status != STATUS_OK || got == count) return status;
    return status_fail(STATUS_DATA, "%s: ends in row %u of %u: it was cut short; fetch it again",
                       source_path(source), row + 1, rows);
}

static Status read_label(uint8_t *label, Source *labels, uint32_t row, uint32_t rows) {
    *label = DIGIT_UNLABELLED;
    if (labels == NULL) return STATUS_OK;
    Status status = read_row(label, labels, 1, row, rows);
    if (status != STATUS_OK || *label < DIGIT_CLASSES) return status;
    return status_fail(STATUS_DATA, "%s: row %u: label %u is above 9", source_path(labels), row + 1,
                       *label);
}

static Status check_end(Source *source, uint32_t rows) {
    const uint8_t *bytes = NULL;
    size_t count = 0;
    if (source == NULL) return STATUS_OK;
    Status status = source_peek(&bytes, &count, source, 1);
    if (status != STATUS_OK || count == 0) return status;
    return status_fail(STATUS_DATA, "%s: goes on after the last of its %u rows; fetch it again",
                       source_path(source), rows);
}

static Status import_rows(Writer *writer, Source *images, Source *labels, uint32_t rows) {
    Status status = STATUS_OK;
    for (uint32_t row = 0; row < rows; row++) {
        uint8_t image[DIGIT_PIXELS], label = DIGIT_UNLABELLED;
        TRY(read_row(image, images, sizeof image, row, rows));
        TRY(read_label(&label, labels, row, rows));
        TRY(writer_add(writer, image, label));
    }
    TRY(check_end(images, rows));
    TRY(check_end(labels, rows));
cleanup:
    return status;
}

/* Replaces the last `from` in text, behind `start`, by `to` of the same length. */
static bool replace_last(char *text, size_t start, const char *from, const char *to) {
    char *found = NULL;
    for (char *next = strstr(text + start, from); next != NULL; next = strstr(next + 1, from))
        found = next;
    if (found == NULL) return false;
    for (size_t i = 0; to[i] != '\0'; i++) found[i] = to[i];
    return true;
}

/* The path of the labels as the images' name tells it, as it is or with .gz added or taken. False
 * if the name tells nothing; the first candidate if none exists. */
static bool find_labels(char path[PATH_MAX], bool *exists, const char *images) {
    const char *slash = strrchr(images, '/');
    size_t start = slash != NULL ? (size_t)(slash - images) + 1 : 0, length = strlen(images);
    *exists = false;
    if (length + sizeof ".gz" > PATH_MAX) return false;
    memcpy(path, images, length + 1);
    if (!replace_last(path, start, "images", "labels")) return false;
    replace_last(path, start, "idx3", "idx1");
    *exists = access(path, F_OK) == 0;
    if (*exists) return true;
    bool packed = length > 3 && strcmp(path + length - 3, ".gz") == 0;
    strcpy(path + (packed ? length - 3 : length), packed ? "" : ".gz");
    *exists = access(path, F_OK) == 0;
    if (!*exists) strcpy(path + (packed ? length - 3 : length), packed ? ".gz" : "");
    return true;
}

/* Opens the labels, or leaves NULL if there are none and none are needed. */
static Status open_labels(Source **labels, char path[PATH_MAX], const char *images, bool needed) {
    bool exists = false, told = find_labels(path, &exists, images);
    if (exists) return source_open(labels, path, NULL);
    if (!needed) return STATUS_OK;
    if (told)
        return status_fail(STATUS_DATA, "%s: its labels are not beside it; %s is missing", images,
                           path);
    return status_fail(STATUS_DATA,
                       "%s: its name does not tell that of its labels; call the two "
                       "X-images-idx3-ubyte and X-labels-idx1-ubyte",
                       images);
}

Status idx_import(Writer *writer, Source *source, bool labels_needed) {
    Status status = STATUS_OK;
    Source *labels = NULL;
    char path[PATH_MAX];
    uint32_t dims[IDX_MAX_DIMS] = {0}, label_count = 0;
    TRY(read_header(dims, source, IDX_IMAGES));
    TRY(check_images(source, dims));
    TRY(open_labels(&labels, path, source_path(source), labels_needed));
    if (labels != NULL) {
        TRY(read_header(&label_count, labels, IDX_LABELS));
        TRY(check_labels(labels, source, label_count, dims[0]));
    }
    TRY(import_rows(writer, source, labels, dims[0]));
cleanup:
    source_close(labels);
    return status;
}
