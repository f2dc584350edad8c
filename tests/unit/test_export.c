/* What of the exported files can be told without others' programs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "export/crc32c.h"
#include "export/keras_layer.h"
#include "export/weights.h"
#include "mnist_dist/export/events.h"
#include "mnist_dist/export/export.h"
#include "work_folder.h"

static void checksum_is_castagnolis(void **state) {
    static const char digits[] = "123456789"; /* the check value of every list of CRCs */
    const char zeros[32] = {0};               /* RFC 3720, B.4 */
    (void)state;
    assert_int_equal(crc32c(digits, 9), 0xe3069283);
    assert_int_equal(crc32c(zeros, sizeof zeros), 0x8a9136aa);
    assert_int_equal(crc32c("", 0), 0);
}

static void unknown_formats_are_refused(void **state) {
    Checkpoint checkpoint = {0};
    (void)state;
    assert_int_equal(export_write(&checkpoint, "safetensor", "x"), STATUS_USAGE);
    assert_non_null(strstr(status_message(), "did you mean safetensors"));
    status_clear();
}

/* A history of so many steps and epochs, in a checkpoint with nothing else. */
static Checkpoint with_history(size_t epochs, size_t steps, double loss) {
    Checkpoint checkpoint = {0};
    double step[STEP_QUANTITIES] = {loss, 0.5, 0.001, 2.0};
    double epoch[EPOCH_QUANTITIES] = {[EPOCH_LOSS] = loss, [EPOCH_SECONDS] = 2.0};
    assert_int_equal(history_new(&checkpoint.history, epochs, steps), STATUS_OK);
    for (size_t i = 0; i < steps; i++) history_add_step(&checkpoint.history, step);
    for (size_t i = 0; i < epochs; i++) history_add_epoch(&checkpoint.history, epoch);
    checkpoint.progress.epoch_step = epochs > 0 ? steps % epochs : 0;
    return checkpoint;
}

static char *read_events(size_t *count) {
    FILE *file = fopen("events.out.tfevents.mnist_dist", "rb");
    assert_non_null(file);
    char *bytes = malloc(1 << 20);
    *count = fread(bytes, 1, 1 << 20, file);
    fclose(file);
    return bytes;
}

static void events_are_gone_on_with(void **state) {
    struct stat one, other;
    size_t first = 0, second = 0;
    (void)state;
    Checkpoint few = with_history(1, 10, 1.0), more = with_history(3, 30, 1.0);
    Checkpoint changed = with_history(3, 30, 2.0);
    assert_int_equal(events_write(".", &few), STATUS_OK);
    char *before = read_events(&first);
    stat("events.out.tfevents.mnist_dist", &one);
    assert_int_equal(events_write(".", &more), STATUS_OK);
    char *after = read_events(&second);
    stat("events.out.tfevents.mnist_dist", &other);
    assert_true(one.st_ino == other.st_ino && second > first);
    assert_memory_equal(before, after, first);

    /* What is there already is not written again; another history takes its place. */
    assert_int_equal(events_write(".", &more), STATUS_OK);
    free(after);
    after = read_events(&first);
    assert_int_equal(first, second);
    assert_int_equal(events_write(".", &changed), STATUS_OK);
    stat("events.out.tfevents.mnist_dist", &one);
    assert_true(one.st_ino != other.st_ino);
    free(before);
    free(after);
    history_destroy(&few.history);
    history_destroy(&more.history);
    history_destroy(&changed.history);
}

/* 300,000 steps are 36 MiB. */
static void long_event_files_are_gone_on_with(void **state) {
    struct stat one, other;
    (void)state;
    Checkpoint few = with_history(1, 300000, 1.0), more = with_history(2, 600000, 1.0);
    assert_int_equal(events_write(".", &few), STATUS_OK);
    stat("events.out.tfevents.mnist_dist", &one);
    assert_int_equal(events_write(".", &more), STATUS_OK);
    stat("events.out.tfevents.mnist_dist", &other);
    assert_true(one.st_ino == other.st_ino && one.st_size < other.st_size);
    history_destroy(&few.history);
    history_destroy(&more.history);
}

/* A checkpoint of 900 training rows, 10 steps an epoch, after so many steps. */
static Checkpoint after(const char *schedule, uint64_t steps, uint64_t setbacks) {
    static const char *const keys[] = {"training.batch_size=90", "optimizer.learning_rate=0.01",
                                       "schedule.every_epochs=1", "training.epochs=4"};
    Checkpoint checkpoint = {.train_rows = 1000};
    config_defaults(&checkpoint.config);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        assert_int_equal(config_set(&checkpoint.config, keys[i]), STATUS_OK);
    assert_int_equal(config_set(&checkpoint.config, schedule), STATUS_OK);
    checkpoint.progress = progress_start(0.01);
    checkpoint.progress.step = steps;
    checkpoint.progress.setbacks = setbacks;
    return checkpoint;
}

static void rates_are_those_of_the_next_step(void **state) {
    (void)state;
    Checkpoint checkpoint = after("schedule.kind=plateau", 10, 0);
    assert_float_equal(weights_learning_rate(&checkpoint), 0.01, 0);
    checkpoint = after("schedule.kind=plateau", 10, 2);
    assert_float_equal(weights_learning_rate(&checkpoint), 0.0025, 0);
    checkpoint = after("schedule.warmup_epochs=2", 9, 0); /* half of the warm-up */
    assert_float_equal(weights_learning_rate(&checkpoint), 0.005, 1e-12);
    checkpoint = after("schedule.kind=step", 9, 0); /* the last of the first epoch */
    assert_float_equal(weights_learning_rate(&checkpoint), 0.01, 0);
    checkpoint = after("schedule.kind=step", 10, 0);
    assert_float_equal(weights_learning_rate(&checkpoint), 0.005, 0);
    checkpoint = after("schedule.kind=step", 10, 0);
    checkpoint.train_rows = 0; /* imported */
    assert_float_equal(weights_learning_rate(&checkpoint), 0.01, 0);
}

static void long_values_are_cut(void **state) {
    (void)state;
    char text[KERAS_VALUE], name[101] = "";
    memset(name, 'x', 100);
    memset(text, '?', sizeof text);
    json_t *value = json_pack("{s:s}", "class_name", name);
    keras_show(text, value);
    json_decref(value);
    assert_int_equal(strlen(text), KERAS_VALUE - 1);
    assert_null(strchr(text, '?'));
    assert_memory_equal(text, "{\"class_name\": \"xxx", 19);
    assert_string_equal(text + KERAS_VALUE - 7, "xxx...");
    assert_string_equal(keras_show(text, NULL), "missing");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checksum_is_castagnolis),
        cmocka_unit_test(unknown_formats_are_refused),
        cmocka_unit_test_setup_teardown(events_are_gone_on_with, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(long_event_files_are_gone_on_with, enter_folder,
                                        leave_folder),
        cmocka_unit_test(rates_are_those_of_the_next_step),
        cmocka_unit_test(long_values_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
