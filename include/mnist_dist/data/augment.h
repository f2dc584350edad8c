/* Augmentation as Keras's ImageDataGenerator does it: rotation, shift, shear and zoom in one affine
 * map, bilinear, the border's pixels repeated or zeros beyond it.
 *
 * Source: keras.src.legacy.preprocessing.image (get_random_transform, apply_affine_transform):
 * theta ~ U(-r, r) degrees, tx and ty ~ U(-s, s) * 28 pixels, zx and zy ~ U(1-z, 1+z)
 * independently; M = R T S Z about the centre (13.5, 13.5), from output to input coordinates. Keras
 * builds M for (x, y) and swaps its axes before use, so that tx and zx, in spite of its
 * documentation, act on columns, ty and zy on rows. Two things are not Keras's: S moves a row by k
 * columns for each row of its distance from the centre, k ~ U(-shear, shear), which keeps areas,
 * where Keras gives an angle and shrinks rows by its cosine; and whole pixels, -n to n of them with
 * equal chance for columns and for rows, are added to tx and ty. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "mnist_dist/base/digits.h"
#include "mnist_dist/base/rng.h"

/* What lies beyond the image: its border's pixels again, or zeros (that pixels fade into: a place
 * half a pixel outside is half the border's pixel). */
typedef enum AugmentFill { FILL_NEAREST, FILL_ZERO } AugmentFill;

/* Names by fill, "nearest" and "zero"; NULL at the end. */
extern const char *const AUGMENT_FILL_NAMES[];

typedef struct AugmentOptions {
    double rotation;      /* largest angle, degrees */
    double zoom;          /* largest relative change of scale */
    double shift;         /* largest shift, as a share of the side */
    double shear;         /* largest shift of columns, per row from the centre */
    int64_t translate;    /* largest shift by whole pixels */
    int fill;             /* an AugmentFill */
    double elastic_alpha; /* strength of elastic distortion, pixels; 0: none */
    double elastic_sigma; /* its smoothness, pixels */
    double erase;         /* share of the images of which a rectangle is erased */
    int64_t erase_size;   /* its largest side, pixels */
    double mixup;         /* alpha of mixup; 0: none. See batch.h */
} AugmentOptions;

/* Input (row, column) = matrix * (output row, output column, 1). */
typedef struct AffineMap {
    double matrix[2][3];
} AffineMap;

typedef struct AugmentDraw {
    double theta;  /* radians */
    double tx, ty; /* pixels: columns, rows */
    double zx, zy; /* scale of columns, of rows; above 1 shrinks the digit */
    double shear;  /* columns per row */
} AugmentDraw;

enum { AUGMENT_COLUMNS = 32 }; /* the image's and some more, to fill vectors */

/* How far from where the map says each output pixel looks up the input: pixels. */
typedef struct Displacement {
    float rows[DIGIT_SIDE][AUGMENT_COLUMNS], columns[DIGIT_SIDE][AUGMENT_COLUMNS];
} Displacement;

/* The draw of a sample in an epoch: stream->purpose RNG_AUGMENT. Words 0 to 3 of group 0 are for
 * theta, tx, ty and zx, words 0 to 3 of group 1 for zy, the shear, and the whole pixels of tx and
 * ty; each is drawn whatever the options. */
AugmentDraw augment_draw(const AugmentOptions *options, const RngStream *stream);

/* Options of zero draw the identity, exactly. */
AffineMap augment_map(const AugmentDraw *draw);

enum { AUGMENT_VIEWS = 9 };

/* Fixed view `view`, below AUGMENT_VIEWS, for test-time augmentation: 0 is the image as it is; then
 * it is moved by one pixel to each side, turned by 5 degrees either way, made 5 % smaller and
 * larger. */
AffineMap augment_view(size_t view);

/* Elastic distortion (Simard, Steinkraus and Platt, ICDAR 2003): for each pixel p, noise of -1 to 1
 * for rows and for columns, seen through a Gaussian of elastic_sigma and multiplied by
 * elastic_alpha. The noise is from word p % 4 of group 4 + p / 4, its lower half and its upper. */
void augment_displace(Displacement *out, const AugmentOptions *options, const RngStream *stream);

/* out (28, 28) in 0..1 from image (28, 28) in 0..255; under the identity, pixel / 255 exactly. A
 * displacement of NULL is none. */
void augment_image(float *out, const uint8_t *image, const AffineMap *map, AugmentFill fill,
                   const Displacement *displacement);

/* Random erasing (Zhong et al., AAAI 2020), with zeros: the share options->erase of the images lose
 * a rectangle of 1 to erase_size pixels by as many, anywhere within the image. Draws groups 2 and
 * 3. */
void augment_erase(float *image, const AugmentOptions *options, const RngStream *stream);

/* All of the above: out (28, 28) is the image as the stream's sample is shown it in the stream's
 * epoch. */
void augment_sample(float *out, const uint8_t *image, const AugmentOptions *options,
                    const RngStream *stream);
