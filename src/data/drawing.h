/* Digits as a pen would draw them: a pure function of seed, part and row. */
#pragma once

#include <stdint.h>

#include "mnist_dist/base/digits.h"

/* Draws row `row` of part `part` (0 trains, 1 tests) into image (28, 28), 255 is ink; returns the
 * digit that it shows. Each digit comes with the same chance. */
uint8_t drawing_make(uint8_t image[DIGIT_PIXELS], uint64_t seed, uint32_t part, uint32_t row);
