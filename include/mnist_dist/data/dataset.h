/* digits.h5: labelled training images and, if there are any, test images with or without labels.
 *
 * The file holds /train/images (n,28,28) u8, /train/labels (n) u8, the same under /test (labels may
 * be missing), and per part /PART/digests (chunks) u64: XXH3 of each chunk's images and labels, so
 * that any part of a large file can be verified as it is read; /fingerprint (2) u64 covers the
 * counts and the digests. The file is sealed (base/h5file.h); those of older versions are not.
 * Every failure of reading is STATUS_DATA with a line that names file and remedy, and the rows if a
 * chunk is damaged. Reading needs memory that several ranks may share, which this room does not
 * have: the caller asks for the size and brings the memory, each rank of the node fills a share of
 * it, all of them view it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mnist_dist/base/digest.h"
#include "mnist_dist/base/status.h"

typedef struct DataOptions {
    char path[1024]; /* digits.h5 */
    int64_t limit;   /* use the first so many training rows; 0 means all */
    int64_t folds;   /* parts of the labelled rows, of which one is held out; 0 holds out none */
    int64_t fold;    /* which part; -1 means seed modulo folds */
    int64_t window;  /* MB of training images that a node holds; 0: all that there are */
} DataOptions;

/* Plain data, so that one rank can read it and broadcast it. */
typedef struct DatasetInfo {
    size_t train_rows, test_rows;
    bool test_labelled;
    char fingerprint[DIGEST_TEXT]; /* of all rows and labels, by the chunks' digests */
} DatasetInfo;

/* Read-only. Images are (rows, 28, 28); labels (rows), DIGIT_UNLABELLED throughout the test part if
 * it has none. Images are NULL where rows are read as they are needed (row_reader.h). */
typedef struct Dataset {
    DatasetInfo info;
    const uint8_t *train_images, *train_labels;
    const uint8_t *test_images, *test_labels;
} Dataset;

/* Opens the file, checks structure, sizes and fingerprint. */
Status dataset_inspect(DatasetInfo *info, const char *path);

/* Bytes that dataset_read will fill. */
size_t dataset_bytes(const DatasetInfo *info);

/* The i-th share of the chunks, of so many. */
typedef struct DatasetShare {
    size_t i, of;
} DatasetShare;

/* Reads a share of all rows into memory and verifies the digests of its chunks; the file must be
 * the one that was inspected. */
Status dataset_read(void *memory, const DatasetInfo *info, const char *path, DatasetShare share);

/* The same for the labels alone, and the bytes that those take. Of a sealed file they are verified;
 * of others, only when their chunks' images are read. */
size_t dataset_label_bytes(const DatasetInfo *info);
Status dataset_read_labels(void *memory, const DatasetInfo *info, const char *path,
                           DatasetShare share);

/* Reads the whole file against its digests, in the memory of one chunk. */
Status dataset_verify(const char *path);

/* Points into memory that dataset_read, or dataset_read_labels, filled, on this and other ranks of
 * the node. */
void dataset_view(Dataset *dataset, const DatasetInfo *info, const void *memory);
void dataset_view_labels(Dataset *dataset, const DatasetInfo *info, const void *memory);
