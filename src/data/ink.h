/* What the files picture.c and ink*.c share: a picture on its way from gray to ink.
 *
 *   picture.c     the order of things: file, ink, digit
 *   ink.c         gray to ink: smaller, smoother, without its background; the threshold
 *   ink_paper.c   the background as a smooth surface
 *   ink_local.c   the background as what is wider than strokes are
 *   ink_parts.c   connected parts, and which of them are the digit */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gray.h"
#include "mnist_dist/base/status.h"

enum { INK_MOST_SIDE = 800 /* pixels of what is worked on */ };

typedef struct Ink {
    size_t width, height;
    float *values;   /* (height, width) ink; at first gray */
    float *spare;    /* the same size, to work in */
    float noise;     /* standard deviation of the paper */
    float threshold; /* more is ink for certain */
    float full;      /* what full ink is */
} Ink;

/* What the background is taken to be. */
typedef enum InkPaper {
    INK_ON_SMOOTH,       /* a smooth surface; ink is darker or lighter */
    INK_DARK_ON_ROUGH,   /* anything wider than strokes are; ink is darker ... */
    INK_BRIGHT_ON_ROUGH, /* ... or lighter */
    INK_PAPERS
} InkPaper;

/* Makes ink of gray pixels: smaller than INK_MOST_SIDE, smoothed, without its paper, positive where
 * ink is; false if nothing stands out from the paper. ink_free in any case. */
Status ink_read(Ink *ink, bool *found, const Gray *gray, InkPaper paper);
void ink_free(Ink *ink);

/* Brings the values to 0..1, 1 for full ink, and makes strokes that are thinner than MNIST's as
 * thick as those: a pen's line on a large sheet would be pale once it is 28 pixels high. */
void ink_finish(Ink *ink);

/* Of ink in 0..1: whether it is drawn in strokes, and is no shadow or table. */
bool ink_has_strokes(const Ink *ink);

/* Subtracts the background, a quadratic surface fitted robustly to `values` in gray, and sets the
 * noise. What is darker becomes positive; values above and below are equally far from 0. */
void ink_remove_paper(Ink *ink);
void ink_remove_local_paper(Ink *ink); /* of darker ink alone */

/* Leaves of the ink (values, threshold) the digit alone and sets all else to 0; false if no part is
 * large enough to be one. */
Status ink_keep_digit(Ink *ink, bool *found);
