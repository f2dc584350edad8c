/* What is read off predictions and off several runs. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mnist_dist/base/status.h"
#include "mnist_dist/base/tally.h"
#include "mnist_dist/train/predictions.h"

/* The class with the largest probability of an image, and that probability. */
uint8_t predicted_class(const Predictions *predictions, size_t image);
float predicted_share(const Predictions *predictions, size_t image);

/* Counts by label and prediction; rows without a label are left out. */
void predictions_confusion(Confusion *confusion, const Predictions *predictions);

/* Numbers of images, malloced: of all errors, the surest first; of all labelled images, the least
 * sure first. Sure is the largest probability; ties go by number. */
Status predictions_errors(uint32_t **images, size_t *count, const Predictions *predictions);
Status predictions_unsure(uint32_t **images, size_t *count, const Predictions *predictions);

/* Of one class; NAN where there is nothing to divide by. */
typedef struct ClassFigures {
    int64_t count; /* images with this label */
    double precision, recall, f1;
} ClassFigures;
void class_figures(ClassFigures figures[DIGIT_CLASSES], const Confusion *confusion);

/* Reliability: images by their largest probability p, bin b holding b / 10 <= p < (b + 1) / 10 (the
 * last one p = 1 too). error is the expected calibration error, sum over bins of
 * count / n * |accuracy - confidence| (Guo et al., "On Calibration of Modern Neural Networks",
 * ICML 2017, equation 3). */
enum { CALIBRATION_BINS = 10 };
typedef struct CalibrationBin {
    int64_t count;
    double confidence, accuracy; /* means; NAN in an empty bin */
} CalibrationBin;
typedef struct Calibration {
    double error; /* NAN if there are no images */
    CalibrationBin bins[CALIBRATION_BINS];
} Calibration;
void calibration_of(Calibration *calibration, const Predictions *predictions);

/* Two networks on the same images, and McNemar's exact test of whether they err alike: twice the
 * smaller tail of a binomial with p = 1/2 over the images that only one of them got right, at most
 * 1 (McNemar, Psychometrika 12, 1947; the exact form). */
typedef struct PairedCounts {
    int64_t both, only_a, only_b, neither;
} PairedCounts;
double mcnemar_exact(int64_t only_a, int64_t only_b);

/* Adds two networks' counts; returns whether they judged the same labelled rows, and else adds
 * nothing. */
bool paired_add(PairedCounts *counts, const Predictions *a, const Predictions *b);

/* Of the values that are not NAN. deviation is the sample's (n - 1), NAN of fewer than two. */
typedef struct Spread {
    size_t count;
    double mean, deviation, least, most;
} Spread;
Spread spread_of(const double values[], size_t count);
