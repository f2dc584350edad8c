/* predictions.h5: what is written is read; damage is one line. Each test has a folder of its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "mnist_dist/base/digits.h"
#include "mnist_dist/train/predictions.h"
#include "work_folder.h"

static void fill(LabelledImages *images, uint8_t begin) {
    for (size_t i = 0; i < images->count; i++) {
        images->rows[i] = (uint32_t)(100000 + i);
        images->labels[i] = (uint8_t)(i % 10);
        memset(images->images + i * DIGIT_PIXELS, (int)(begin + i), DIGIT_PIXELS);
    }
}

static void write_example(size_t validation, size_t augmented) {
    Predictions predictions;
    assert_int_equal(predictions_new(&predictions, validation, augmented), STATUS_OK);
    predictions.epoch = 7;
    predictions.train_rows = 37800;
    predictions.held_out = validation + 5;
    fill(&predictions.validation, 1);
    fill(&predictions.augmented, 99);
    for (size_t i = 0; i < validation * DIGIT_CLASSES; i++)
        predictions.probabilities[i] = 1.0F / (float)(i + 1);
    assert_int_equal(predictions_write(&predictions, "predictions.h5"), STATUS_OK);
    predictions_free(&predictions);
}

static void what_is_written_is_read(void **state) {
    (void)state;
    Predictions predictions;
    write_example(12, 3);
    assert_int_equal(predictions_read(&predictions, "predictions.h5"), STATUS_OK);
    assert_int_equal(predictions.epoch, 7);
    assert_int_equal(predictions.train_rows, 37800);
    assert_int_equal(predictions.held_out, 17);
    assert_int_equal(predictions.validation.count, 12);
    assert_int_equal(predictions.augmented.count, 3);
    assert_int_equal(predictions.validation.rows[11], 100011);
    assert_int_equal(predictions.validation.labels[11], 1);
    assert_int_equal(predictions.validation.images[11 * DIGIT_PIXELS + 5], 12);
    assert_int_equal(predictions.augmented.images[2 * DIGIT_PIXELS], 101);
    assert_true(predictions.probabilities[119] == 1.0F / 120);
    predictions_free(&predictions);
    assert_int_equal(count_files(), 1);
}

static void none_held_out_is_fine(void **state) {
    (void)state;
    Predictions predictions;
    write_example(0, 3);
    assert_int_equal(predictions_read(&predictions, "predictions.h5"), STATUS_OK);
    assert_int_equal(predictions.validation.count, 0);
    predictions_free(&predictions);
}

static void assert_refused(void) {
    Predictions predictions;
    Status status = predictions_read(&predictions, "predictions.h5");
    assert_int_equal(status, STATUS_DATA);
    assert_non_null(strstr(status_message(), "predictions.h5"));
    assert_null(strchr(status_message(), '\n'));
    assert_null(predictions.probabilities);
    status_clear();
}

static void change_byte(long at) {
    FILE *file = fopen("predictions.h5", "r+");
    fseek(file, at, SEEK_SET);
    int byte = fgetc(file);
    fseek(file, at, SEEK_SET);
    fputc(byte ^ 0x10, file);
    fclose(file);
}

static void damage_is_one_line(void **state) {
    (void)state;
    write_example(4000, 3);
    assert_int_equal(truncate("predictions.h5", 100000), 0);
    assert_refused();
    write_example(4000, 3);
    change_byte(1000000); /* among the images */
    assert_refused();
    write_example(12, 3);
    change_byte(50); /* among what says where things are */
    assert_refused();
    assert_int_equal(truncate("predictions.h5", 0), 0);
    assert_refused();
}

static void more_than_were_held_out_are_refused(void **state) {
    (void)state;
    Predictions predictions;
    assert_int_equal(predictions_new(&predictions, 2, 0), STATUS_OK);
    predictions.held_out = 1;
    assert_int_equal(predictions_write(&predictions, "predictions.h5"), STATUS_OK);
    predictions_free(&predictions);
    assert_refused();
}

static void a_label_out_of_range_is_refused(void **state) {
    (void)state;
    Predictions predictions;
    assert_int_equal(predictions_new(&predictions, 2, 0), STATUS_OK);
    predictions.validation.labels[1] = 10;
    assert_int_equal(predictions_write(&predictions, "predictions.h5"), STATUS_OK);
    predictions_free(&predictions);
    assert_refused();
}

static void a_probability_out_of_range_is_refused(void **state) {
    (void)state;
    static const float values[] = {-1.0F, 1.5F, NAN, INFINITY};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        Predictions predictions;
        assert_int_equal(predictions_new(&predictions, 2, 0), STATUS_OK);
        predictions.probabilities[13] = values[i];
        assert_int_equal(predictions_write(&predictions, "predictions.h5"), STATUS_OK);
        predictions_free(&predictions);
        assert_refused();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_written_is_read, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(none_held_out_is_fine, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(damage_is_one_line, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(more_than_were_held_out_are_refused, enter_folder,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(a_label_out_of_range_is_refused, enter_folder,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(a_probability_out_of_range_is_refused, enter_folder,
                                        leave_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
