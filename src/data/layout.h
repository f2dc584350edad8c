/* How digits.h5 is laid out: what the writer and the reader of it must agree on. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "mnist_dist/base/digest.h"
#include "mnist_dist/base/digits.h"

enum {
    LAYOUT_CHUNK = 1024,   /* rows under one digest, and in one chunk of images */
    LAYOUT_LABELS = 16384, /* rows in one chunk of labels, so that all labels of a large file
                              can be read without most of its images */
    LAYOUT_ROW = DIGIT_PIXELS + 1, /* bytes of a row with its label */
    LAYOUT_NAME = 32
};

/* The fingerprint (2) u64, high half first, so that damage to counts and digests is seen too. No
 * text: variable-length texts lie in HDF5's global heap, which has no checksum, and on one wrong
 * byte of which libhdf5 1.10.8 never comes back from reading. */
#define LAYOUT_FINGERPRINT "/fingerprint"

/* "/train/images" */
static inline void layout_name(char name[LAYOUT_NAME], const char *part, const char *array) {
    snprintf(name, LAYOUT_NAME, "/%s/%s", part, array);
}

/* The digest of a chunk: `count` images and behind them, if there are any, as many labels. */
static inline uint64_t layout_digest(const uint8_t *bytes, size_t count, bool labelled) {
    return digest64(bytes, count * (size_t)(labelled ? LAYOUT_ROW : DIGIT_PIXELS));
}

/* The fingerprint is the digest of each part's chunk digests followed by this. */
static inline void layout_end_part(Digester *fingerprint, uint64_t rows, bool labelled) {
    uint64_t facts[2] = {rows, labelled};
    digester_add(fingerprint, facts, sizeof facts);
}
