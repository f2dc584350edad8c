/* Counts and tests; see the header for the formulas. */
#include "mnist_dist/report/statistics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mnist_dist/base/memory.h"
#include "mnist_dist/nn/loss.h"
#include "mnist_dist/train/evaluate.h"

static const float *row_of(const Predictions *predictions, size_t image) {
    return predictions->probabilities + image * DIGIT_CLASSES;
}

uint8_t predicted_class(const Predictions *predictions, size_t image) {
    uint8_t class = 0;
    loss_argmax(&class, row_of(predictions, image), 1);
    return class;
}

float predicted_share(const Predictions *predictions, size_t image) {
    return row_of(predictions, image)[predicted_class(predictions, image)];
}

void predictions_confusion(Confusion *confusion, const Predictions *predictions) {
    const LabelledImages *images = &predictions->validation;
    EvaluationImages all = {
        .images = images->images, .labels = images->labels, .count = images->count};
    confusion_count(confusion, predictions->probabilities, &all);
}

/* ---- Orders ---------------------------------------------------------------------------------- */

typedef struct Ranked {
    float key; /* the smallest comes first */
    uint32_t image;
} Ranked;

static int compare_ranked(const void *a, const void *b) {
    const Ranked *one = a, *other = b;
    if (one->key != other->key) return one->key < other->key ? -1 : 1;
    return (one->image > other->image) - (one->image < other->image);
}

/* The labelled images, errors only if asked for, by direction * share. */
static Status rank_images(uint32_t **images, size_t *count, const Predictions *predictions,
                          bool errors, float direction) {
    const LabelledImages *all = &predictions->validation;
    Ranked *ranked = NULL;
    Status status;
    *images = NULL;
    *count = 0;
    TRY(MEMORY_NEW(&ranked, all->count));
    TRY(MEMORY_NEW(images, all->count));
    for (size_t i = 0; i < all->count; i++) {
        bool hit = predicted_class(predictions, i) == all->labels[i];
        if (all->labels[i] == DIGIT_UNLABELLED || (errors && hit)) continue;
        ranked[(*count)++] = (Ranked){direction * predicted_share(predictions, i), (uint32_t)i};
    }
    qsort(ranked, *count, sizeof *ranked, compare_ranked);
    for (size_t i = 0; i < *count; i++) (*images)[i] = ranked[i].image;
cleanup:
    free(ranked);
    return status;
}

Status predictions_errors(uint32_t **images, size_t *count, const Predictions *predictions) {
    return rank_images(images, count, predictions, true, -1.0f);
}

Status predictions_unsure(uint32_t **images, size_t *count, const Predictions *predictions) {
    return rank_images(images, count, predictions, false, 1.0f);
}

/* ---- By class, by confidence ----------------------------------------------------------------- */

static double ratio(double part, double whole) {
    return whole > 0 ? part / whole : NAN;
}

void class_figures(ClassFigures figures[DIGIT_CLASSES], const Confusion *confusion) {
    for (int c = 0; c < DIGIT_CLASSES; c++) {
        int64_t row = 0, column = 0, hits = confusion->cells[c][c];
        for (int k = 0; k < DIGIT_CLASSES; k++) {
            row += confusion->cells[c][k];
            column += confusion->cells[k][c];
        }
        figures[c] = (ClassFigures){row, ratio((double)hits, (double)column),
                                    ratio((double)hits, (double)row),
                                    ratio(2.0 * (double)hits, (double)(row + column))};
    }
}

static int bin_of(double share) {
    int bin = (int)(share * CALIBRATION_BINS);
    return bin < CALIBRATION_BINS ? bin : CALIBRATION_BINS - 1;
}

void calibration_of(Calibration *calibration, const Predictions *predictions) {
    const LabelledImages *images = &predictions->validation;
    double shares[CALIBRATION_BINS] = {0}, hits[CALIBRATION_BINS] = {0}, gap = 0, all = 0;
    memset(calibration, 0, sizeof *calibration);
    for (size_t i = 0; i < images->count; i++) {
        if (images->labels[i] == DIGIT_UNLABELLED) continue;
        double share = (double)predicted_share(predictions, i);
        int bin = bin_of(share);
        calibration->bins[bin].count++;
        shares[bin] += share;
        hits[bin] += predicted_class(predictions, i) == images->labels[i];
        all++;
    }
    for (int i = 0; i < CALIBRATION_BINS; i++) {
        double count = (double)calibration->bins[i].count;
        calibration->bins[i].confidence = ratio(shares[i], count);
        calibration->bins[i].accuracy = ratio(hits[i], count);
        gap += fabs(hits[i] - shares[i]);
    }
    calibration->error = ratio(gap, all);
}

/* ---- Between networks ------------------------------------------------------------------------ */

double mcnemar_exact(int64_t only_a, int64_t only_b) {
    double n = (double)(only_a + only_b), least = (double)(only_a < only_b ? only_a : only_b);
    /* C(n, k) / 2^n at k = least, then down to 0 by the ratio of neighbours. */
    double term =
        exp(lgamma(n + 1) - lgamma(least + 1) - lgamma(n - least + 1) - n * 0.69314718055994531);
    double tail = 0;
    for (int64_t k = (int64_t)least; k >= 0; k--) {
        tail += term;
        term *= (double)k / (n - (double)k + 1);
    }
    return tail < 0.5 ? 2 * tail : 1.0;
}

static bool same_images(const LabelledImages *a, const LabelledImages *b) {
    return a->count == b->count && memcmp(a->rows, b->rows, a->count * sizeof *a->rows) == 0 &&
           memcmp(a->labels, b->labels, a->count) == 0;
}

bool paired_add(PairedCounts *counts, const Predictions *a, const Predictions *b) {
    const LabelledImages *images = &a->validation;
    if (!same_images(images, &b->validation)) return false;
    for (size_t i = 0; i < images->count; i++) {
        if (images->labels[i] == DIGIT_UNLABELLED) continue;
        bool hit_a = predicted_class(a, i) == images->labels[i];
        bool hit_b = predicted_class(b, i) == images->labels[i];
        counts->both += hit_a && hit_b;
        counts->only_a += hit_a && !hit_b;
        counts->only_b += hit_b && !hit_a;
        counts->neither += !hit_a && !hit_b;
    }
    return true;
}

Spread spread_of(const double values[], size_t count) {
    Spread spread = {0, 0, NAN, INFINITY, -INFINITY};
    double squares = 0;
    for (size_t i = 0; i < count; i++) {
        if (isnan(values[i])) continue;
        spread.count++;
        spread.mean += values[i];
        spread.least = fmin(spread.least, values[i]);
        spread.most = fmax(spread.most, values[i]);
    }
    if (spread.count == 0) return (Spread){0, NAN, NAN, NAN, NAN};
    spread.mean /= (double)spread.count;
    for (size_t i = 0; i < count; i++)
        if (!isnan(values[i])) squares += (values[i] - spread.mean) * (values[i] - spread.mean);
    if (spread.count > 1) spread.deviation = sqrt(squares / (double)(spread.count - 1));
    return spread;
}
