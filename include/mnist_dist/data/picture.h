/* The digit in a picture as people have them: a scan, a photo, a drawing; made into an image as
 * MNIST has them.
 *
 * PNG of any kind, or JPEG; any size; dark on light or light on dark; in even or uneven light. The
 * ink is what stands out from the background, a smooth one if there are strokes then, else one that
 * may have edges, as a sheet on a table has; of it the largest connected part is taken and
 * what lies near it, so that specks, ruled lines at the margin and the table's edge are left out.
 * One picture is one digit: of several, apart from each other, the largest is taken. */
#pragma once

#include <stdint.h>

#include "mnist_dist/base/digits.h"
#include "mnist_dist/base/status.h"

/* image (28, 28), 255 for full ink. STATUS_DATA with a line that names the file if it cannot be
 * read, is neither PNG nor JPEG, is damaged, has more than 64 Mi pixels, or shows nothing. Memory
 * is bounded: at most the file's 63 MiB, a byte for each pixel, and some 15 MB. */
Status picture_read(uint8_t image[DIGIT_PIXELS], const char *path);

/* libpng's, as "1.6.39". */
const char *picture_png_version(void);
