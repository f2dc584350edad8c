/* errors.png: the held-out images that the best network got wrong, the surest first; and
 * augmented.png: training images as they were fed. */
#include <stdlib.h>

#include "mnist_dist/base/digits.h"
#include "mnist_dist/base/minmax.h"
#include "mnist_dist/report/statistics.h"
#include "report/plot.h"

enum {
    ERROR_COLUMNS = 10,
    MOST_ERRORS = 60,
    ERROR_SIDE = 3 * DIGIT_SIDE,
    ERROR_WIDTH = (PLOT_WIDTH - 2 * PLOT_MARGIN + 12) / ERROR_COLUMNS,
    ERROR_HEIGHT = ERROR_SIDE + 48,
    SHEET_COLUMNS = 16,
    SHEET_SIDE = 2 * DIGIT_SIDE - 2,
    SHEET_WIDTH = (PLOT_WIDTH - 2 * PLOT_MARGIN + 6) / SHEET_COLUMNS,
    SHEET_HEIGHT = SHEET_SIDE + 26
};

static size_t lines_of(size_t count, size_t columns) {
    return (count + columns - 1) / columns;
}

/* ---- errors ---- */

static void draw_error(const Plot *plot, double x, double y, const Predictions *predictions,
                       uint32_t image) {
    const LabelledImages *images = &predictions->validation;
    const float *row = predictions->probabilities + (size_t)image * DIGIT_CLASSES;
    uint8_t label = images->labels[image], seen = predicted_class(predictions, image);
    double middle = x + ERROR_SIDE / 2.0;
    plot_digit(plot, x, y, ERROR_SIDE, images->images + (size_t)image * DIGIT_PIXELS);
    plot_text(plot, middle, y + ERROR_SIDE + 19, (PlotStyle){15, PLOT_TEXT, PLOT_CENTRE, true},
              "%d, not %d", label, seen);
    plot_text(plot, middle, y + ERROR_SIDE + 35, (PlotStyle){12, PLOT_MUTED, PLOT_CENTRE, false},
              "%.0f %% : %.0f %%", 100.0 * (double)row[label], 100.0 * (double)row[seen]);
}

static double head_errors(const Plot *plot, const RunRecord *record, size_t shown, size_t count) {
    if (count == 0)
        return plot_heading(plot, record->name, "none of %zu held-out images is read wrong",
                            record->predictions.validation.count);
    if (shown < count)
        return plot_heading(plot, record->name,
                            "the %zu surest of %zu errors: label, prediction, their probabilities",
                            shown, count);
    return plot_heading(plot, record->name, "%zu error%s: label, prediction, their probabilities",
                        count, count == 1 ? "" : "s");
}

Status plot_errors(const RunRecord *record, const char *directory, const char *name) {
    Plot plot = {0};
    uint32_t *errors = NULL;
    size_t count = 0;
    Status status;
    TRY(predictions_errors(&errors, &count, &record->predictions));
    size_t shown = smaller(count, MOST_ERRORS);
    double lines = (double)lines_of(shown, ERROR_COLUMNS);
    TRY(plot_new(&plot, 2 * PLOT_MARGIN + 44 + lines * ERROR_HEIGHT));
    double top = head_errors(&plot, record, shown, count) + 8;
    for (size_t i = 0; i < shown; i++) {
        size_t line = i / ERROR_COLUMNS, column = i % ERROR_COLUMNS;
        draw_error(&plot, PLOT_MARGIN + (double)column * ERROR_WIDTH,
                   top + (double)line * ERROR_HEIGHT, &record->predictions, errors[i]);
    }
    TRY(plot_write(&plot, directory, name));
cleanup:
    free(errors);
    plot_free(&plot);
    return status;
}

/* ---- augmented images ---- */

Status plot_augmented(const RunRecord *record, const char *directory, const char *name) {
    const LabelledImages *sheet = &record->predictions.augmented;
    double lines = (double)lines_of(sheet->count, SHEET_COLUMNS);
    Plot plot = {0};
    Status status;
    TRY(plot_new(&plot, 2 * PLOT_MARGIN + 34 + lines * SHEET_HEIGHT));
    double top = plot_heading(&plot, record->name, "training images as they were fed") + 8;
    for (size_t i = 0; i < sheet->count; i++) {
        size_t line = i / SHEET_COLUMNS, column = i % SHEET_COLUMNS;
        double x = PLOT_MARGIN + (double)column * SHEET_WIDTH;
        double y = top + (double)line * SHEET_HEIGHT;
        plot_digit(&plot, x, y, SHEET_SIDE, sheet->images + i * DIGIT_PIXELS);
        plot_text(&plot, x + SHEET_SIDE / 2.0, y + SHEET_SIDE + 15,
                  (PlotStyle){12, PLOT_MUTED, PLOT_CENTRE, false}, "%d", sheet->labels[i]);
    }
    TRY(plot_write(&plot, directory, name));
cleanup:
    plot_free(&plot);
    return status;
}
