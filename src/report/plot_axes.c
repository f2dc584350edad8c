/* Panels with axes; see plot.h.
 *
 * Ticks are round: 1, 2 or 5 times a power of ten apart, or on a logarithmic axis at those numbers
 * themselves. */
#include <math.h>
#include <stdio.h>

#include "report/plot.h"

enum { USUAL_TICKS = 6 };

static const double LEAST_ERROR = 1e-5; /* what an accuracy of 1 is shown as */

double plot_clamp(PlotKind kind, double value) {
    if (kind == PLOT_ACCURACY) return fmin(value, 1.0 - LEAST_ERROR);
    return kind == PLOT_LOGARITHMIC ? fmax(value, 1e-12) : value;
}

/* Where a value is, by a measure that is even along the axis. */
static double measure(PlotKind kind, double value) {
    if (kind == PLOT_LINEAR) return value;
    double clamped = plot_clamp(kind, value);
    return kind == PLOT_ACCURACY ? -log10(1.0 - clamped) : log10(clamped);
}

static double measured(PlotKind kind, double position) {
    if (kind == PLOT_LINEAR) return position;
    return kind == PLOT_ACCURACY ? 1.0 - pow(10.0, -position) : pow(10.0, position);
}

void plot_widen(PlotAxis *axis, double value) {
    if (!isfinite(value)) return;
    axis->low = fmin(axis->low, plot_clamp(axis->kind, value));
    axis->high = fmax(axis->high, plot_clamp(axis->kind, value));
}

void plot_pad(PlotAxis *axis) {
    if (!(axis->low <= axis->high)) axis->low = axis->high = plot_clamp(axis->kind, 0.5);
    double low = measure(axis->kind, axis->low), high = measure(axis->kind, axis->high);
    double room = high > low ? 0.05 * (high - low) : fmax(0.05 * fabs(low), 1e-3);
    axis->low = measured(axis->kind, low - room);
    axis->high = measured(axis->kind, high + room);
}

/* ---- ticks ---- */

static void add_tick(PlotTicks *ticks, const PlotAxis *axis, double value) {
    double slack = 1e-9 * (axis->high - axis->low);
    if (value < axis->low - slack || value > axis->high + slack || ticks->count == PLOT_MOST_TICKS)
        return;
    ticks->values[ticks->count++] = value + 0.0; /* no -0 */
}

static PlotTicks linear_ticks(const PlotAxis *axis) {
    PlotTicks ticks = {.count = 0};
    double rough = (axis->high - axis->low) / USUAL_TICKS, power = pow(10, floor(log10(rough)));
    double share = rough / power;
    ticks.step = power * (share <= 1 ? 1 : share <= 2 ? 2 : share <= 5 ? 5 : 10);
    double first = ceil(axis->low / ticks.step - 1e-9);
    for (int i = 0; (first + i) * ticks.step <= axis->high * (1 + 1e-9); i++)
        add_tick(&ticks, axis, (first + i) * ticks.step);
    return ticks;
}

/* 1, 2, 5 times powers of ten; powers alone where they are many. Of an accuracy, its distance from
 * 1 is so. */
static PlotTicks logarithmic_ticks(const PlotAxis *axis) {
    static const double rising[] = {1, 2, 5}, falling[] = {5, 2, 1};
    PlotTicks ticks = {.count = 0};
    bool turned = axis->kind == PLOT_ACCURACY;
    double low = measure(axis->kind, axis->low), high = measure(axis->kind, axis->high);
    bool powers_alone = high - low > 3.5;
    for (int power = (int)floor(low) - 1; power <= (int)ceil(high); power++)
        for (int i = 0; i < 3; i++) {
            double digit = (turned ? falling : rising)[i];
            if (powers_alone && digit > 1) continue;
            double number = digit * pow(10, turned ? -power : power);
            add_tick(&ticks, axis, turned ? 1.0 - number : number);
        }
    return ticks;
}

/* Within less than a third of a decade there may be one such number or none. */
PlotTicks plot_ticks(const PlotAxis *axis) {
    if (axis->kind == PLOT_LINEAR) return linear_ticks(axis);
    PlotTicks ticks = logarithmic_ticks(axis);
    return ticks.count >= 3 ? ticks : linear_ticks(axis);
}

/* Decimals that tell neighbouring ticks apart. */
static int decimals(double step) {
    int places = (int)ceil(-log10(step) - 1e-9);
    return places > 0 ? places : 0;
}

static void print_tick(char text[32], const PlotAxis *axis, const PlotTicks *ticks, double value) {
    if (axis->kind == PLOT_ACCURACY && ticks->step <= 0)
        snprintf(text, 32, "%.4g %%", 100.0 * value);
    else if (axis->kind == PLOT_ACCURACY)
        snprintf(text, 32, "%.*f %%", decimals(100.0 * ticks->step), 100.0 * value);
    else if (ticks->step > 0 && fabs(value) < 1e5 && ticks->step >= 1e-4)
        snprintf(text, 32, "%.*f", decimals(ticks->step), value);
    else
        snprintf(text, 32, "%.3g", value);
}

/* ---- drawing ---- */

static double share_of(const PlotAxis *axis, double value) {
    double low = measure(axis->kind, axis->low), high = measure(axis->kind, axis->high);
    return (measure(axis->kind, value) - low) / (high - low);
}

double plot_x(const PlotPanel *panel, double value) {
    return panel->x + share_of(&panel->across, value) * panel->w;
}

double plot_y(const PlotPanel *panel, double value) {
    return panel->y + panel->h - share_of(&panel->up, value) * panel->h;
}

static void line(const Plot *plot, PlotColour colour, double x0, double y0, double x1, double y1) {
    plot_colour(plot, colour, 1.0);
    cairo_set_line_width(plot->cairo, 1);
    cairo_move_to(plot->cairo, x0, y0);
    cairo_line_to(plot->cairo, x1, y1);
    cairo_stroke(plot->cairo);
}

static void draw_up(const Plot *plot, const PlotPanel *panel) {
    PlotTicks ticks = plot_ticks(&panel->up);
    for (int i = 0; i < ticks.count; i++) {
        char text[32];
        double y = round(plot_y(panel, ticks.values[i])) + 0.5;
        print_tick(text, &panel->up, &ticks, ticks.values[i]);
        line(plot, PLOT_GRID, panel->x, y, panel->x + panel->w, y);
        plot_text(plot, panel->x - 8, y + 4.5, (PlotStyle){13, PLOT_MUTED, PLOT_RIGHT, false}, "%s",
                  text);
    }
}

static void draw_across(const Plot *plot, const PlotPanel *panel) {
    PlotTicks ticks = plot_ticks(&panel->across);
    double bottom = panel->y + panel->h + 0.5;
    for (int i = 0; i < ticks.count; i++) {
        char text[32];
        double x = round(plot_x(panel, ticks.values[i])) + 0.5;
        snprintf(text, sizeof text, "%.6g", ticks.values[i]);
        line(plot, PLOT_GRID, x, panel->y, x, bottom);
        line(plot, PLOT_MUTED, x, bottom, x, bottom + 4);
        plot_text(plot, x, bottom + 19, (PlotStyle){13, PLOT_MUTED, PLOT_CENTRE, false}, "%s",
                  text);
    }
    line(plot, PLOT_MUTED, panel->x, bottom, panel->x + panel->w, bottom);
}

void plot_axes(const Plot *plot, const PlotPanel *panel) {
    plot_text(plot, panel->x, panel->y - 12, (PlotStyle){15, PLOT_TEXT, PLOT_LEFT, true}, "%s",
              panel->title);
    draw_up(plot, panel);
    draw_across(plot, panel);
}
