/* Sorted hashes of images; see row_hashes.h. */
#include "mnist_dist/data/row_hashes.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "mnist_dist/base/digest.h"
#include "mnist_dist/base/digits.h"
#include "mnist_dist/base/memory.h"

static int compare(const void *a, const void *b) {
    const uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;
    return (one > other) - (one < other);
}

uint64_t row_hash(const uint8_t *image) {
    return digest64(image, DIGIT_PIXELS);
}

static uint64_t hash_row(const uint8_t *images, const uint32_t *rows, size_t i) {
    const size_t row = rows != NULL ? rows[i] : i;
    return row_hash(images + row * DIGIT_PIXELS);
}

uint64_t row_hashes_mask(size_t rows) {
    uint64_t mask = 0;
    for (; rows > ROW_HASHES_MOST; rows /= 2) mask = 2 * mask + 1;
    return mask;
}

Status row_hashes_new(RowHashes *hashes, const uint8_t *images, const uint32_t *rows,
                      size_t count) {
    const uint64_t mask = row_hashes_mask(count);
    *hashes = (RowHashes){0};
    Status status = MEMORY_NEW(&hashes->values, count);
    if (status != STATUS_OK) return status;
    for (size_t i = 0; i < count; i++) {
        const uint64_t hash = hash_row(images, rows, i);
        if ((hash & mask) == 0) hashes->values[hashes->count++] = hash;
    }
    if (hashes->count > 0) qsort(hashes->values, hashes->count, sizeof *hashes->values, compare);
    return STATUS_OK;
}

Status row_hashes_add(RowHashes *hashes, const uint64_t *values, size_t count) {
    const size_t all = hashes->count + count;
    RowHashes sum = {0};
    Status status = MEMORY_NEW(&sum.values, all);
    if (status != STATUS_OK) return status;
    if (hashes->count > 0) memcpy(sum.values, hashes->values, hashes->count * sizeof *values);
    if (count > 0) memcpy(sum.values + hashes->count, values, count * sizeof *values);
    if (all > 0) qsort(sum.values, all, sizeof *sum.values, compare);
    for (size_t i = 0; i < all; i++)
        if (sum.count == 0 || sum.values[i] != sum.values[sum.count - 1])
            sum.values[sum.count++] = sum.values[i];
    row_hashes_free(hashes);
    *hashes = sum;
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
