/* Gray to ink; see ink.h.
 *
 * Where ink begins is Otsu's threshold (N. Otsu, "A threshold selection method from gray-level
 * histograms", 1979) among what stands out from the paper's noise: of a sheet, ink is so small a
 * share that over all pixels the threshold would part the paper's noise instead. */
#include "ink.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/minmax.h"

enum { LEVELS = 256, SMOOTH_FROM = 64, SMOOTH_TWICE_FROM = 200, LEAST_PIXELS = 8 };

static const float LEAST_CONTRAST = 12.0F;             /* levels of gray between ink and paper */
static const float OUTSTANDING = 3.0F, CERTAIN = 5.0F; /* in standard deviations of the paper */
static const float FULL_SHARE = 0.6F; /* the threshold is at most this share of full ink */

/* As shares of a digit's longer side. By the measure below, half of 10,000 of MNIST's training rows
 * have strokes wider than 0.098, nine tenths wider than 0.070,
 * one in a hundred wider than 0.180. */
static const float STROKE = 0.1F, THIN = 0.07F, SOLID = 0.24F;

/* ---- gray ---- */

/* The average over the pixels that become one. */
static float average(const Gray *gray, size_t factor, size_t x, size_t y) {
    size_t right = smaller((x + 1) * factor, gray->width);
    size_t bottom = smaller((y + 1) * factor, gray->height);
    uint64_t sum = 0;
    for (size_t v = y * factor; v < bottom; v++)
        for (size_t u = x * factor; u < right; u++) sum += gray->pixels[v * gray->width + u];
    return (float)sum / (float)((right - x * factor) * (bottom - y * factor));
}

static Status shrink(Ink *ink, const Gray *gray) {
    size_t longer = larger(gray->width, gray->height);
    size_t factor = (longer + INK_MOST_SIDE - 1) / INK_MOST_SIDE;
    Status status = STATUS_OK;
    ink->width = (gray->width + factor - 1) / factor;
    ink->height = (gray->height + factor - 1) / factor;
    TRY(MEMORY_NEW(&ink->values, ink->width * ink->height));
    TRY(MEMORY_NEW(&ink->spare, ink->width * ink->height));
    for (size_t y = 0; y < ink->height; y++)
        for (size_t x = 0; x < ink->width; x++)
            ink->values[y * ink->width + x] = average(gray, factor, x, y);
cleanup:
    return status;
}

/* What is worked on and what is worked in change places. */
static void swap(Ink *ink) {
    float *values = ink->values;
    ink->values = ink->spare;
    ink->spare = values;
}

/* A mean with weights 1 2 1 along lines that are `stride` apart, edges repeated. */
static void smooth_along(Ink *ink, bool down) {
    for (size_t y = 0; y < ink->height; y++)
        for (size_t x = 0; x < ink->width; x++) {
            size_t at = down ? y : x, last = (down ? ink->height : ink->width) - 1;
            size_t step = down ? ink->width : 1, i = y * ink->width + x;
            float before = ink->values[at > 0 ? i - step : i];
            float after = ink->values[at < last ? i + step : i];
            ink->spare[i] = 0.25F * (before + after) + 0.5F * ink->values[i];
        }
    swap(ink);
}

static void smooth(Ink *ink) {
    size_t shorter = smaller(ink->width, ink->height);
    int rounds = (shorter >= SMOOTH_FROM) + (shorter >= SMOOTH_TWICE_FROM);
    for (int i = 0; i < rounds; i++) {
        smooth_along(ink, false);
        smooth_along(ink, true);
    }
}

/* ---- ink ---- */

static float least_ink(const Ink *ink) {
    return fmaxf(OUTSTANDING * ink->noise, 0.5F * LEAST_CONTRAST);
}

/* Whether it is light on dark. */
static bool is_brighter(const Ink *ink) {
    double dark = 0.0, light = 0.0, least = (double)least_ink(ink);
    for (size_t i = 0; i < ink->width * ink->height; i++) {
        double value = (double)ink->values[i];
        if (value > least) dark += value - least;
        if (value < -least) light -= value + least;
    }
    return light > dark;
}

typedef struct Histogram {
    size_t counts[LEVELS], total;
} Histogram;

/* Counts, by level of gray, what stands out; ink may be darker than black where the surface of the
 * paper lies above white. */
static Histogram count_levels(const Ink *ink) {
    Histogram histogram = {{0}, 0};
    float least = least_ink(ink);
    for (size_t i = 0; i < ink->width * ink->height; i++) {
        if (ink->values[i] <= least) continue;
        histogram.counts[smaller((size_t)ink->values[i], LEVELS - 1)]++;
        histogram.total++;
    }
    return histogram;
}

/* The level below which this share of the counts lies. */
static float quantile(const Histogram *histogram, double share) {
    size_t below = 0, level = 0;
    while (level < LEVELS - 1 &&
           (double)(below + histogram->counts[level]) < share * (double)histogram->total)
        below += histogram->counts[level++];
    return (float)level;
}

/* The threshold with the largest variance between what is below and above it. */
static float otsu(const Histogram *histogram) {
    double all = 0.0, sum = 0.0, below = 0.0, best = -1.0;
    size_t threshold = 0;
    for (size_t i = 0; i < LEVELS; i++) all += (double)(i * histogram->counts[i]);
    for (size_t i = 0; i + 1 < LEVELS; i++) {
        below += (double)histogram->counts[i];
        sum += (double)(i * histogram->counts[i]);
        double above = (double)histogram->total - below;
        if (below <= 0.0 || above <= 0.0) continue;
        double apart = sum / below - (all - sum) / above, variance = below * above * apart * apart;
        if (variance > best) best = variance, threshold = i + 1;
    }
    return (float)threshold;
}

static bool find_threshold(Ink *ink) {
    Histogram histogram = count_levels(ink);
    if (histogram.total < LEAST_PIXELS) return false;
    ink->full = quantile(&histogram, 0.98);
    ink->threshold = fminf(fmaxf(otsu(&histogram), least_ink(ink)), FULL_SHARE * ink->full);
    return ink->full >= fmaxf(LEAST_CONTRAST, CERTAIN * ink->noise);
}

static void negate(Ink *ink) {
    for (size_t i = 0; i < ink->width * ink->height; i++) ink->values[i] = -ink->values[i];
}

Status ink_read(Ink *ink, bool *found, const Gray *gray, InkPaper paper) {
    *ink = (Ink){0};
    Status status = shrink(ink, gray);
    if (status != STATUS_OK) return status;
    smooth(ink);
    if (paper == INK_BRIGHT_ON_ROUGH) negate(ink);
    if (paper == INK_ON_SMOOTH) {
        ink_remove_paper(ink);
        if (is_brighter(ink)) negate(ink);
    } else {
        ink_remove_local_paper(ink);
    }
    *found = find_threshold(ink);
    return STATUS_OK;
}

void ink_free(Ink *ink) {
    free(ink->values);
    free(ink->spare);
}

/* ---- strokes ---- */

/* The digit's longer side and its strokes' width, in pixels. A long stroke of width w has w pixels
 * and two sides per pixel of its length. */
static void measure(size_t *side, float *width, const Ink *ink) {
    size_t area = 0, sides = 0, top = ink->height, bottom = 0, left = ink->width, right = 0;
    for (size_t y = 0; y < ink->height; y++)
        for (size_t x = 0; x < ink->width; x++) {
            size_t i = y * ink->width + x;
            if (ink->values[i] < 0.5F) continue;
            area++;
            sides += x == 0 || ink->values[i - 1] < 0.5F;
            sides += x + 1 == ink->width || ink->values[i + 1] < 0.5F;
            sides += y == 0 || ink->values[i - ink->width] < 0.5F;
            sides += y + 1 == ink->height || ink->values[i + ink->width] < 0.5F;
            top = smaller(top, y), bottom = larger(bottom, y + 1);
            left = smaller(left, x), right = larger(right, x + 1);
        }
    *side = area > 0 ? larger(bottom - top, right - left) : 0;
    *width = sides > 0 ? 2.0F * (float)area / (float)sides : 0.0F;
}

/* The largest within one pixel, lines first, then columns if `square`, else the four neighbours:
 * in turn they grow an octagon. */
static void grow(Ink *ink, bool square) {
    for (size_t y = 0; y < ink->height; y++)
        for (size_t x = 0; x < ink->width; x++) {
            size_t top = y > 0 ? y - 1 : 0, left = x > 0 ? x - 1 : 0;
            float most = 0.0F;
            for (size_t v = top; v <= y + 1 && v < ink->height; v++)
                for (size_t u = left; u <= x + 1 && u < ink->width; u++)
                    if (square || u == x || v == y)
                        most = fmaxf(most, ink->values[v * ink->width + u]);
            ink->spare[y * ink->width + x] = most;
        }
    swap(ink);
}

static void thicken(Ink *ink) {
    size_t side;
    float width;
    measure(&side, &width, ink);
    if (width >= THIN * (float)side) return;
    int rounds = (int)lroundf((STROKE * (float)side - width) / 2.0F);
    for (int i = 0; i < rounds; i++) grow(ink, i % 2 == 0);
}

bool ink_has_strokes(const Ink *ink) {
    size_t side;
    float width;
    measure(&side, &width, ink);
    return side > 0 && width <= SOLID * (float)side;
}

void ink_finish(Ink *ink) {
    float least = least_ink(ink), full = fmaxf(ink->full, least + 1.0F);
    for (size_t i = 0; i < ink->width * ink->height; i++)
        ink->values[i] = fminf(fmaxf((ink->values[i] - least) / (full - least), 0.0F), 1.0F);
    thicken(ink);
}
