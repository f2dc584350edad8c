/* curves.png: loss, accuracy, learning rate and the gradient's norm over the epochs.
 *
 * Loss and accuracy by epoch are points on lines; behind them stands a pale line, the mean of the
 * steps around. Loss and error fall by powers of ten, so both are on logarithmic scales. */
#include <math.h>
#include <string.h>

#include "mnist_dist/base/minmax.h"
#include "report/plot.h"

enum { HEIGHT = 700, LEFT = 84, GAP = 88, UPPER = 320, LOWER = 120, BINS = 400, LEAST_STEPS = 12 };

static const double FIELD = (PLOT_WIDTH - LEFT - GAP - PLOT_MARGIN) / 2.0;

typedef struct Curves {
    const Plot *plot;
    const History *history;
    double steps_per_epoch, epochs; /* how far the run is */
} Curves;

/* A panel and what it shows; a quantity that is not shown is negative. */
typedef struct CurvesPanel {
    PlotPanel panel;
    int by_step, training, validation;
} CurvesPanel;

/* The mean of a quantity over the steps of a bin of the axis, and of some before it if those are
 * few; NAN if there are none. */
static double bin_mean(const Curves *curves, int quantity, int bin) {
    size_t count = curves->history->steps.count;
    double each = curves->epochs * curves->steps_per_epoch / BINS;
    size_t begin = (size_t)(bin * each), end = (size_t)((bin + 1) * each);
    if (begin >= count) return NAN;
    end = smaller(larger(end, begin + 1), count);
    begin = smaller(begin, end > LEAST_STEPS ? end - LEAST_STEPS : 0);
    double sum = 0.0;
    for (size_t i = begin; i < end; i++)
        sum += history_step(curves->history, i, (StepQuantity)quantity);
    return sum / (double)(end - begin);
}

static double bin_epoch(const Curves *curves, int bin) {
    return (bin + 0.5) * curves->epochs / BINS;
}

static double epoch_value(const Curves *curves, int quantity, size_t epoch) {
    return history_epoch(curves->history, epoch, (EpochQuantity)quantity);
}

/* The scale spans what is by epoch, and of the steps' noise what is usual. */
static void fit(const Curves *curves, CurvesPanel *curve) {
    PlotAxis *up = &curve->panel.up;
    up->low = INFINITY, up->high = -INFINITY;
    for (size_t i = 0; i < curves->history->epochs.count; i++) {
        if (curve->training >= 0) plot_widen(up, epoch_value(curves, curve->training, i));
        if (curve->validation >= 0) plot_widen(up, epoch_value(curves, curve->validation, i));
    }
    for (int bin = 0; bin < BINS && curve->by_step >= 0; bin++)
        plot_widen(up, bin_mean(curves, curve->by_step, bin));
    if (up->kind == PLOT_LINEAR) plot_widen(up, 0.0);
    plot_pad(up);
    if (up->kind == PLOT_LINEAR) up->low = 0.0;
}

static void clip(const Curves *curves, const PlotPanel *panel) {
    cairo_save(curves->plot->cairo);
    cairo_rectangle(curves->plot->cairo, panel->x, panel->y - 6, panel->w + 6, panel->h + 12);
    cairo_clip(curves->plot->cairo);
}

static void draw_steps(const Curves *curves, const CurvesPanel *curve, double alpha) {
    cairo_t *cairo = curves->plot->cairo;
    plot_colour(curves->plot, PLOT_TRAINING, alpha);
    cairo_set_line_width(cairo, 1.5);
    for (int bin = 0; bin < BINS; bin++) {
        double value = bin_mean(curves, curve->by_step, bin);
        if (isnan(value)) continue;
        cairo_line_to(cairo, plot_x(&curve->panel, bin_epoch(curves, bin)),
                      plot_y(&curve->panel, value));
    }
    cairo_stroke(cairo);
}

/* `at` is where within its epoch a value stands: a mean over it in the middle, what was measured
 * after it at its end. */
static void draw_epochs(const Curves *curves, const PlotPanel *panel, int quantity, double at,
                        PlotColour colour) {
    cairo_t *cairo = curves->plot->cairo;
    size_t count = curves->history->epochs.count;
    plot_colour(curves->plot, colour, 1.0);
    cairo_set_line_width(cairo, 2);
    for (int pass = 0; pass < 2; pass++) { /* the line, then its points */
        for (size_t i = 0; i < count; i++) {
            double value = epoch_value(curves, quantity, i);
            if (isnan(value)) continue;
            double x = plot_x(panel, (double)i + at), y = plot_y(panel, value);
            if (pass == 0) cairo_line_to(cairo, x, y);
            if (pass == 1 && count <= 60) cairo_arc(cairo, x, y, 3.2, 0, 6.2832), cairo_fill(cairo);
        }
        cairo_stroke(cairo);
    }
}

/* Where the run was resumed. */
static void draw_restarts(const Curves *curves, const PlotPanel *panel) {
    static const double dashes[] = {1, 4};
    cairo_t *cairo = curves->plot->cairo;
    plot_colour(curves->plot, PLOT_MUTED, 1.0);
    cairo_set_line_width(cairo, 1.2);
    cairo_set_dash(cairo, dashes, 2, 0);
    for (size_t i = 0; i < curves->history->restart_count; i++) {
        double step = (double)curves->history->restarts[i].step;
        if (step >= (double)curves->history->steps.count) continue;
        double x = round(plot_x(panel, step / curves->steps_per_epoch)) + 0.5;
        cairo_move_to(cairo, x, panel->y);
        cairo_line_to(cairo, x, panel->y + panel->h);
    }
    cairo_stroke(cairo);
    cairo_set_dash(cairo, NULL, 0, 0);
}

static void draw_panel(const Curves *curves, CurvesPanel *curve) {
    curve->panel.across = (PlotAxis){PLOT_LINEAR, 0.0, curves->epochs};
    fit(curves, curve);
    plot_axes(curves->plot, &curve->panel);
    draw_restarts(curves, &curve->panel);
    clip(curves, &curve->panel);
    if (curve->by_step >= 0) draw_steps(curves, curve, curve->training >= 0 ? 0.35 : 1.0);
    if (curve->training >= 0)
        draw_epochs(curves, &curve->panel, curve->training, 0.5, PLOT_TRAINING);
    if (curve->validation >= 0)
        draw_epochs(curves, &curve->panel, curve->validation, 1.0, PLOT_VALIDATION);
    cairo_restore(curves->plot->cairo);
}

/* ---- legend and heading ---- */

/* A piece of line and its name; returns where the next one may begin. */
static double draw_key(const Plot *plot, double x, double y, PlotColour colour, double alpha,
                       const char *name) {
    plot_colour(plot, colour, alpha);
    cairo_set_line_width(plot->cairo, 2.5);
    cairo_move_to(plot->cairo, x, y - 4.5);
    cairo_line_to(plot->cairo, x + 22, y - 4.5);
    cairo_stroke(plot->cairo);
    PlotStyle style = {14, PLOT_TEXT, PLOT_LEFT, false};
    return x + 30 + plot_text(plot, x + 30, y, style, "%s", name) + 22;
}

static bool has_values(const Curves *curves, int quantity) {
    for (size_t i = 0; i < curves->history->epochs.count; i++)
        if (!isnan(epoch_value(curves, quantity, i))) return true;
    return false;
}

static void draw_legend(const Curves *curves, double y) {
    double x = draw_key(curves->plot, LEFT, y, PLOT_TRAINING, 1.0, "training, by epoch");
    x = draw_key(curves->plot, x, y, PLOT_TRAINING, 0.35, "training, by step");
    if (has_values(curves, EPOCH_VAL_LOSS))
        draw_key(curves->plot, x, y, PLOT_VALIDATION, 1.0, "validation");
}

static double draw_heading(const Plot *plot, const RunRecord *record) {
    const Progress *progress = &record->progress;
    bool validates = record->config.data.folds > 0;
    if (progress->best_epoch == 0) return plot_heading(plot, record->name, "%s", "");
    return plot_heading(plot, record->name, "best %s accuracy %.2f %%, in epoch %llu",
                        validates ? "validation" : "training", 100.0 * progress->best_accuracy,
                        (unsigned long long)progress->best_epoch);
}

static Curves curves_of(const Plot *plot, const RunRecord *record) {
    Curves curves = {.plot = plot, .history = &record->history};
    double epochs = (double)record->history.epochs.count;
    double steps = (double)record->history.steps.count;
    double within = (double)record->progress.epoch_step; /* of an epoch that is not done */
    curves.steps_per_epoch = fmax((steps - within) / epochs, 1.0);
    curves.epochs = fmax(epochs, steps / curves.steps_per_epoch);
    return curves;
}

static void draw_panels(const Curves *curves, double top) {
    double right = LEFT + FIELD + GAP, lower = top + UPPER + 76;
    CurvesPanel panels[] = {
        {{"Loss", LEFT, top, FIELD, UPPER, {0}, {PLOT_LOGARITHMIC, 0, 0}},
         STEP_LOSS,
         EPOCH_LOSS,
         EPOCH_VAL_LOSS},
        {{"Accuracy", right, top, FIELD, UPPER, {0}, {PLOT_ACCURACY, 0, 0}},
         STEP_ACCURACY,
         EPOCH_ACCURACY,
         EPOCH_VAL_ACCURACY},
        {{"Learning rate", LEFT, lower, FIELD, LOWER, {0}, {PLOT_LINEAR, 0, 0}},
         STEP_LEARNING_RATE,
         -1,
         -1},
        {{"Norm of the gradient", right, lower, FIELD, LOWER, {0}, {PLOT_LOGARITHMIC, 0, 0}},
         STEP_GRADIENT_NORM,
         -1,
         -1},
    };
    for (size_t i = 0; i < sizeof panels / sizeof *panels; i++) draw_panel(curves, &panels[i]);
    for (int i = 0; i < 2; i++)
        plot_text(curves->plot, (i == 0 ? LEFT : right) + FIELD, lower + LOWER + 38,
                  (PlotStyle){13, PLOT_MUTED, PLOT_RIGHT, false}, "epoch");
}

Status plot_curves(const RunRecord *record, const char *directory, const char *name) {
    Plot plot = {0};
    Status status;
    TRY(plot_new(&plot, HEIGHT));
    Curves curves = curves_of(&plot, record);
    double y = draw_heading(&plot, record);
    draw_legend(&curves, y + 16);
    draw_panels(&curves, y + 62);
    TRY(plot_write(&plot, directory, name));
cleanup:
    plot_free(&plot);
    return status;
}
