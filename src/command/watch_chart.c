/* Curves in braille: a character holds 2 x 4 dots, so that a line of 30 characters by 6 has 60 by
 * 24; see watch.h.
 *
 * Loss and error fall by powers of ten, so the vertical scale is logarithmic; accuracy is drawn by
 * its distance from 1. A column of dots shows the mean of the steps that fall into it. The series
 * by epoch is drawn as marks over the line, so that the two are told apart without colours. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "command/watch.h"
#include "mnist_dist/base/minmax.h"

enum {
    DOTS_ACROSS = 2,
    DOTS_DOWN = 4,
    LABEL = 7,
    MARK = 0x2022 /* bullet */,
    MOST_COLUMNS = 1000,
    LEAST_STEPS = 16
};

static const double LEAST = 1e-5; /* what 0 is drawn as */

typedef struct Plot {
    Screen *screen;
    WatchBox box; /* of the dots */
    const WatchChart *chart;
    double epochs;                              /* at the right edge */
    double low, high;                           /* of the values, as they are drawn */
    double columns[MOST_COLUMNS * DOTS_ACROSS]; /* the line; NAN where it has nothing */
} Plot;

/* NAN stays NAN: an epoch without validation. */
static double drawn_value(const WatchChart *chart, double value) {
    return isnan(value) ? NAN : log(fmax(chart->is_accuracy ? 1.0 - value : value, LEAST));
}

static double step_value(const Plot *plot, size_t step) {
    return history_step(plot->chart->history, step, plot->chart->by_step);
}

static double epoch_value(const Plot *plot, size_t epoch) {
    return history_epoch(plot->chart->history, epoch, plot->chart->by_epoch);
}

static int dot_columns(const Plot *plot) {
    return plot->box.columns * DOTS_ACROSS;
}

/* The mean of the steps that end in a column of dots, and of some before them if those are few. */
static double column_mean(const Plot *plot, int column) {
    size_t count = plot->chart->history->steps.count;
    double per_column = plot->epochs * plot->chart->steps_per_epoch / dot_columns(plot);
    size_t begin = (size_t)(column * per_column), end = (size_t)((column + 1) * per_column);
    if (begin >= count) return NAN;
    end = smaller(larger(end, begin + 1), count);
    begin = smaller(begin, end > LEAST_STEPS ? end - LEAST_STEPS : 0);
    double sum = 0.0;
    for (size_t step = begin; step < end; step++) sum += step_value(plot, step);
    return drawn_value(plot->chart, sum / (double)(end - begin));
}

static void widen(Plot *plot, double value) {
    if (isnan(value)) return;
    plot->low = fmin(plot->low, value);
    plot->high = fmax(plot->high, value);
}

/* Fills the columns and finds what the vertical scale must span. */
static void measure(Plot *plot) {
    plot->low = INFINITY, plot->high = -INFINITY;
    for (int i = 0; i < dot_columns(plot); i++) {
        plot->columns[i] = column_mean(plot, i);
        widen(plot, plot->columns[i]);
    }
    for (size_t i = 0; i < plot->chart->history->epochs.count; i++)
        widen(plot, drawn_value(plot->chart, epoch_value(plot, i)));
    if (plot->high - plot->low < 1e-3) plot->low -= 0.1, plot->high += 0.1;
}

/* The row of dots of a value, from the top. */
static int dot_row(const Plot *plot, double value) {
    double share = (plot->high - value) / (plot->high - plot->low);
    if (plot->chart->is_accuracy) share = 1.0 - share;
    return (int)lround(share * (plot->box.rows * DOTS_DOWN - 1));
}

static void set_dot(const Plot *plot, int x, int y) {
    static const uint32_t bits[DOTS_DOWN][DOTS_ACROSS] = {{1, 8}, {2, 16}, {4, 32}, {64, 128}};
    int row = plot->box.row + y / DOTS_DOWN, column = plot->box.column + x / DOTS_ACROSS;
    if (row >= plot->screen->rows || column >= plot->screen->columns) return;
    uint32_t before = plot->screen->cells[row * plot->screen->columns + column].symbol;
    uint32_t symbol = (before >= 0x2800 ? before : 0x2800) | bits[y % DOTS_DOWN][x % DOTS_ACROSS];
    screen_set(plot->screen, row, column, symbol, INK_ORANGE);
}

/* A column of dots down or up to the one before, so that the line has no gaps. */
static void draw_line(const Plot *plot) {
    int last = -1;
    for (int x = 0; x < dot_columns(plot); x++) {
        if (!isfinite(plot->columns[x])) continue;
        int y = dot_row(plot, plot->columns[x]);
        int step = last < 0 || last == y ? 0 : last < y ? 1 : -1;
        for (int between = step == 0 ? y : last + step; between != y; between += step)
            set_dot(plot, x, between);
        set_dot(plot, x, y);
        last = y;
    }
}

static void draw_marks(const Plot *plot) {
    for (size_t i = 0; i < plot->chart->history->epochs.count; i++) {
        double value = epoch_value(plot, i);
        if (!isfinite(value)) continue;
        int x = (int)((double)(i + 1) / plot->epochs * plot->box.columns);
        int y = dot_row(plot, drawn_value(plot->chart, value)) / DOTS_DOWN;
        screen_set(plot->screen, plot->box.row + y,
                   plot->box.column + (int)smaller((size_t)x, (size_t)plot->box.columns - 1), MARK,
                   INK_BLUE);
    }
}

static void label(const Plot *plot, int row, double value) {
    double shown = exp(value);
    if (plot->chart->is_accuracy)
        screen_print(plot->screen, row, plot->box.column - LABEL, INK_DIM, "%5.*f%%",
                     shown < 0.1 ? 2 : 1, 100.0 * (1.0 - shown));
    else
        screen_print(plot->screen, row, plot->box.column - LABEL, INK_DIM, "%6.3g", shown);
}

static void draw_axes(const Plot *plot) {
    bool turned = plot->chart->is_accuracy;
    int bottom = plot->box.row + plot->box.rows;
    label(plot, plot->box.row, turned ? plot->low : plot->high);
    label(plot, bottom - 1, turned ? plot->high : plot->low);
    char last[32];
    int length = snprintf(last, sizeof last, "epoch %.3g", plot->epochs);
    screen_text(plot->screen, bottom, plot->box.column, INK_DIM, "0");
    screen_text(plot->screen, bottom, plot->box.column + plot->box.columns - length, INK_DIM, last);
}

/* The legend stands beside the title where there is room for it. */
static void draw_title(Screen *screen, WatchBox box, const WatchChart *chart) {
    int column = screen_print(screen, box.row, box.column, INK_BOLD, "%s  ", chart->title);
    size_t legend = strlen(chart->steps_name) + strlen(chart->epochs_name) + 7;
    if (column - box.column + (int)legend > box.columns) return;
    column = screen_print(screen, box.row, column, INK_ORANGE, "⠒⠒ %s  ", chart->steps_name);
    screen_print(screen, box.row, column, INK_BLUE, "• %s", chart->epochs_name);
}

void watch_draw_chart(Screen *screen, WatchBox box, const WatchChart *chart) {
    const History *history = chart->history;
    Plot plot = {.screen = screen, .chart = chart};
    plot.box = (WatchBox){box.row + 1, box.column + LABEL, box.rows - 2, box.columns - LABEL};
    plot.epochs = fmax((double)history->epochs.count,
                       (double)history->steps.count / fmax(chart->steps_per_epoch, 1.0));
    if (plot.box.rows < 1 || plot.box.columns < 2 || plot.box.columns > MOST_COLUMNS) return;
    if (history->steps.count == 0) return;
    draw_title(screen, box, chart);
    measure(&plot);
    draw_axes(&plot);
    draw_line(&plot);
    draw_marks(&plot);
}
