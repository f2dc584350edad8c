/* A drawing of a digit made into an image as MNIST's makers made theirs.
 *
 * Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits": NIST's images
 * "were size normalized to fit in a 20x20 pixel box while preserving their aspect ratio", with grey
 * levels from anti-aliasing, and "centered in a 28x28 image by computing the center of mass of the
 * pixels, and translating the image so as to position this point at the center". */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "mnist_dist/base/digits.h"

enum { CENTRE_BOX = 20 };

/* digit (28, 28) from ink (h, w), any size, numbers in 0..1 with 1 for full ink: the box around all
 * ink of 0.1 or more, its longer side brought to 20 pixels by averages over areas, its centre of
 * mass to the pixel (14, 14), counted from 0. What is fainter does not count for the box; a picture
 * of paper is made clean by the caller. Returns false, and a blank image, if nothing is left. */
bool centre_digit(float digit[DIGIT_PIXELS], const float *ink, size_t h, size_t w);

/* The last step alone: cell (20, 20), any unit of ink, moved by whole pixels, as far as its ink
 * stays within the image. Returns false, and a blank image, if no number is above 0. */
bool centre_cell(float digit[DIGIT_PIXELS], const float cell[CENTRE_BOX * CENTRE_BOX]);
