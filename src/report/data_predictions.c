/* What is read off a network's predictions, as JSON, and the pictures of its digits; see data.h.
 *
 * A digit that is shown in several places is in the sprite once: the gallery numbers the images in
 * the order in which they are first asked for. */
#include <stdlib.h>

#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/minmax.h"
#include "mnist_dist/report/statistics.h"
#include "report/data.h"
#include "report/sprite.h"

enum {
    MOST_ERRORS = 2000,   /* shown; the surest */
    MOST_UNSURE = 60,     /* shown */
    MOST_OF_A_CLASS = 24, /* hits shown */
    SPRITE_COLUMNS = 40,
    SHEET_COLUMNS = 16
};

typedef struct Gallery {
    const Predictions *predictions;
    uint32_t *images;  /* (count) those that are shown */
    uint32_t *numbers; /* (validation.count) where an image stands in `images`, plus 1; 0: not */
    size_t count;
    uint32_t *errors, *unsure; /* statistics.h */
    size_t error_count, unsure_count;
} Gallery;

static Status gallery_open(Gallery *gallery, const Predictions *predictions) {
    size_t count = predictions->validation.count;
    Status status;
    *gallery = (Gallery){.predictions = predictions};
    TRY(MEMORY_NEW(&gallery->images, count));
    TRY(MEMORY_NEW(&gallery->numbers, count));
    TRY(predictions_errors(&gallery->errors, &gallery->error_count, predictions));
    TRY(predictions_unsure(&gallery->unsure, &gallery->unsure_count, predictions));
cleanup:
    return status;
}

static void gallery_close(Gallery *gallery) {
    free(gallery->images);
    free(gallery->numbers);
    free(gallery->errors);
    free(gallery->unsure);
}

/* The number of an image in the sprite. */
static json_t *show(Gallery *gallery, uint32_t image) {
    if (gallery->numbers[image] == 0) {
        gallery->images[gallery->count++] = image;
        gallery->numbers[image] = (uint32_t)gallery->count;
    }
    return json_integer((json_int_t)gallery->numbers[image] - 1);
}

static json_t *show_first(Gallery *gallery, const uint32_t *images, size_t count) {
    json_t *all = json_array();
    bool good = all != NULL;
    for (size_t i = 0; good && i < count; i++) good = data_append(all, show(gallery, images[i]));
    return data_finish(all, good);
}

/* ---- Cells of the confusion matrix ----------------------------------------------------------- */

/* The errors of a cell, the surest first, as far as they are shown at all. */
static bool add_errors(json_t *cell, Gallery *gallery, int label, int prediction) {
    const Predictions *predictions = gallery->predictions;
    bool good = true;
    for (size_t i = 0; good && i < smaller(gallery->error_count, MOST_ERRORS); i++) {
        uint32_t image = gallery->errors[i];
        if (predictions->validation.labels[image] == label &&
            predicted_class(predictions, image) == prediction)
            good = data_append(cell, show(gallery, image));
    }
    return good;
}

/* Hits of a class, the least sure first. */
static bool add_hits(json_t *cell, Gallery *gallery, int label) {
    const Predictions *predictions = gallery->predictions;
    bool good = true;
    for (size_t i = 0; good && i < gallery->unsure_count; i++) {
        uint32_t image = gallery->unsure[i];
        if (predictions->validation.labels[image] != label ||
            predicted_class(predictions, image) != label)
            continue;
        if (json_array_size(cell) == MOST_OF_A_CLASS) break;
        good = data_append(cell, show(gallery, image));
    }
    return good;
}

static json_t *cell_row(Gallery *gallery, int label) {
    json_t *row = json_array();
    bool good = row != NULL;
    for (int prediction = 0; good && prediction < DIGIT_CLASSES; prediction++) {
        json_t *cell = json_array();
        good = cell != NULL && (prediction == label ? add_hits(cell, gallery, label)
                                                    : add_errors(cell, gallery, label, prediction));
        good = data_append(row, data_finish(cell, good));
    }
    return data_finish(row, good);
}

static json_t *cells(Gallery *gallery) {
    json_t *rows = json_array();
    bool good = rows != NULL;
    for (int label = 0; good && label < DIGIT_CLASSES; label++)
        good = data_append(rows, cell_row(gallery, label));
    return data_finish(rows, good);
}

/* ---- The pictures ---------------------------------------------------------------------------- */

static json_t *image(const Predictions *predictions, uint32_t i, size_t sprite) {
    const float *row = predictions->probabilities + (size_t)i * DIGIT_CLASSES;
    uint8_t label = predictions->validation.labels[i], class = predicted_class(predictions, i);
    return json_pack("{s:I,s:i,s:i,s:o,s:o,s:I}", "row",
                     (json_int_t)predictions->validation.rows[i], "label", label, "prediction",
                     class, "p_label", data_number((double)row[label]), "p_prediction",
                     data_number((double)row[class]), "sprite", (json_int_t)sprite);
}

static json_t *images(const Gallery *gallery) {
    json_t *all = json_array();
    bool good = all != NULL;
    for (size_t i = 0; good && i < gallery->count; i++)
        good = data_append(all, image(gallery->predictions, gallery->images[i], i));
    return data_finish(all, good);
}

static json_t *picture(const LabelledImages *from, const uint32_t *order, size_t count,
                       size_t columns) {
    char *url = NULL;
    if (sprite_url(&url, from->images, order, count, columns) != STATUS_OK) return NULL;
    json_t *all =
        json_pack("{s:s,s:I,s:i}", "png", url, "columns", (json_int_t)columns, "size", DIGIT_SIDE);
    free(url);
    return all;
}

static json_t *augmented(const LabelledImages *sheet) {
    json_t *labels = json_array(), *all = picture(sheet, NULL, sheet->count, SHEET_COLUMNS);
    bool good = labels != NULL;
    for (size_t i = 0; good && i < sheet->count; i++)
        good = data_append(labels, json_integer(sheet->labels[i]));
    good = json_object_set_new(all, "labels", data_finish(labels, good)) == 0;
    return data_finish(all, good);
}

/* ---- Figures --------------------------------------------------------------------------------- */

static json_t *confusion_rows(const Confusion *confusion) {
    json_t *rows = json_array();
    bool good = rows != NULL;
    for (int label = 0; good && label < DIGIT_CLASSES; label++) {
        json_t *row = json_array();
        for (int k = 0; good && k < DIGIT_CLASSES; k++)
            good = data_append(row, json_integer(confusion->cells[label][k]));
        good = data_append(rows, data_finish(row, good));
    }
    return data_finish(rows, good);
}

static json_t *classes(const Confusion *confusion) {
    ClassFigures figures[DIGIT_CLASSES];
    json_t *all = json_array();
    bool good = all != NULL;
    class_figures(figures, confusion);
    for (int c = 0; good && c < DIGIT_CLASSES; c++)
        good = data_append(all, json_pack("{s:i,s:I,s:o,s:o,s:o}", "label", c, "count",
                                          (json_int_t)figures[c].count, "precision",
                                          data_number(figures[c].precision), "recall",
                                          data_number(figures[c].recall), "f1",
                                          data_number(figures[c].f1)));
    return data_finish(all, good);
}

static json_t *calibration(const Predictions *predictions) {
    Calibration found;
    json_t *bins = json_array();
    bool good = bins != NULL;
    calibration_of(&found, predictions);
    for (int i = 0; good && i < CALIBRATION_BINS; i++) {
        const CalibrationBin *bin = &found.bins[i];
        good = data_append(bins, json_pack("{s:o,s:o,s:I,s:o,s:o}", "low",
                                           data_number((double)i / CALIBRATION_BINS), "high",
                                           data_number((double)(i + 1) / CALIBRATION_BINS), "count",
                                           (json_int_t)bin->count, "confidence",
                                           data_number(bin->confidence), "accuracy",
                                           data_number(bin->accuracy)));
    }
    return json_pack("{s:o,s:o}", "error", data_number(found.error), "bins",
                     data_finish(bins, good));
}

/* Without held-out rows there is the sheet of augmented images alone. */
static json_t *collect(Gallery *gallery) {
    const Predictions *predictions = gallery->predictions;
    Confusion confusion;
    if (predictions->validation.count == 0)
        return json_pack("{s:o}", "augmented", augmented(&predictions->augmented));
    predictions_confusion(&confusion, predictions);
    size_t shown = smaller(gallery->error_count, MOST_ERRORS);
    json_t *errors = show_first(gallery, gallery->errors, shown);
    json_t *unsure =
        show_first(gallery, gallery->unsure, smaller(gallery->unsure_count, MOST_UNSURE));
    json_t *shares = cells(gallery);
    return json_pack(
        "{s:o,s:o,s:o,s:I,s:I,s:o,s:o,s:o,s:o,s:o,s:o}", "confusion", confusion_rows(&confusion),
        "classes", classes(&confusion), "calibration", calibration(predictions),
        "predictions_epoch", (json_int_t)predictions->epoch, "errors_left_out",
        (json_int_t)(gallery->error_count - shown), "errors", errors, "unsure", unsure, "cells",
        shares, "images", images(gallery), "sprite",
        picture(&predictions->validation, gallery->images, gallery->count, SPRITE_COLUMNS),
        "augmented", augmented(&predictions->augmented));
}

bool data_add_predictions(json_t *run, const Predictions *predictions) {
    Gallery gallery;
    json_t *found = NULL;
    if (gallery_open(&gallery, predictions) == STATUS_OK) found = collect(&gallery);
    gallery_close(&gallery);
    bool good = found != NULL && json_object_update(run, found) == 0;
    json_decref(found);
    return good;
}
