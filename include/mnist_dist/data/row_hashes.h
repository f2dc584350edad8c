/* Hashes of images, by which those that a network was trained on are known again in any file.
 *
 * An image's hash is XXH3 with 64 bits over its 784 bytes: among 42,000 images, two have the same
 * by chance once in 2e10 such sets. The label is not in it, since a leak is a leak under any label.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "mnist_dist/base/status.h"

typedef struct RowHashes {
    uint64_t *values; /* (count), ascending */
    size_t count;
} RowHashes;

/* Of images[rows[0 .. count - 1]]; rows NULL means 0 .. count - 1. images: (·, 28, 28). */
Status row_hashes_new(RowHashes *hashes, const uint8_t *images, const uint32_t *rows, size_t count);
void row_hashes_free(RowHashes *hashes);

/* How many of these images have their hash among these. */
size_t row_hashes_known(const RowHashes *hashes, const uint8_t *images, const uint32_t *rows,
                        size_t count);
