/* confusion.png: counts by label and prediction, with recall at the side and precision below. Hits
 * are coloured by their share of the label's images, errors by the root of it, so that one image in
 * a hundred is seen. */
#include <math.h>
#include <stdio.h>

#include "mnist_dist/report/statistics.h"
#include "report/plot.h"

enum { CELL = 74, GAP = 3, LEFT = 110, SIDE = 110, HEIGHT = 940 };

static double cell_x(int column) {
    return LEFT + column * CELL;
}

static void draw_cell(const Plot *plot, double top, int label, int prediction, int64_t count,
                      int64_t of) {
    double x = cell_x(prediction), y = top + label * CELL, share = 0.0;
    bool hit = label == prediction;
    if (of > 0) share = (double)count / (double)of;
    double depth = hit ? 0.1 + 0.75 * share : count > 0 ? fmin(0.12 + 2.2 * sqrt(share), 0.9) : 0.0;
    plot_colour(plot,
                count == 0 ? PLOT_GRID
                : hit      ? PLOT_HIT
                           : PLOT_MISS,
                count == 0 ? 0.5 : depth);
    plot_box(plot, x, y, CELL - GAP, CELL - GAP);
    if (count == 0) return;
    plot_text(plot, x + (CELL - GAP) / 2.0, y + CELL / 2.0 + 4,
              (PlotStyle){18, depth > 0.5 ? PLOT_SURFACE : PLOT_TEXT, PLOT_CENTRE, hit}, "%lld",
              (long long)count);
}

static void draw_percent(const Plot *plot, double x, double y, double share, const char *name) {
    PlotStyle style = {14, PLOT_MUTED, PLOT_CENTRE, false};
    if (isnan(share))
        plot_text(plot, x, y, style, "–");
    else
        plot_text(plot, x, y, style, "%.1f %%%s", 100.0 * share, name);
}

static void draw_labels(const Plot *plot, double top) {
    PlotStyle digit = {18, PLOT_TEXT, PLOT_CENTRE, true},
              name = {15, PLOT_MUTED, PLOT_CENTRE, false};
    double bottom = top + DIGIT_CLASSES * CELL, middle = (CELL - GAP) / 2.0;
    for (int i = 0; i < DIGIT_CLASSES; i++) {
        plot_text(plot, cell_x(i) + middle, top - 10, digit, "%d", i);
        plot_text(plot, LEFT - 20, top + i * CELL + CELL / 2.0 + 4, digit, "%d", i);
    }
    plot_text(plot, LEFT + DIGIT_CLASSES * CELL / 2.0, top - 38, name, "prediction");
    plot_text(plot, LEFT + DIGIT_CLASSES * CELL + SIDE / 2.0 - 6, top - 10, name, "recall");
    plot_text(plot, LEFT - 52, bottom + 26, name, "precision");
    cairo_save(plot->cairo);
    cairo_translate(plot->cairo, LEFT - 56, top + DIGIT_CLASSES * CELL / 2.0);
    cairo_rotate(plot->cairo, -M_PI / 2);
    plot_text(plot, 0, 0, name, "label");
    cairo_restore(plot->cairo);
}

static void draw_figures(const Plot *plot, double top, const Confusion *confusion) {
    ClassFigures figures[DIGIT_CLASSES];
    class_figures(figures, confusion);
    for (int i = 0; i < DIGIT_CLASSES; i++) {
        draw_percent(plot, LEFT + DIGIT_CLASSES * CELL + SIDE / 2.0 - 6,
                     top + i * CELL + CELL / 2.0 + 3, figures[i].recall, "");
        draw_percent(plot, cell_x(i) + (CELL - GAP) / 2.0, top + DIGIT_CLASSES * CELL + 26,
                     figures[i].precision, "");
        for (int k = 0; k < DIGIT_CLASSES; k++)
            draw_cell(plot, top, i, k, confusion->cells[i][k], figures[i].count);
    }
}

static void count_hits(int64_t *hits, int64_t *all, const Confusion *confusion) {
    *hits = *all = 0;
    for (int i = 0; i < DIGIT_CLASSES; i++) {
        *hits += confusion->cells[i][i];
        for (int k = 0; k < DIGIT_CLASSES; k++) *all += confusion->cells[i][k];
    }
}

Status plot_confusion(const RunRecord *record, const char *directory, const char *name) {
    Plot plot = {0};
    Confusion confusion;
    int64_t hits, all;
    Status status;
    predictions_confusion(&confusion, &record->predictions);
    count_hits(&hits, &all, &confusion);
    TRY(plot_new(&plot, HEIGHT - PLOT_MARGIN));
    double top =
        plot_heading(&plot, record->name,
                     "%lld of %lld held-out images right (%.2f %%), epoch %llu", (long long)hits,
                     (long long)all, all > 0 ? 100.0 * (double)hits / (double)all : 0.0,
                     (unsigned long long)record->predictions.epoch) +
        70;
    draw_labels(&plot, top);
    draw_figures(&plot, top, &confusion);
    TRY(plot_write(&plot, directory, name));
cleanup:
    plot_free(&plot);
    return status;
}
