/* All rows of digits.h5 in memory: training images, test images, training labels, test labels.
 *
 * Several ranks share the reading: each takes a run of chunks of each part, and of a sealed file's
 * pieces a run, too, so that what no chunk covers is looked at by somebody. */
#include "mnist_dist/data/dataset.h"

#include <string.h>

#include "mnist_dist/base/minmax.h"
#include "mnist_dist/base/sandbox.h"
#include "mnist_dist/base/shard.h"
#include "reader.h"

/* Where a part's rows go; both NULL if they are but verified. */
typedef struct Target {
    uint8_t *images, *labels;
} Target;

static Status read_part(Reader *reader, const Part *part, Target target, DatasetShare share) {
    Status status = STATUS_OK;
    const size_t end = shard_begin(share.i + 1, part->chunks, share.of);
    for (size_t chunk = shard_begin(share.i, part->chunks, share.of); chunk < end; chunk++) {
        size_t first = 0, count = 0;
        TRY(reader_read(reader, part, chunk, &first, &count));
        if (target.images == NULL) continue;
        memcpy(target.images + first * DIGIT_PIXELS, reader->chunk, count * DIGIT_PIXELS);
        if (part->labelled)
            memcpy(target.labels + first, reader->chunk + count * DIGIT_PIXELS, count);
        else
            memset(target.labels + first, DIGIT_UNLABELLED, count);
    }
cleanup:
    return status;
}

/* The labels alone, some at a time: HDF5 keeps what it needs for each chunk of a reading. */
static Status read_labels(Reader *reader, const Part *part, uint8_t *labels, DatasetShare share) {
    const size_t begin = shard_begin(share.i, part->rows, share.of);
    const size_t count = shard_size(share.i, part->rows, share.of);
    Status status = STATUS_OK;
    for (size_t done = 0; part->labelled && done < count; done += LAYOUT_LABELS)
        TRY(reader_read_labels(reader, part, begin + done, smaller(LAYOUT_LABELS, count - done),
                               labels + begin + done));
    if (!part->labelled) memset(labels + begin, DIGIT_UNLABELLED, count);
cleanup:
    return status;
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
    const DatasetShare all = {0, 1};
    Reader reader;
    DatasetInfo info;
    TRY(reader_open(&reader, &info, path));
    TRY(read_part(&reader, &reader.train, (Target){0}, all));
    TRY(read_part(&reader, &reader.test, (Target){0}, all));
    TRY(h5file_check_rest(reader.h5));
cleanup:
    reader_close(&reader);
    return status;
}

Status dataset_inspect(DatasetInfo *info, const char *path) {
    Reader reader;
    Status status = sandbox_try(verify, path, STATUS_DATA);
    if (status != STATUS_OK) return reader_add_remedy(status);
    status = reader_open(&reader, info, path);
    reader_close(&reader);
    return reader_add_remedy(status);
}

size_t dataset_bytes(const DatasetInfo *info) {
    return (info->train_rows + info->test_rows) * LAYOUT_ROW;
}

static Status read_rows(Reader *reader, const DatasetInfo *info, uint8_t *memory,
                        DatasetShare share) {
    Status status = STATUS_OK;
    Target train, test;
    lay_out(&train, &test, info, memory);
    TRY(read_part(reader, &reader->train, train, share));
    TRY(read_part(reader, &reader->test, test, share));
    TRY(h5file_check_share(reader->h5, share.i, share.of));
cleanup:
    return status;
}

Status dataset_read(void *memory, const DatasetInfo *info, const char *path, DatasetShare share) {
    Reader reader;
    Status status = reader_open_again(&reader, info, path);
    if (status == STATUS_OK) status = reader_add_remedy(read_rows(&reader, info, memory, share));
    reader_close(&reader);
    return status;
}

size_t dataset_label_bytes(const DatasetInfo *info) {
    return info->train_rows + info->test_rows;
}

static Status read_all_labels(Reader *reader, uint8_t *memory, DatasetShare share) {
    Status status = read_labels(reader, &reader->train, memory, share);
    if (status != STATUS_OK) return status;
    return read_labels(reader, &reader->test, memory + reader->train.rows, share);
}

Status dataset_read_labels(void *memory, const DatasetInfo *info, const char *path,
                           DatasetShare share) {
    Reader reader;
    Status status = reader_open_again(&reader, info, path);
    if (status == STATUS_OK) status = reader_add_remedy(read_all_labels(&reader, memory, share));
    reader_close(&reader);
    return status;
}

Status dataset_verify(const char *path) {
    return reader_add_remedy(verify(path));
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

void dataset_view_labels(Dataset *dataset, const DatasetInfo *info, const void *memory) {
    const uint8_t *labels = memory;
    *dataset =
        (Dataset){.info = *info, .train_labels = labels, .test_labels = labels + info->train_rows};
}
