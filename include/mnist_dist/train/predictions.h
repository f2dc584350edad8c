/* predictions.h5: what a run's best network says of each held-out image, for the run's page.
 *
 *     /@epoch, /@train_rows, /@held_out
 *     /validation/rows (n) u32, labels (n) u8, images (n,28,28) u8, probabilities (n,10) f32
 *     /augmented/rows (k) u32, labels (k) u8, images (k,28,28) u8   training images as they were
 * fed
 *
 * The images are in it, so that a run that was copied elsewhere, without digits.h5, still gives its
 * whole page. Chunks and metadata carry checksums (h5file.h). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "mnist_dist/base/status.h"

/* Digits by number 0 .. count - 1. */
typedef struct LabelledImages {
    size_t count;
    uint32_t *rows;  /* (count) of the data */
    uint8_t *labels; /* (count); DIGIT_UNLABELLED where there is none */
    uint8_t *images; /* (count, 28, 28); 255 is ink */
} LabelledImages;

typedef struct Predictions {
    uint64_t epoch;      /* of the network, from 1; 0 if no epoch is done */
    uint64_t train_rows; /* rows that were trained on */
    uint64_t held_out;   /* rows that were not, of which `validation` has the first */
    LabelledImages validation, augmented;
    float *probabilities; /* (validation.count, 10) */
} Predictions;

/* Makes room for so many, zeroed, which are all that were held out. Nothing is left on failure. */
Status predictions_new(Predictions *predictions, size_t validation, size_t augmented);
void predictions_free(Predictions *predictions); /* harmless on a zeroed struct */

/* The file appears whole or not at all. */
Status predictions_write(const Predictions *predictions, const char *path);

/* STATUS_DATA with path and reason; nothing is left then. */
Status predictions_read(Predictions *predictions, const char *path);
