/* Sorted hashes of images; see row_hashes.h. */
#include "mnist_dist/data/row_hashes.h"

#include <stdbool.h>
#include <stdlib.h>

#include "mnist_dist/base/digest.h"
#include "mnist_dist/base/digits.h"
#include "mnist_dist/base/memory.h"

static int compare(const void *a, const void *b) {
    const uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;
    return (one > other) - (one < other);
}

static uint64_t hash_row(const uint8_t *images, const uint32_t *rows, size_t i) {
    const size_t row = rows != NULL ? rows[i] : i;
    return digest64(images + row * DIGIT_PIXELS, DIGIT_PIXELS);
}

Status row_hashes_new(RowHashes *hashes, const uint8_t *images, const uint32_t *rows,
                      size_t count) {
    *hashes = (RowHashes){.count = count};
    Status status = MEMORY_NEW(&hashes->values, count);
    if (status != STATUS_OK) return status;
    for (size_t i = 0; i < count; i++) hashes->values[i] = hash_row(images, rows, i);
    if (count > 0) qsort(hashes->values, count, sizeof *hashes->values, compare);
    return STATUS_OK;
}

void row_hashes_free(RowHashes *hashes) {
    free(hashes->values);
    *hashes = (RowHashes){0};
}

size_t row_hashes_known(const RowHashes *hashes, const uint8_t *images, const uint32_t *rows,
                        size_t count) {
    size_t known = 0;
    for (size_t i = 0; i < count && hashes->count > 0; i++) {
        const uint64_t hash = hash_row(images, rows, i);
        known += bsearch(&hash, hashes->values, hashes->count, sizeof hash, compare) != NULL;
    }
    return known;
}
