/* The background of a picture where it is not smooth: a sheet on a dark table, a shadow's edge; see
 * ink.h.
 *
 * A closing, the largest value within a window and then the smallest of those, leaves of a picture
 * what is wider than the window; what it takes away is ink (the black top-hat of J. Serra, "Image
 * Analysis and Mathematical Morphology", 1982). It is the second choice, since a stroke that is
 * wider than the window is lost. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ink.h"
#include "mnist_dist/base/minmax.h"

enum { WINDOW_SHARE = 5 /* of the picture's shorter side */ };

/* One of the picture's lines, across or down. */
typedef struct Line {
    float *values;
    size_t count, stride;
} Line;

/* The largest, or the smallest if `sign` is -1, of the `reach` values before each, it included. */
static void line_extreme(Line line, size_t reach, float sign) {
    for (size_t covered = 1; covered < reach;) {
        size_t shift = smaller(covered, reach - covered);
        for (size_t i = line.count - 1; i >= shift; i--) {
            float *here = &line.values[i * line.stride];
            float there = line.values[(i - shift) * line.stride];
            *here = sign * fmaxf(sign * *here, sign * there);
        }
        covered += shift;
    }
}

/* The same turned round: of the values from each on. */
static void line_extreme_back(Line line, size_t reach, float sign) {
    for (size_t covered = 1; covered < reach;) {
        size_t shift = smaller(covered, reach - covered);
        for (size_t i = 0; i + shift < line.count; i++) {
            float *here = &line.values[i * line.stride];
            float there = line.values[(i + shift) * line.stride];
            *here = sign * fmaxf(sign * *here, sign * there);
        }
        covered += shift;
    }
}

/* Largest before and smallest after are a closing: the shift of one undoes that of the other. */
static void close_lines(float *values, const Ink *ink, size_t reach, float sign, bool back) {
    void (*extreme)(Line, size_t, float) = back ? line_extreme_back : line_extreme;
    for (size_t y = 0; y < ink->height; y++)
        extreme((Line){values + y * ink->width, ink->width, 1}, reach, sign);
    for (size_t x = 0; x < ink->width; x++)
        extreme((Line){values + x, ink->height, ink->width}, reach, sign);
}

static int compare(const void *left, const void *right) {
    float a = *(const float *)left, b = *(const float *)right;
    return (a > b) - (a < b);
}

/* Of noisy paper the closing lies above it, by what was taken away at most places. Dark strips at
 * the edges may be a good part of the picture, so the paper is told by the lower of its values: of
 * a normal distribution, 0.76 standard deviations lie between a tenth and three tenths. */
static void remove_bias(Ink *ink) {
    size_t pixels = ink->width * ink->height;
    memcpy(ink->spare, ink->values, pixels * sizeof *ink->values);
    qsort(ink->spare, pixels, sizeof *ink->spare, compare);
    float usual = ink->spare[pixels * 3 / 10];
    ink->noise = (usual - ink->spare[pixels / 10]) / 0.76F;
    for (size_t i = 0; i < pixels; i++) ink->values[i] -= usual;
}

void ink_remove_local_paper(Ink *ink) {
    size_t pixels = ink->width * ink->height;
    size_t reach = larger(smaller(ink->width, ink->height) / WINDOW_SHARE, 3);
    memcpy(ink->spare, ink->values, pixels * sizeof *ink->values);
    close_lines(ink->spare, ink, reach, 1.0F, false);
    close_lines(ink->spare, ink, reach, -1.0F, true);
    for (size_t i = 0; i < pixels; i++) ink->values[i] = ink->spare[i] - ink->values[i];
    remove_bias(ink);
}
