/* The pictures of a run: round ticks, the sizes of the files, ink where there is something to see,
 * and what is left out. What they look like is for eyes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "mnist_dist/report/plots.h"
#include "report/plot.h"
#include "work_folder.h"

static RunRecord record;

/* Three epochs of ten steps, and of four held-out images one that is read wrong. */
static int make_record(void **state) {
    if (enter_folder(state) != 0) return -1;
    memset(&record, 0, sizeof record);
    snprintf(record.directory, sizeof record.directory, ".");
    snprintf(record.name, sizeof record.name, "a \xff run"); /* no UTF-8 */
    config_defaults(&record.config);
    record.progress.best_epoch = 3, record.progress.best_accuracy = 0.75;
    if (history_new(&record.history, 3, 30) != STATUS_OK) return -1;
    for (int i = 0; i < 30; i++)
        history_add_step(&record.history,
                         (double[STEP_QUANTITIES]){2.0 / (i + 1), i / 30.0, 1e-3, 1});
    for (int i = 0; i < 3; i++)
        history_add_epoch(&record.history,
                          (double[EPOCH_QUANTITIES]){[EPOCH_ACCURACY] = 0.3 * i,
                                                     [EPOCH_LOSS] = 2.0 - 0.5 * i,
                                                     [EPOCH_VAL_ACCURACY] = i == 1 ? NAN : 0.75,
                                                     [EPOCH_VAL_LOSS] = i == 1 ? NAN : 0.5});
    if (predictions_new(&record.predictions, 4, 3) != STATUS_OK) return -1;
    for (int i = 0; i < 4; i++) {
        record.predictions.validation.labels[i] = (uint8_t)i;
        record.predictions.validation.images[i * DIGIT_PIXELS + 400] = 255;
        record.predictions.probabilities[i * DIGIT_CLASSES + (i == 3 ? 5 : i)] = 1.0F;
    }
    record.has_predictions = true;
    return 0;
}

static int free_record(void **state) {
    history_destroy(&record.history);
    predictions_free(&record.predictions);
    return leave_folder(state);
}

/* ---- the files ---- */

static cairo_surface_t *open_picture(const char *name) {
    cairo_surface_t *picture = cairo_image_surface_create_from_png(name);
    assert_int_equal(cairo_surface_status(picture), CAIRO_STATUS_SUCCESS);
    assert_int_equal(cairo_image_surface_get_width(picture), PLOT_WIDTH * PLOT_SCALE);
    return picture;
}

static bool same_colour(uint32_t a, uint32_t b) {
    for (int shift = 0; shift < 24; shift += 8)
        if (abs((int)(a >> shift & 255) - (int)(b >> shift & 255)) > 1) return false;
    return true;
}

/* Pixels of this colour, 0xRRGGBB, but for rounding. */
static int count_colour(const char *name, uint32_t colour) {
    cairo_surface_t *picture = open_picture(name);
    int count = 0, stride = cairo_image_surface_get_stride(picture);
    const unsigned char *bytes = cairo_image_surface_get_data(picture);
    for (int y = 0; y < cairo_image_surface_get_height(picture); y++)
        for (int x = 0; x < cairo_image_surface_get_width(picture); x++) {
            uint32_t pixel;
            memcpy(&pixel, bytes + y * stride + 4 * x, sizeof pixel);
            count += same_colour(pixel, colour);
        }
    cairo_surface_destroy(picture);
    return count;
}

static void test_all_pictures_are_made(void **state) {
    (void)state;
    assert_int_equal(plots_write(&record), STATUS_OK);
    assert_int_equal(count_files(), 4);
    assert_true(count_colour("curves.png", 0xc8550f) > 1000); /* training */
    assert_true(count_colour("curves.png", 0x0062a8) > 500);  /* validation */
    assert_true(count_colour("errors.png", 0x1a1d21) > 36);   /* ink: the lone pixel and text */
    assert_true(count_colour("augmented.png", 0xffffff) > 100000);
}

/* One of four is wrong: three cells of hits, one of a miss. */
static void test_the_confusion_matrix_has_its_cells(void **state) {
    (void)state;
    assert_int_equal(plots_write(&record), STATUS_OK);
    int hits = count_colour("confusion.png", 0x2679b5),
        misses = count_colour("confusion.png", 0xda6e26);
    int cell = 71 * 71 * PLOT_SCALE * PLOT_SCALE;
    assert_in_range(hits, cell * 3 * 8 / 10, cell * 3);
    assert_in_range(misses, cell * 8 / 10, cell);
}

static void test_what_is_missing_is_left_out(void **state) {
    (void)state;
    assert_int_equal(plots_write(&record), STATUS_OK);
    record.has_predictions = false;
    assert_int_equal(plots_write(&record), STATUS_OK);
    assert_int_equal(count_files(), 1); /* of the older ones, curves alone are true still */
    history_destroy(&record.history);
    assert_int_equal(plots_write(&record), STATUS_OK);
    assert_int_equal(count_files(), 0);
}

static void test_a_run_without_errors_or_validation(void **state) {
    (void)state;
    record.predictions.probabilities[3 * DIGIT_CLASSES + 3] = 2.0F;
    for (size_t i = 0; i < 3; i++)
        record.history.epochs.values[i * EPOCH_QUANTITIES + EPOCH_VAL_LOSS] =
            record.history.epochs.values[i * EPOCH_QUANTITIES + EPOCH_VAL_ACCURACY] = NAN;
    assert_int_equal(plots_write(&record), STATUS_OK);
    assert_int_equal(count_files(), 4);
    assert_int_equal(count_colour("curves.png", 0x0062a8), 0);
}

static void test_a_folder_that_is_gone(void **state) {
    (void)state;
    snprintf(record.directory, sizeof record.directory, "gone");
    assert_int_equal(plots_write(&record), STATUS_FAILED);
    assert_non_null(strstr(status_message(), "gone/curves.png"));
    status_clear();
}

/* ---- axes ---- */

static void expect_ticks(PlotAxis axis, int count, const double expected[]) {
    PlotTicks ticks = plot_ticks(&axis);
    assert_int_equal(ticks.count, count);
    for (int i = 0; i < count; i++)
        assert_true(fabs(ticks.values[i] - expected[i]) <= 1e-9 * fabs(expected[i]));
}

static void test_ticks_are_round(void **state) {
    (void)state;
    expect_ticks((PlotAxis){PLOT_LINEAR, 0, 25}, 6, (double[]){0, 5, 10, 15, 20, 25});
    expect_ticks((PlotAxis){PLOT_LINEAR, 0, 0.00105}, 3, (double[]){0, 0.0005, 0.001});
    expect_ticks((PlotAxis){PLOT_LOGARITHMIC, 0.04, 2.2}, 6, (double[]){0.05, 0.1, 0.2, 0.5, 1, 2});
    expect_ticks((PlotAxis){PLOT_LOGARITHMIC, 1e-4, 1}, 5, (double[]){1e-4, 1e-3, 1e-2, 0.1, 1});
    expect_ticks((PlotAxis){PLOT_ACCURACY, 0.4, 0.992}, 6,
                 (double[]){0.5, 0.8, 0.9, 0.95, 0.98, 0.99});
    expect_ticks((PlotAxis){PLOT_LOGARITHMIC, 2.1, 4.4}, 4, (double[]){2.5, 3, 3.5, 4});
}

static void test_axes_without_a_length_or_values(void **state) {
    (void)state;
    for (PlotKind kind = PLOT_LINEAR; kind <= PLOT_ACCURACY; kind++) {
        PlotAxis axis = {kind, INFINITY, -INFINITY};
        plot_pad(&axis);
        assert_true(axis.low < axis.high);
        axis = (PlotAxis){kind, INFINITY, -INFINITY};
        plot_widen(&axis, NAN);
        plot_widen(&axis, 0.5);
        assert_true(axis.low == 0.5 && axis.high == 0.5);
        plot_widen(&axis, 1.0);
        plot_pad(&axis);
        assert_true(axis.low < axis.high);
        assert_true(plot_ticks(&axis).count > 0);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_record, free_record)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_all_pictures_are_made),
        TEST(test_the_confusion_matrix_has_its_cells),
        TEST(test_what_is_missing_is_left_out),
        TEST(test_a_run_without_errors_or_validation),
        TEST(test_a_folder_that_is_gone),
        cmocka_unit_test(test_ticks_are_round),
        cmocka_unit_test(test_axes_without_a_length_or_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
