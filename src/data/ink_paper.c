/* The background of a picture; see ink.h.
 *
 * Light falls off smoothly over a page, so the paper is taken to be a quadratic surface. It is
 * fitted to a grid of points by iteratively reweighted least squares with Tukey's biweight (P. W.
 * Holland and R. E. Welsch, "Robust regression using iteratively reweighted least squares", 1977),
 * which leaves the ink out as what does not fit. Refused: local thresholds (Niblack, Sauvola),
 * which hollow out strokes that are wider than their window and need that window's size to be
 * known. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ink.h"

enum { TERMS = 6, GRID = 64, ROUNDS = 24, MOST_POINTS = GRID * GRID };

static const double TUKEY = 4.685, LEAST_SCALE = 1.5; /* in levels of gray */

typedef struct Surface {
    double terms[TERMS];
    double noise;
} Surface;

typedef struct Points {
    size_t count;
    double x[MOST_POINTS], y[MOST_POINTS], gray[MOST_POINTS], weight[MOST_POINTS];
    double distance[MOST_POINTS]; /* |residual|, to be sorted */
} Points;

static void fill_basis(double basis[TERMS], double x, double y) {
    basis[0] = 1.0, basis[1] = x, basis[2] = y;
    basis[3] = x * x, basis[4] = x * y, basis[5] = y * y;
}

static double surface_at(const Surface *surface, double x, double y) {
    double basis[TERMS], sum = 0.0;
    fill_basis(basis, x, y);
    for (int i = 0; i < TERMS; i++) sum += surface->terms[i] * basis[i];
    return sum;
}

/* From -1 to 1 over a side. */
static double place(size_t i, size_t side) {
    return side > 1 ? 2.0 * (double)i / (double)(side - 1) - 1.0 : 0.0;
}

static void take_points(Points *points, const Ink *ink) {
    size_t down = ink->height < GRID ? ink->height : GRID;
    size_t across = ink->width < GRID ? ink->width : GRID;
    points->count = 0;
    for (size_t i = 0; i < down * across; i++) {
        size_t y = (2 * (i / across) + 1) * ink->height / (2 * down);
        size_t x = (2 * (i % across) + 1) * ink->width / (2 * across);
        points->x[points->count] = place(x, ink->width);
        points->y[points->count] = place(y, ink->height);
        points->gray[points->count++] = (double)ink->values[y * ink->width + x];
    }
}

static int compare(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static double median(double *values, size_t count) {
    qsort(values, count, sizeof *values, compare);
    return values[count / 2];
}

/* Solves the symmetric system in place by elimination; a little is added to the diagonal, since a
 * picture of one line has no slope across. */
static void solve(double solution[TERMS], double matrix[TERMS][TERMS], int terms) {
    for (int i = 0; i < terms; i++) matrix[i][i] += 1e-6;
    for (int i = 0; i < terms; i++)
        for (int j = i + 1; j < terms; j++) {
            double factor = matrix[j][i] / matrix[i][i];
            for (int k = i; k < terms; k++) matrix[j][k] -= factor * matrix[i][k];
            solution[j] -= factor * solution[i];
        }
    for (int i = terms - 1; i >= 0; i--) {
        for (int k = i + 1; k < terms; k++) solution[i] -= matrix[i][k] * solution[k];
        solution[i] /= matrix[i][i];
    }
}

/* The first `terms` of the surface by weighted least squares. */
static void fit(Surface *surface, const Points *points, int terms) {
    double matrix[TERMS][TERMS] = {{0}}, solution[TERMS] = {0};
    for (size_t n = 0; n < points->count; n++) {
        double basis[TERMS];
        fill_basis(basis, points->x[n], points->y[n]);
        for (int i = 0; i < terms; i++) {
            for (int j = 0; j < terms; j++) matrix[i][j] += points->weight[n] * basis[i] * basis[j];
            solution[i] += points->weight[n] * basis[i] * points->gray[n];
        }
    }
    solve(solution, matrix, terms);
    memcpy(surface->terms, solution, sizeof solution);
}

/* What does not fit has no say in the next round. */
static void weigh(Surface *surface, Points *points) {
    for (size_t n = 0; n < points->count; n++)
        points->distance[n] =
            fabs(points->gray[n] - surface_at(surface, points->x[n], points->y[n]));
    memcpy(points->weight, points->distance, points->count * sizeof *points->weight);
    surface->noise = 1.4826 * median(points->distance, points->count);
    double reach = TUKEY * fmax(surface->noise, LEAST_SCALE);
    for (size_t n = 0; n < points->count; n++) {
        double share = fmin(points->weight[n] / reach, 1.0);
        points->weight[n] = (1.0 - share * share) * (1.0 - share * share);
    }
}

/* From the median to a plane to a quadric, so that a good start is had at each. */
static Surface fit_paper(Points *points) {
    Surface surface = {{0}, 0.0};
    memcpy(points->distance, points->gray, points->count * sizeof *points->gray);
    surface.terms[0] = median(points->distance, points->count);
    for (int round = 0; round < ROUNDS; round++) {
        weigh(&surface, points);
        fit(&surface, points, round < ROUNDS / 3 ? 3 : TERMS);
    }
    weigh(&surface, points);
    return surface;
}

void ink_remove_paper(Ink *ink) {
    Points points;
    take_points(&points, ink);
    Surface surface = fit_paper(&points);
    for (size_t y = 0; y < ink->height; y++)
        for (size_t x = 0; x < ink->width; x++) {
            float *value = &ink->values[y * ink->width + x];
            double paper = surface_at(&surface, place(x, ink->width), place(y, ink->height));
            *value = (float)paper - *value;
        }
    ink->noise = (float)surface.noise;
}
