/* The reader of digits.h5: nothing is handed on before its chunk's digest was found right.
 *
 * Memory of dataset_read: training images, test images, training labels, test labels. A chunk is
 * read aside and copied after its check, so that images and labels, which lie apart, are under one
 * digest. Refused: trusting HDF5's own fletcher32, which takes words of ones for words of zeros. */
#include "mnist_dist/data/dataset.h"

#include <stdlib.h>
#include <string.h>

#include "layout.h"
#include "mnist_dist/base/h5file.h"
#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/sandbox.h"

/* One part of an open file. */
typedef struct Part {
    const char *name;
    size_t rows, chunks;
    bool labelled;
    uint64_t *digests; /* (chunks) */
} Part;

/* An open file. */
typedef struct Reader {
    const char *path;
    H5File *h5;
    Part train, test;
    uint8_t *chunk; /* ((size_t)LAYOUT_CHUNK * LAYOUT_ROW) */
} Reader;

/* Where a part's rows go; both NULL if they are but verified. */
typedef struct Target {
    uint8_t *images, *labels;
} Target;

/* Ends a line about the file with what to do. */
static Status add_remedy(Status status) {
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

static void reader_close(Reader *reader) {
    h5file_destroy(reader->h5);
    free(reader->train.digests);
    free(reader->test.digests);
    free(reader->chunk);
}

/* Opens the file and checks all but the rows; reader_close is called whatever comes of it. */
static Status reader_open(Reader *reader, DatasetInfo *info, const char *path) {
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

static Status read_part(Reader *reader, const Part *part, Target target) {
    for (size_t chunk = 0; chunk < part->chunks; chunk++) {
        size_t first = 0, count = 0;
        Status status = read_chunk(reader, part, chunk, &first, &count);
        if (status == STATUS_DATA) return chunk_damaged(reader, part, first, count);
        if (status != STATUS_OK) return status;
        if (target.images == NULL) continue;
        memcpy(target.images + first * DIGIT_PIXELS, reader->chunk, count * DIGIT_PIXELS);
        if (part->labelled)
            memcpy(target.labels + first, reader->chunk + count * DIGIT_PIXELS, count);
        else
            memset(target.labels + first, DIGIT_UNLABELLED, count);
    }
    return STATUS_OK;
}

/* The places of images and labels in dataset_read's memory, by part. */
static void lay_out(Target *train, Target *test, const DatasetInfo *info, uint8_t *memory) {
    train->images = memory;
    test->images = train->images + info->train_rows * DIGIT_PIXELS;
    train->labels = test->images + info->test_rows * DIGIT_PIXELS;
    test->labels = train->labels + info->train_rows;
}

/* Its line has no remedy yet. */
static Status verify(const char *path) {
    Status status = STATUS_OK;
    Reader reader;
    DatasetInfo info;
    TRY(reader_open(&reader, &info, path));
    TRY(read_part(&reader, &reader.train, (Target){0}));
    TRY(read_part(&reader, &reader.test, (Target){0}));
    TRY(h5file_check_rest(reader.h5));
cleanup:
    reader_close(&reader);
    return status;
}

Status dataset_inspect(DatasetInfo *info, const char *path) {
    Reader reader;
    Status status = sandbox_try(verify, path, STATUS_DATA);
    if (status != STATUS_OK) return add_remedy(status);
    status = reader_open(&reader, info, path);
    reader_close(&reader);
    return add_remedy(status);
}

size_t dataset_bytes(const DatasetInfo *info) {
    return (info->train_rows + info->test_rows) * LAYOUT_ROW;
}

Status dataset_read(void *memory, const DatasetInfo *info, const char *path) {
    Status status = STATUS_OK;
    Reader reader;
    DatasetInfo now;
    Target train, test;
    lay_out(&train, &test, info, memory);
    TRY(reader_open(&reader, &now, path));
    if (strcmp(now.fingerprint, info->fingerprint) != 0) {
        reader_close(&reader);
        return status_fail(STATUS_DATA, "%s: was replaced while it was being read; start again",
                           path);
    }
    TRY(read_part(&reader, &reader.train, train));
    TRY(read_part(&reader, &reader.test, test));
    TRY(h5file_check_rest(reader.h5));
cleanup:
    reader_close(&reader);
    return add_remedy(status);
}

Status dataset_verify(const char *path) {
    return add_remedy(verify(path));
}

void dataset_view(Dataset *dataset, const DatasetInfo *info, const void *memory) {
    Target train, test;
    lay_out(&train, &test, info, (uint8_t *)(uintptr_t)memory);
    *dataset = (Dataset){.info = *info,
                         .train_images = train.images,
                         .train_labels = train.labels,
                         .test_images = test.images,
                         .test_labels = test.labels};
}
