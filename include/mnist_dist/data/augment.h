/* Augmentation as Keras's ImageDataGenerator does it: rotation, shift and zoom in one affine map,
 * bilinear, the border's pixels repeated.
 *
 * Source: keras.src.legacy.preprocessing.image (get_random_transform, apply_affine_transform):
 * theta ~ U(-r, r) degrees, tx and ty ~ U(-s, s) * 28 pixels, zx and zy ~ U(1-z, 1+z)
 * independently; M = R T Z about the centre (13.5, 13.5), from output to input coordinates. Keras
 * builds M for (x, y) and swaps its axes before use, so that tx and zx, in spite of its
 * documentation, act on columns, ty and zy on rows. */
#pragma once

#include <stdint.h>

#include "mnist_dist/base/rng.h"

typedef struct AugmentOptions {
    double rotation; /* largest angle, degrees */
    double zoom;     /* largest relative change of scale */
    double shift;    /* largest shift, as a share of the side */
} AugmentOptions;

/* Input (row, column) = matrix * (output row, output column, 1). */
typedef struct AffineMap {
    double matrix[2][3];
} AffineMap;

typedef struct AugmentDraw {
    double theta;  /* radians */
    double tx, ty; /* pixels: columns, rows */
    double zx, zy; /* scale of columns, of rows; above 1 shrinks the digit */
} AugmentDraw;

/* The draw of a sample in an epoch: stream->purpose RNG_AUGMENT. Words 0 to 3 of group 0 are for
 * theta, tx, ty and zx, word 0 of group 1 for zy; each is drawn whatever the options. */
AugmentDraw augment_draw(const AugmentOptions *options, const RngStream *stream);

/* Options of zero draw the identity, exactly. */
AffineMap augment_map(const AugmentDraw *draw);

/* out (28, 28) in 0..1 from image (28, 28) in 0..255; under the identity, pixel / 255 exactly. */
void augment_image(float *out, const uint8_t *image, const AffineMap *map);
