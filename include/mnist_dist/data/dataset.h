/* digits.h5: labelled training images and, if there are any, test images with or without labels.
 *
 * The file holds /train/images (n,28,28) u8, /train/labels (n) u8, the same under /test (labels may
 * be missing), and per part /PART/digests (chunks) u64: XXH3 of each chunk's images and labels, so
 * that any part of a large file can be verified as it is read; /fingerprint (2) u64 covers the
 * counts and the digests. The file is sealed (base/h5file.h); those of older versions are not.
 * Every failure of reading is STATUS_DATA with a line that names file and remedy, and the rows if a
 * chunk is damaged. Reading needs memory that several ranks may share, which this room does not
 * have: the caller asks for the size, brings the memory, one rank of the node fills it, all of them
 * view it. */
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
} DataOptions;

/* Plain data, so that one rank can read it and broadcast it. */
typedef struct DatasetInfo {
    size_t train_rows, test_rows;
    bool test_labelled;
    char fingerprint[DIGEST_TEXT]; /* of all rows and labels, by the chunks' digests */
} DatasetInfo;

/* Read-only. Images are (rows, 28, 28); labels (rows), DIGIT_UNLABELLED throughout the test part if
 * it has none. */
typedef struct Dataset {
    DatasetInfo info;
    const uint8_t *train_images, *train_labels;
    const uint8_t *test_images, *test_labels;
} Dataset;

/* Opens the file, checks structure, sizes and fingerprint. */
Status dataset_inspect(DatasetInfo *info, const char *path);

/* Bytes that dataset_read will fill. */
size_t dataset_bytes(const DatasetInfo *info);

/* Reads every row into memory and verifies every chunk's digest; the file must be the one that was
 * inspected. */
Status dataset_read(void *memory, const DatasetInfo *info, const char *path);

/* Reads the whole file against its digests, in the memory of one chunk. */
Status dataset_verify(const char *path);

/* Points into memory that dataset_read filled, on this or another rank of the node. */
void dataset_view(Dataset *dataset, const DatasetInfo *info, const void *memory);
