/* A run's pictures, for a README or a paper: curves.png, confusion.png, errors.png and
 * augmented.png in its directory, 1000 pixels wide at twice the resolution. */
#pragma once

#include "mnist_dist/base/status.h"
#include "mnist_dist/report/record.h"

/* Makes those that there is something for: curves after an epoch; the others need predictions. A
 * picture that has become wrong, since its part is missing now, is removed. */
Status plots_write(const RunRecord *record);

/* Images per second by ranks, as `bench scaling --model` foresees them. */
enum { PLOT_SCALING_POINTS = 13 };
typedef struct PlotScalingPoint {
    double ranks, rate;
} PlotScalingPoint;
typedef struct PlotScalingCurve {
    size_t count;
    PlotScalingPoint points[PLOT_SCALING_POINTS]; /* the first is of one node */
} PlotScalingCurve;
typedef struct PlotScaling {
    double batch; /* images of a step, or of a node's part */
    PlotScalingCurve strong, weak;
} PlotScaling;

/* Makes their picture, a PNG. */
Status plots_write_scaling(const PlotScaling *scaling, const char *path);

/* cairo's, as "1.16.0". */
const char *plots_cairo_version(void);
