/* The picture of `bench scaling --model`: images per second and efficiency by ranks. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mnist_dist/report/plots.h"
#include "report/plot.h"

enum { HEIGHT = 560, LEFT = 92, GAP = 92, FIELD_HEIGHT = 400 };

static const double FIELD = (PLOT_WIDTH - LEFT - GAP - PLOT_MARGIN) / 2.0;

static double rate_of(const PlotScalingCurve *curve, size_t i) {
    return curve->points[i].rate;
}

static double efficiency_of(const PlotScalingCurve *curve, size_t i) {
    const PlotScalingPoint *point = &curve->points[i];
    return 100.0 * point->rate * curve->points[0].ranks / (curve->points[0].rate * point->ranks);
}

typedef double (*Quantity)(const PlotScalingCurve *curve, size_t i);

static void draw_curve(const Plot *plot, const PlotPanel *panel, const PlotScalingCurve *curve,
                       Quantity quantity, PlotColour colour) {
    plot_colour(plot, colour, 1.0);
    cairo_set_line_width(plot->cairo, 2);
    for (int pass = 0; pass < 2; pass++) { /* the line, then its points */
        for (size_t i = 0; i < curve->count; i++) {
            double x = plot_x(panel, curve->points[i].ranks), y = plot_y(panel, quantity(curve, i));
            if (pass == 0) cairo_line_to(plot->cairo, x, y);
            if (pass == 1) cairo_arc(plot->cairo, x, y, 3.2, 0, 6.2832), cairo_fill(plot->cairo);
        }
        cairo_stroke(plot->cairo);
    }
}

/* What no network at all would allow. */
static void draw_ideal(const Plot *plot, const PlotPanel *panel, double first, double last) {
    static const double dashes[] = {4, 4};
    plot_colour(plot, PLOT_MUTED, 1.0);
    cairo_set_line_width(plot->cairo, 1.2);
    cairo_set_dash(plot->cairo, dashes, 2, 0);
    cairo_move_to(plot->cairo, plot_x(panel, panel->across.low), plot_y(panel, first));
    cairo_line_to(plot->cairo, plot_x(panel, panel->across.high), plot_y(panel, last));
    cairo_stroke(plot->cairo);
    cairo_set_dash(plot->cairo, NULL, 0, 0);
}

static double draw_key(const Plot *plot, double x, double y, PlotColour colour, const char *name) {
    plot_colour(plot, colour, 1.0);
    plot_box(plot, x, y - 9, 22, 9);
    return x + 50 +
           plot_text(plot, x + 30, y, (PlotStyle){14, PLOT_TEXT, PLOT_LEFT, false}, "%s", name);
}

static void draw(const Plot *plot, const PlotScaling *scaling) {
    const PlotScalingCurve *strong = &scaling->strong, *weak = &scaling->weak;
    double y = plot_heading(plot, "Scaling, foreseen", "%.0f images a step in all, or per node",
                            scaling->batch);
    double x = draw_key(plot, LEFT, y + 16, PLOT_TRAINING, "strong: the same batch on more ranks");
    draw_key(plot, x, y + 16, PLOT_VALIDATION, "weak: a batch that grows with the ranks");
    double least = weak->points[0].ranks, one = rate_of(weak, 0);
    double most = weak->points[weak->count - 1].ranks;
    PlotAxis ranks = {PLOT_LOGARITHMIC, least, most};
    PlotPanel rates = {
        "Images/s",
        LEFT,
        y + 62,
        FIELD,
        FIELD_HEIGHT,
        ranks,
        {PLOT_LOGARITHMIC, 0.8 * fmin(rate_of(strong, 0), one), 1.25 * one * most / least}};
    PlotPanel shares = {"Efficiency, %", LEFT + FIELD + GAP,       y + 62, FIELD, FIELD_HEIGHT,
                        ranks,           {PLOT_LINEAR, 0.0, 105.0}};
    plot_axes(plot, &rates);
    draw_ideal(plot, &rates, one, one * most / least);
    draw_curve(plot, &rates, strong, rate_of, PLOT_TRAINING);
    draw_curve(plot, &rates, weak, rate_of, PLOT_VALIDATION);
    plot_axes(plot, &shares);
    draw_ideal(plot, &shares, 100.0, 100.0);
    draw_curve(plot, &shares, strong, efficiency_of, PLOT_TRAINING);
    draw_curve(plot, &shares, weak, efficiency_of, PLOT_VALIDATION);
    for (int i = 0; i < 2; i++)
        plot_text(plot, LEFT + FIELD + i * (FIELD + GAP), y + 62 + FIELD_HEIGHT + 38,
                  (PlotStyle){13, PLOT_MUTED, PLOT_RIGHT, false}, "ranks");
}

Status plots_write_scaling(const PlotScaling *scaling, const char *path) {
    Plot plot = {0};
    Status status;
    char *folder = strdup(path);
    if (folder == NULL) return status_fail(STATUS_FAILED, "%s: out of memory", path);
    char *slash = strrchr(folder, '/');
    TRY(plot_new(&plot, HEIGHT));
    draw(&plot, scaling);
    if (slash != NULL) *slash = '\0';
    TRY(plot_write(&plot, slash != NULL ? folder : ".", slash != NULL ? slash + 1 : folder));
cleanup:
    plot_free(&plot);
    free(folder);
    return status;
}
