/* The reader of digits.h5: nothing is handed on before its chunk's digest was found right.
 *
 * A chunk is read aside and copied after its check, so that images and labels, which lie apart, are
 * under one digest. Refused: trusting HDF5's own fletcher32, which takes words of ones for words of
 * zeros. */
#include "reader.h"

#include <stdlib.h>
#include <string.h>

#include "mnist_dist/base/memory.h"

Status reader_add_remedy(Status status) {
    char line[2048];
    if (status != STATUS_DATA) return status;
    snprintf(line, sizeof line, "%s", status_message());
    status_clear();
    return status_fail(STATUS_DATA, "%s; make it anew with data/get.sh or `mnist_dist import`",
                       line);
}

static Status check_count(const Reader *reader, const Part *part, const char *array, size_t count,
                          size_t expected) {
    if (count == expected) return STATUS_OK;
    return status_fail(STATUS_DATA, "%s: /%s/%s has %zu entries where %zu are expected",
                       reader->path, part->name, array, count, expected);
}

/* Finds out a part's rows, of which h5file_shape takes no more than the file can hold, and reads
 * its digests. */
static Status open_part(Reader *reader, Part *part) {
    Status status = STATUS_OK;
    char name[LAYOUT_NAME];
    size_t dims[3] = {0}, labels = 0, digests = 0;
    layout_name(name, part->name, "images");
    TRY(h5file_shape(reader->h5, name, H5_U8, 3, dims));
    part->rows = dims[0];
    part->chunks = (part->rows + LAYOUT_CHUNK - 1) / LAYOUT_CHUNK;
    TRY(check_count(reader, part, "images[0]", dims[1], DIGIT_SIDE));
    TRY(check_count(reader, part, "images[0][0]", dims[2], DIGIT_SIDE));
    layout_name(name, part->name, "labels");
    part->labelled = h5file_has(reader->h5, name);
    if (part->labelled) {
        TRY(h5file_shape(reader->h5, name, H5_U8, 1, &labels));
        TRY(check_count(reader, part, "labels", labels, part->rows));
    }
    layout_name(name, part->name, "digests");
    TRY(h5file_shape(reader->h5, name, H5_U64, 1, &digests));
    TRY(check_count(reader, part, "digests", digests, part->chunks));
    TRY(MEMORY_NEW(&part->digests, part->chunks));
    TRY(h5file_read(reader->h5, name, H5_U64, 1, &digests, part->digests));
cleanup:
    return status;
}

/* The fingerprint of the counts and digests that were read. */
static Status compute_fingerprint(Digest *fingerprint, const Reader *reader) {
    const Part *parts[] = {&reader->train, &reader->test};
    Digester *digester = digester_new();
    if (digester == NULL) return STATUS_FAILED;
    for (size_t i = 0; i < 2; i++) {
        if (parts[i]->rows == 0) continue;
        digester_add(digester, parts[i]->digests, parts[i]->chunks * sizeof(uint64_t));
        layout_end_part(digester, parts[i]->rows, parts[i]->labelled);
    }
    *fingerprint = digester_finish(digester);
    return STATUS_OK;
}

static Status check_fingerprint(char text[DIGEST_TEXT], Reader *reader) {
    Status status = STATUS_OK;
    const size_t dims[1] = {2};
    uint64_t stored[2] = {0};
    Digest digest;
    TRY(h5file_read(reader->h5, LAYOUT_FINGERPRINT, H5_U64, 1, dims, stored));
    TRY(compute_fingerprint(&digest, reader));
    digest_text(text, digest);
    if (stored[0] != digest.high || stored[1] != digest.low)
        status = status_fail(STATUS_DATA,
                             "%s: damaged: its counts and digests do not match its fingerprint",
                             reader->path);
cleanup:
    return status;
}

static Status check_train(const Reader *reader) {
    if (reader->train.rows == 0)
        return status_fail(STATUS_DATA, "%s: holds no training rows", reader->path);
    if (!reader->train.labelled)
        return status_fail(STATUS_DATA, "%s: /train/labels is missing", reader->path);
    return STATUS_OK;
}

void reader_close(Reader *reader) {
    h5file_destroy(reader->h5);
    free(reader->train.digests);
    free(reader->test.digests);
    free(reader->chunk);
}

Status reader_open(Reader *reader, DatasetInfo *info, const char *path) {
    Status status = STATUS_OK;
    *reader = (Reader){.path = path, .train.name = "train", .test.name = "test"};
    *info = (DatasetInfo){0};
    TRY(MEMORY_NEW(&reader->chunk, (size_t)LAYOUT_CHUNK * LAYOUT_ROW));
    TRY(h5file_open(&reader->h5, path, STATUS_DATA));
    TRY(open_part(reader, &reader->train));
    TRY(check_train(reader));
    if (h5file_has(reader->h5, "/test/images")) TRY(open_part(reader, &reader->test));
    TRY(check_fingerprint(info->fingerprint, reader));
    info->train_rows = reader->train.rows;
    info->test_rows = reader->test.rows;
    info->test_labelled = reader->test.labelled;
cleanup:
    return status;
}

static bool labels_are_digits(const uint8_t *labels, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (labels[i] >= DIGIT_CLASSES) return false;
    }
    return true;
}

/* Reads one chunk aside and checks it. */
static Status read_chunk(Reader *reader, const Part *part, size_t chunk, size_t *first,
                         size_t *count) {
    Status status = STATUS_OK;
    char name[LAYOUT_NAME];
    *first = chunk * LAYOUT_CHUNK;
    *count = part->rows - *first < LAYOUT_CHUNK ? part->rows - *first : LAYOUT_CHUNK;
    uint8_t *labels = reader->chunk + *count * DIGIT_PIXELS;
    layout_name(name, part->name, "images");
    TRY(h5file_read_rows(reader->h5, name, *first, *count, reader->chunk));
    layout_name(name, part->name, "labels");
    if (part->labelled) TRY(h5file_read_rows(reader->h5, name, *first, *count, labels));
    if (layout_digest(reader->chunk, *count, part->labelled) != part->digests[chunk])
        status = STATUS_DATA;
    if (part->labelled && !labels_are_digits(labels, *count)) status = STATUS_DATA;
cleanup:
    return status;
}

/* A chunk that HDF5 cannot read and one with a wrong digest are the same to their owner. */
static Status chunk_damaged(const Reader *reader, const Part *part, size_t first, size_t count) {
    status_clear();
    return status_fail(STATUS_DATA, "%s: damaged: rows %zu to %zu of /%s are not what was written",
                       reader->path, first + 1, first + count, part->name);
}

Status reader_read(Reader *reader, const Part *part, size_t chunk, size_t *first, size_t *count) {
    Status status = read_chunk(reader, part, chunk, first, count);
    return status == STATUS_DATA ? chunk_damaged(reader, part, *first, *count) : status;
}

Status reader_read_labels(Reader *reader, const Part *part, size_t first, size_t count,
                          uint8_t *labels) {
    char name[LAYOUT_NAME];
    layout_name(name, part->name, "labels");
    Status status = h5file_read_rows(reader->h5, name, first, count, labels);
    if (status != STATUS_OK || labels_are_digits(labels, count)) return status;
    return status_fail(STATUS_DATA, "%s: damaged: labels of /%s are no digits", reader->path,
                       part->name);
}

Status reader_open_again(Reader *reader, const DatasetInfo *info, const char *path) {
    DatasetInfo now;
    Status status = reader_add_remedy(reader_open(reader, &now, path));
    if (status != STATUS_OK || strcmp(now.fingerprint, info->fingerprint) == 0) return status;
    return status_fail(STATUS_DATA, "%s: was replaced while it was being read; start again", path);
}
