/* The history of a run in memory, in HDF5 and in CSV. Each test runs in a folder of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mnist_dist/train/metrics.h"
#include "work_folder.h"

/* Two epochs of three steps, with numbers that need all their digits. */
static History example(void) {
    History history;
    assert_int_equal(history_new(&history, 2, 6), STATUS_OK);
    for (int i = 0; i < 2; i++)
        history_add_epoch(&history, (double[EPOCH_QUANTITIES]){
                                        [EPOCH_ACCURACY] = 1.0 / 3 + i,
                                        [EPOCH_LOSS] = 0.1 + i,
                                        [EPOCH_VAL_ACCURACY] = 0.5,
                                        [EPOCH_VAL_LOSS] = i == 0 ? NAN : 1e-300,
                                        [EPOCH_LEARNING_RATE] = 0.001,
                                        [EPOCH_SECONDS] = 12,
                                        [EPOCH_IMAGES_PER_SECOND] = 3500,
                                    });
    for (int i = 0; i < 6; i++)
        history_add_step(&history, (double[STEP_QUANTITIES]){i, 0.5, 0.001, M_PI * i});
    return history;
}

static void digest_of(char text[DIGEST_TEXT], const History *history) {
    Digester *digester = digester_new();
    history_digest(digester, history);
    digest_text(text, digester_finish(digester));
}

static void what_is_added_is_held(void **state) {
    (void)state;
    History history = example();
    assert_int_equal(history.epochs.count, 2);
    assert_int_equal(history.steps.count, 6);
    assert_true(history_epoch(&history, 1, EPOCH_LOSS) == 1.1);
    assert_true(history.steps.values[5 * STEP_QUANTITIES + STEP_LOSS] == 5);
    history_add_step(&history, (double[STEP_QUANTITIES]){0});
    assert_int_equal(history.steps.count, 6);
    history_destroy(&history);
    history_destroy(&history);
}

static void digest_is_of_the_answer_alone(void **state) {
    (void)state;
    char before[DIGEST_TEXT], after[DIGEST_TEXT];
    History history = example();
    digest_of(before, &history);
    history.epochs.values[EPOCH_SECONDS] = 99;
    history.epochs.values[EPOCH_IMAGES_PER_SECOND] = 99;
    digest_of(after, &history);
    assert_string_equal(before, after);
    for (int quantity = 0; quantity < EPOCH_SECONDS; quantity++) {
        history.epochs.values[quantity] += 1;
        history.epochs.values[EPOCH_VAL_LOSS] = quantity;
        digest_of(after, &history);
        assert_string_not_equal(before, after);
        strcpy(before, after);
    }
    history.steps.values[0] = nextafter(history.steps.values[0], 1);
    digest_of(after, &history);
    assert_string_not_equal(before, after);
    history_destroy(&history);
}

static void history_comes_back_from_a_file(void **state) {
    (void)state;
    History history = example(), back;
    H5File *file;
    assert_int_equal(h5file_create(&file, "x.h5", 0, STATUS_DATA), STATUS_OK);
    assert_int_equal(history_write(file, "/history", &history), STATUS_OK);
    assert_int_equal(h5file_close(file), STATUS_OK);
    assert_int_equal(h5file_open(&file, "x.h5", STATUS_DATA), STATUS_OK);
    assert_int_equal(history_read(&back, file, "/history"), STATUS_OK);
    assert_int_equal(h5file_close(file), STATUS_OK);
    assert_int_equal(back.epochs.count, 2);
    assert_int_equal(back.steps.count, 6);
    assert_memory_equal(back.epochs.values, history.epochs.values,
                        2 * EPOCH_QUANTITIES * sizeof(double));
    assert_memory_equal(back.steps.values, history.steps.values,
                        6 * STEP_QUANTITIES * sizeof(double));
    history_destroy(&back);
    history_destroy(&history);
}

static void empty_history_comes_back(void **state) {
    (void)state;
    History history, back;
    H5File *file;
    assert_int_equal(history_new(&history, 0, 0), STATUS_OK);
    assert_int_equal(h5file_create(&file, "x.h5", 0, STATUS_DATA), STATUS_OK);
    assert_int_equal(history_write(file, "", &history), STATUS_OK);
    assert_int_equal(history_read(&back, file, ""), STATUS_OK);
    assert_int_equal(h5file_close(file), STATUS_OK);
    assert_int_equal(back.epochs.count + back.steps.count, 0);
    history_destroy(&back);
    history_destroy(&history);
}

static void restarts_come_back_and_are_no_answer(void **state) {
    (void)state;
    char before[DIGEST_TEXT], after[DIGEST_TEXT];
    History history = example(), back;
    digest_of(before, &history);
    assert_int_equal(metrics_write(&history, "."), STATUS_OK);
    assert_int_equal(metrics_read(&back, "./metrics.h5"), STATUS_OK);
    assert_int_equal(back.restart_count, 0);
    assert_true(history_same(&history, &back));
    history_destroy(&back);
    for (int i = 0; i < 2; i++)
        assert_int_equal(
            history_add_restart(&history, &(Restart){10 + i, 1, 1700000000 + i, 8, 12 * i}),
            STATUS_OK);
    assert_int_equal(metrics_write(&history, "."), STATUS_OK);
    assert_int_equal(metrics_read(&back, "./metrics.h5"), STATUS_OK);
    assert_int_equal(back.restart_count, 2);
    assert_int_equal(back.restarts[1].step, 11);
    assert_int_equal(back.restarts[1].time, 1700000001);
    assert_int_equal(back.restarts[1].ranks, 8);
    assert_int_equal(back.restarts[0].diverged, 0);
    assert_int_equal(back.restarts[1].diverged, 12);
    assert_true(history_same(&history, &back));
    back.restarts[1].ranks++;
    assert_false(history_same(&history, &back));
    digest_of(after, &history);
    assert_string_equal(before, after);
    history_destroy(&back);
    history_destroy(&history);
}

/* As versions wrote it that had no phases and never went back. */
static void older_files_are_read(void **state) {
    (void)state;
    static const char *const names[] = {
        "/epoch/accuracy",      "/epoch/loss",        "/epoch/val_accuracy",
        "/epoch/val_loss",      "/epoch/seconds",     "/epoch/images_per_second",
        "/epoch/learning_rate", "/step/loss",         "/step/accuracy",
        "/step/learning_rate",  "/step/gradient_norm"};
    static const char *const restarts[] = {"/restart/step", "/restart/epoch", "/restart/time",
                                           "/restart/ranks"};
    History back;
    H5File *file;
    assert_int_equal(h5file_create(&file, "x.h5", 0, STATUS_DATA), STATUS_OK);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_equal(
            h5file_write(file, names[i], H5_F64, 1, (size_t[]){2}, (double[]){0.25, 0.5}),
            STATUS_OK);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(h5file_write(file, restarts[i], H5_I64, 1, (size_t[]){1}, (int64_t[]){9}),
                         STATUS_OK);
    assert_int_equal(h5file_close(file), STATUS_OK);
    assert_int_equal(metrics_read(&back, "x.h5"), STATUS_OK);
    assert_true(history_epoch(&back, 1, EPOCH_SECONDS) == 0.5);
    assert_int_equal(back.restart_count, 1);
    assert_int_equal(back.restarts[0].ranks, 9);
    assert_int_equal(back.restarts[0].diverged, 0);
    for (int i = 0; i < PHASE_COUNT; i++)
        assert_true(isnan(back.epochs.values[EPOCH_QUANTITIES + EPOCH_PHASES + i]));
    history_destroy(&back);
}

static void quantities_of_unequal_length_are_refused(void **state) {
    (void)state;
    const char *const names[] = {"accuracy", "loss", "val_accuracy"};
    const double values[2] = {0};
    char name[64];
    History back;
    H5File *file;
    assert_int_equal(h5file_create(&file, "x.h5", 0, STATUS_CHECKPOINT), STATUS_OK);
    for (size_t i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "/epoch/%s", names[i]);
        assert_int_equal(h5file_write(file, name, H5_F64, 1, (size_t[]){i == 1 ? 1 : 2}, values),
                         STATUS_OK);
    }
    assert_int_equal(history_read(&back, file, ""), STATUS_CHECKPOINT);
    assert_non_null(strstr(status_message(), "x.h5: /epoch/loss: "));
    assert_null(back.epochs.values);
    h5file_destroy(file);
}

static void files_of_a_run_are_replaced(void **state) {
    (void)state;
    static const char EXPECTED[] =
        "epoch,accuracy,learning_rate,loss,val_accuracy,val_loss,seconds,images_per_second\n"
        "0,0.3333333333333333,0.001,0.1,0.5,nan,12,3500\n"
        "1,1.3333333333333333,0.001,1.1,0.5,1e-300,12,3500\n";
    char text[1024] = "";
    double losses[6];
    char *units;
    History history = example();
    H5File *h5;
    assert_int_equal(metrics_write(&history, "."), STATUS_OK);
    assert_int_equal(metrics_write(&history, "."), STATUS_OK);
    FILE *csv = fopen("metrics.csv", "r");
    assert_non_null(csv);
    text[fread(text, 1, sizeof text - 1, csv)] = '\0';
    fclose(csv);
    assert_string_equal(text, EXPECTED);
    assert_int_equal(h5file_open(&h5, "metrics.h5", STATUS_DATA), STATUS_OK);
    assert_int_equal(h5file_read(h5, "/step/loss", H5_F64, 1, (size_t[]){6}, losses), STATUS_OK);
    assert_true(losses[5] == 5);
    assert_int_equal(h5file_get_text(&units, h5, "/epoch/val_loss", "units"), STATUS_OK);
    assert_string_equal(units, "nat");
    free(units);
    assert_int_equal(h5file_close(h5), STATUS_OK);
    history_destroy(&history);
}

static void missing_folder_is_an_error(void **state) {
    (void)state;
    History history = example();
    assert_int_equal(metrics_write(&history, "missing"), STATUS_FAILED);
    assert_non_null(strstr(status_message(), "missing/metrics.h5"));
    history_destroy(&history);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_added_is_held, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(digest_is_of_the_answer_alone, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(history_comes_back_from_a_file, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(empty_history_comes_back, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(restarts_come_back_and_are_no_answer, enter_folder,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(older_files_are_read, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(quantities_of_unequal_length_are_refused, enter_folder,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(files_of_a_run_are_replaced, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(missing_folder_is_an_error, enter_folder, leave_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
