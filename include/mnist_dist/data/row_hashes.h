/* Hashes of images, by which those that a network was trained on are known again in any file.
 *
 * An image's hash is XXH3 with 64 bits over its 784 bytes: among 42,000 images, two have the same
 * by chance once in 2e10 such sets. The label is not in it, since a leak is a leak under any label.
 * Of more than ROW_HASHES_MOST rows only those are kept whose hash ends in so many zeros that about
 * half to all of ROW_HASHES_MOST are: an image among them is known again in any file still, and
 * what is counted is a sample. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "mnist_dist/base/status.h"

enum { ROW_HASHES_MOST = 1 << 20 };

typedef struct RowHashes {
    uint64_t *values; /* (count), ascending */
    size_t count;
} RowHashes;

/* Of images[rows[0 .. count - 1]]; rows NULL means 0 .. count - 1. images: (·, 28, 28). */
Status row_hashes_new(RowHashes *hashes, const uint8_t *images, const uint32_t *rows, size_t count);
void row_hashes_free(RowHashes *hashes);

/* Bits that are 0 in every hash that is kept of so many rows. */
uint64_t row_hashes_mask(size_t rows);

/* The hash of one image (28, 28). */
uint64_t row_hash(const uint8_t *image);

/* Takes in further hashes, in any order; none is in it twice then. Unchanged on failure. */
Status row_hashes_add(RowHashes *hashes, const uint64_t *values, size_t count);

/* How many of these images have their hash among these. */
size_t row_hashes_known(const RowHashes *hashes, const uint8_t *images, const uint32_t *rows,
                        size_t count);
