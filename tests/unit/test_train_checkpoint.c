/* Checkpoints: whole or refused. Each test runs in a folder of its own, with a network so small
 * that a file can be damaged in hundreds of places. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mnist_dist/base/log.h"
#include "mnist_dist/train/checkpoint.h"
#include "work_folder.h"

static int enter(void **state) {
    log_start(false);
    return enter_folder(state);
}

static float *numbers(size_t count, float first) {
    float *values = malloc(count * sizeof *values);
    for (size_t i = 0; i < count; i++) values[i] = first + (float)i / 1024;
    return values;
}

/* A run of two epochs and a bit. */
static Checkpoint example(void) {
    Checkpoint checkpoint = {
        .progress = {RUN_STOPPED, 7, 2, 1, {0.1, 80, 86}, {5e-4, 0.9, 2}, 0.95, 2, 1, 0},
        .train_rows = 42000,
        .kernels = "kernels",
        .ranks = 8,
        .threads = 2};
    config_defaults(&checkpoint.config);
    strcpy(checkpoint.config.name, "example");
    strcpy(checkpoint.config.model.layers,
           "conv 3x3 2 same relu, maxpool 2x2, maxpool 2x2, dropout 0.25, flatten, "
           "dense 10 softmax");
    strcpy(checkpoint.data_fingerprint, "0123456789abcdef0123456789abcdef");
    assert_int_equal(model_new(&checkpoint.model, &checkpoint.config.model), STATUS_OK);
    checkpoint.parameter_count = model_parameter_count(checkpoint.model);
    checkpoint.params = numbers(checkpoint.parameter_count, 0.25F);
    for (int i = 0; i < optimizer_slot_count(&checkpoint.config.optimizer); i++)
        checkpoint.slots[i] = numbers(checkpoint.parameter_count, 1.0F + (float)i);
    assert_int_equal(history_new(&checkpoint.history, 3, 9), STATUS_OK);
    for (int i = 0; i < 2; i++)
        history_add_epoch(&checkpoint.history, (double[EPOCH_QUANTITIES]){0.1 * i, NAN, i});
    for (int i = 0; i < 7; i++)
        history_add_step(&checkpoint.history, (double[STEP_QUANTITIES]){1.0 / (i + 1), i});
    return checkpoint;
}

static void write_example(const char *path) {
    Checkpoint checkpoint = example();
    if (checkpoint_write(&checkpoint, path) != STATUS_OK) fail_msg("%s", status_message());
    checkpoint_free(&checkpoint);
}

static void write_step(uint64_t step) {
    char path[PATH_MAX];
    Checkpoint checkpoint = example();
    checkpoint.progress.step = step;
    checkpoint_step_path(path, ".", step);
    assert_int_equal(checkpoint_write(&checkpoint, path), STATUS_OK);
    checkpoint_free(&checkpoint);
}

static size_t count_open_files(void) {
    size_t count = 0;
    DIR *entries = opendir("/proc/self/fd");
    assert_non_null(entries);
    while (readdir(entries) != NULL) count++;
    closedir(entries);
    return count;
}

static char *slurp(const char *path, size_t *count) {
    struct stat info;
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &info), 0);
    *count = (size_t)info.st_size;
    char *bytes = malloc(*count);
    assert_int_equal(fread(bytes, 1, *count, file), *count);
    fclose(file);
    return bytes;
}

static void spill(const char *path, const char *bytes, size_t count) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    fclose(file);
}

static void damage(const char *path) {
    size_t count;
    char *bytes = slurp(path, &count);
    bytes[count / 2] ^= 1;
    spill(path, bytes, count);
    free(bytes);
}

static void assert_refused(const char *path, const char *reason) {
    Checkpoint checkpoint;
    assert_int_equal(checkpoint_read(&checkpoint, path), STATUS_CHECKPOINT);
    if (strncmp(status_message(), path, strlen(path)) != 0 ||
        strstr(status_message(), reason) == NULL ||
        strstr(status_message(), "; name another checkpoint, or train anew") == NULL)
        fail_msg("the line is: %s", status_message());
    assert_null(checkpoint.params);
    assert_null(checkpoint.model);
    status_clear();
}

static void what_is_written_is_read(void **state) {
    (void)state;
    Checkpoint written = example(), read;
    char one[DIGEST_TEXT], other[DIGEST_TEXT];
    assert_int_equal(checkpoint_write(&written, "x.h5"), STATUS_OK);
    assert_int_equal(count_files(), 1);
    assert_int_equal(checkpoint_read(&read, "x.h5"), STATUS_OK);
    assert_int_equal(checkpoint_state_digest(one, &written), STATUS_OK);
    assert_int_equal(checkpoint_state_digest(other, &read), STATUS_OK);
    assert_string_equal(one, other);
    assert_int_equal(read.parameter_count, written.parameter_count);
    assert_memory_equal(&read.progress, &written.progress, sizeof read.progress);
    assert_string_equal(read.config.name, "example");
    assert_string_equal(read.data_fingerprint, written.data_fingerprint);
    assert_int_equal(config_compare(&written.config, &read.config, "x.h5"), STATUS_OK);
    assert_int_equal(read.train_rows, 42000);
    assert_string_equal(read.kernels, "kernels");
    assert_int_equal(read.ranks * 10 + read.threads, 82);
    assert_int_equal(read.history.steps.count, 7);
    checkpoint_free(&read);
    checkpoint_free(&read);
    checkpoint_free(&written);
}

static void best_parameters_are_kept_beside_the_live_ones(void **state) {
    (void)state;
    Checkpoint written = example(), read;
    size_t count = written.parameter_count;
    written.best = numbers(count, 7.0F);
    assert_int_equal(checkpoint_write(&written, "x.h5"), STATUS_OK);
    assert_int_equal(checkpoint_read(&read, "x.h5"), STATUS_OK);
    assert_non_null(read.best);
    assert_memory_equal(read.best, written.best, count * sizeof(float));
    assert_memory_equal(read.params, written.params, count * sizeof(float));
    checkpoint_free(&read);
    checkpoint_free(&written);
}

static void live_parameters_are_kept_beside_their_average(void **state) {
    (void)state;
    Checkpoint written = example(), read;
    size_t count = written.parameter_count;
    char without[DIGEST_TEXT], with[DIGEST_TEXT], back[DIGEST_TEXT];
    checkpoint_state_digest(without, &written);
    written.live = numbers(count, 5.0F);
    checkpoint_state_digest(with, &written);
    assert_string_not_equal(with, without);
    assert_int_equal(checkpoint_write(&written, "x.h5"), STATUS_OK);
    assert_int_equal(checkpoint_read(&read, "x.h5"), STATUS_OK);
    checkpoint_state_digest(back, &read);
    assert_string_equal(back, with);
    assert_memory_equal(read.live, written.live, count * sizeof(float));
    assert_memory_equal(read.params, written.params, count * sizeof(float));
    checkpoint_free(&read);
    checkpoint_free(&written);
}

static void hashes_of_training_rows_are_kept(void **state) {
    (void)state;
    Checkpoint written = example(), read;
    uint64_t values[3] = {1, 2, UINT64_MAX};
    assert_int_equal(checkpoint_write(&written, "x.h5"), STATUS_OK);
    assert_int_equal(checkpoint_read(&read, "x.h5"), STATUS_OK);
    assert_int_equal(read.trained.count, 0);
    checkpoint_free(&read);
    written.trained = (RowHashes){values, 3};
    assert_int_equal(checkpoint_write(&written, "x.h5"), STATUS_OK);
    written.trained = (RowHashes){0};
    assert_int_equal(checkpoint_read(&read, "x.h5"), STATUS_OK);
    assert_int_equal(read.trained.count, 3);
    assert_memory_equal(read.trained.values, values, sizeof values);
    checkpoint_free(&read);
    checkpoint_free(&written);
}

static void optimizers_without_state_are_read(void **state) {
    (void)state;
    Checkpoint written = example(), read;
    assert_int_equal(config_set(&written.config, "optimizer.kind=sgd"), STATUS_OK);
    assert_int_equal(checkpoint_write(&written, "x.h5"), STATUS_OK);
    assert_int_equal(checkpoint_read(&read, "x.h5"), STATUS_OK);
    checkpoint_free(&read);
    checkpoint_free(&written);
}

/* Each field of the state must move the digest; where and when it was computed must not. */
static void digest_is_of_the_state(void **state) {
    (void)state;
    Checkpoint checkpoint = example();
    char before[DIGEST_TEXT], after[DIGEST_TEXT];
    uint64_t *fields = (uint64_t *)&checkpoint.progress;
    checkpoint_state_digest(before, &checkpoint);
    checkpoint.progress.status = RUN_FINISHED;
    checkpoint.ranks = 1;
    checkpoint_state_digest(after, &checkpoint);
    assert_string_equal(before, after);
    for (size_t i = 1; i < sizeof checkpoint.progress / 8; i++) {
        fields[i] ^= 1;
        checkpoint_state_digest(after, &checkpoint);
        fields[i] ^= 1;
        assert_string_not_equal(before, after);
    }
    float *const vectors[] = {checkpoint.params, checkpoint.slots[0], checkpoint.slots[1]};
    for (size_t i = 0; i < 3; i++) {
        float *last = &vectors[i][checkpoint.parameter_count - 1], kept = *last;
        *last = nextafterf(kept, 0);
        checkpoint_state_digest(after, &checkpoint);
        *last = kept;
        assert_string_not_equal(before, after);
    }
    checkpoint.history.steps.count--;
    checkpoint_state_digest(after, &checkpoint);
    assert_string_not_equal(before, after);
    checkpoint_free(&checkpoint);
}

static void every_flipped_byte_is_refused(void **state) {
    (void)state;
    size_t count;
    write_example("x.h5");
    char *bytes = slurp("x.h5", &count);
    alarm(60);
    for (size_t i = 0; i < count; i += i < 512 ? 3 : 97) {
        char kept = bytes[i];
        bytes[i] = (char)(kept ^ (1 << i % 8));
        spill("x.h5", bytes, count);
        bytes[i] = kept;
        assert_refused("x.h5", ": ");
    }
    alarm(0);
    free(bytes);
}

static void every_truncation_is_refused(void **state) {
    (void)state;
    size_t count;
    write_example("x.h5");
    char *bytes = slurp("x.h5", &count);
    for (size_t i = 0; i < count; i += 203) {
        spill("x.h5", bytes, i);
        assert_refused("x.h5", "bytes, ");
    }
    spill("x.h5", bytes, count - 1);
    assert_refused("x.h5", "damaged or cut short");
    bytes = realloc(bytes, count + 1);
    bytes[count] = 0;
    spill("x.h5", bytes, count + 1);
    assert_refused("x.h5", "damaged or cut short");
    free(bytes);
}

static void other_files_are_told_apart(void **state) {
    (void)state;
    size_t count;
    write_example("x.h5");
    char *bytes = slurp("x.h5", &count);
    memset(bytes, 'x', count);
    spill("text", bytes, count);
    assert_refused("text", "not a checkpoint");
    assert_int_equal(mkfifo("fifo", 0600), 0);
    assert_refused("fifo", "no regular file");
    assert_refused("missing.h5", "No such file or directory");
    assert_refused(".", "no regular file");
    free(bytes);
}

/* The file as others write it: no block in front. It is the same checkpoint, if it is named. */
static void file_without_a_digest_is_read_by_a_child(void **state) {
    (void)state;
    size_t count;
    Checkpoint written = example(), read;
    char one[DIGEST_TEXT], other[DIGEST_TEXT], path[PATH_MAX];
    uint64_t hashes[3] = {1, 2, UINT64_MAX};
    bool found;
    written.trained = (RowHashes){hashes, 3};
    written.best = numbers(written.parameter_count, 7.0F);
    written.live = numbers(written.parameter_count, 8.0F);
    assert_int_equal(history_add_restart(&written.history, &(Restart){.step = 1, .ranks = 4}),
                     STATUS_OK);
    assert_int_equal(checkpoint_write(&written, "x.h5"), STATUS_OK);
    char *bytes = slurp("x.h5", &count);
    spill("step-00000007.h5", bytes + 512, count - 512);
    assert_int_equal(checkpoint_read(&read, "step-00000007.h5"), STATUS_OK);
    checkpoint_state_digest(one, &written);
    checkpoint_state_digest(other, &read);
    assert_string_equal(one, other);
    assert_true(history_same(&written.history, &read.history));
    assert_memory_equal(&written.progress, &read.progress, sizeof read.progress);
    assert_memory_equal(written.best, read.best, read.parameter_count * sizeof(float));
    assert_int_equal(read.trained.count, 3);
    assert_memory_equal(read.trained.values, hashes, sizeof hashes);
    assert_string_equal(read.config.name, "example");
    assert_string_equal(read.kernels, "kernels");
    assert_string_equal(read.data_fingerprint, written.data_fingerprint);
    assert_int_equal(read.ranks * 10 + read.threads, 82);
    assert_int_equal(config_compare(&written.config, &read.config, "x.h5"), STATUS_OK);
    assert_int_equal(checkpoint_read_newest(&read, &found, path, "."), STATUS_CHECKPOINT);
    status_clear();
    written.trained = (RowHashes){0};
    checkpoint_free(&written);
    checkpoint_free(&read);
    free(bytes);
}

/* What no reader would take is not written, and what stood there stays. */
static void numbers_that_are_not_finite_are_not_written(void **state) {
    (void)state;
    Checkpoint checkpoint = example(), read;
    write_example("x.h5");
    float *const vectors[] = {checkpoint.params, checkpoint.slots[1]};
    for (size_t i = 0; i < 2; i++) {
        vectors[i][5] = i == 0 ? NAN : INFINITY;
        assert_int_equal(checkpoint_write(&checkpoint, "x.h5"), STATUS_CHECKPOINT);
        assert_non_null(strstr(status_message(), "number 5 is not finite"));
        status_clear();
        vectors[i][5] = 0;
    }
    assert_int_equal(count_files(), 1);
    assert_int_equal(checkpoint_read(&read, "x.h5"), STATUS_OK);
    checkpoint_free(&read);
    checkpoint_free(&checkpoint);
}

/* The limit stands in for a full disk, at many stages of the write. A file that stayed open would
 * keep its blocks though it has no name any more. */
static void full_disk_keeps_the_old_checkpoint(void **state) {
    (void)state;
    struct rlimit before, tight;
    size_t count, now;
    write_example("x.h5");
    char *old = slurp("x.h5", &count);
    Checkpoint checkpoint = example(), read;
    checkpoint.progress.step = 999;
    size_t open_files = count_open_files();
    getrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, SIG_IGN);
    for (size_t limit = 0; limit < count; limit += count / 40) {
        tight = before;
        tight.rlim_cur = limit;
        setrlimit(RLIMIT_FSIZE, &tight);
        Status status = checkpoint_write(&checkpoint, "x.h5");
        setrlimit(RLIMIT_FSIZE, &before);
        assert_int_equal(status, STATUS_CHECKPOINT);
        status_clear();
        assert_int_equal(count_files(), 1);
    }
    assert_int_equal(count_open_files(), open_files);
    char *left = slurp("x.h5", &now);
    assert_int_equal(now, count);
    assert_memory_equal(left, old, count);
    assert_int_equal(checkpoint_write(&checkpoint, "x.h5"), STATUS_OK);
    assert_int_equal(checkpoint_read(&read, "x.h5"), STATUS_OK);
    assert_int_equal(read.progress.step, 999);
    checkpoint_free(&read);
    checkpoint_free(&checkpoint);
    free(left);
    free(old);
}

static void step_paths_sort_by_step(void **state) {
    (void)state;
    char path[PATH_MAX];
    checkpoint_step_path(path, "runs/a/checkpoints", 1234);
    assert_string_equal(path, "runs/a/checkpoints/step-00001234.h5");
}

static void newest_whole_one_is_read(void **state) {
    (void)state;
    Checkpoint read;
    char path[PATH_MAX];
    bool found;
    const uint64_t expected[] = {123456789, 20, 3};
    for (size_t i = 0; i < 3; i++) write_step(expected[i]);
    write_example("best.h5");
    spill("step-99999999999.h5.part", "", 0);
    spill("step-00000000000000099.h5", "", 0);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(checkpoint_read_newest(&read, &found, path, "."), STATUS_OK);
        assert_true(found);
        assert_int_equal(read.progress.step, expected[i]);
        assert_string_equal(status_message(), "");
        checkpoint_free(&read);
        damage(path);
    }
    assert_int_equal(checkpoint_read_newest(&read, &found, path, "."), STATUS_CHECKPOINT);
    assert_false(found);
    assert_non_null(strstr(status_message(), "none of its checkpoints can be read"));
}

/* What the call prints on standard error; the caller frees. */
static char *lines_of(Status (*call)(Checkpoint *, bool *, char *, const char *), bool *found,
                      Checkpoint *checkpoint) {
    char path[PATH_MAX];
    size_t count;
    int kept = dup(STDERR_FILENO);
    assert_non_null(freopen("stderr.txt", "w", stderr));
    Status status = call(checkpoint, found, path, ".");
    fflush(stderr);
    dup2(kept, STDERR_FILENO);
    close(kept);
    assert_int_equal(status, STATUS_OK);
    char *text = slurp("stderr.txt", &count);
    text = realloc(text, count + 1);
    text[count] = '\0';
    return text;
}

/* Generation by generation, each with the file's name and what is wrong with it. */
static void what_is_passed_over_is_said(void **state) {
    (void)state;
    Checkpoint read;
    bool found;
    for (uint64_t step = 1; step <= 4; step++) write_step(step);
    damage("step-00000004.h5");
    assert_int_equal(truncate("step-00000003.h5", 1024), 0);
    spill("step-00000002.h5", "", 0);
    log_start(true);
    char *text = lines_of(checkpoint_read_newest, &found, &read);
    assert_true(found);
    assert_int_equal(read.progress.step, 1);
    const char *first =
        strstr(text, "step-00000004.h5: digest does not match (damaged or cut short)"
                     "; passed over");
    const char *second = strstr(text, "step-00000003.h5: has 1024 bytes, not ");
    const char *third = strstr(text, "step-00000002.h5: has 0 bytes, too few");
    if (first == NULL || second == NULL || third == NULL || first > second || second > third)
        fail_msg("the lines are: %s", text);
    checkpoint_free(&read);
    free(text);
}

static void no_step_file_is_no_error(void **state) {
    (void)state;
    Checkpoint read;
    char path[PATH_MAX];
    bool found = true;
    assert_int_equal(checkpoint_read_newest(&read, &found, path, "missing"), STATUS_OK);
    assert_false(found);
    assert_int_equal(checkpoint_read_newest(&read, &found, path, "."), STATUS_OK);
    assert_false(found);
}

static void prune_keeps_the_newest(void **state) {
    (void)state;
    for (uint64_t step = 98; step < 103; step++) write_step(step);
    write_example("best.h5");
    spill("step-notes.h5", "mine", 4);
    checkpoint_prune(".", 3, UINT64_MAX, CHECKPOINT_NONE);
    assert_int_equal(count_files(), 5);
    assert_int_equal(access("step-00000099.h5", F_OK), -1);
    assert_int_equal(access("step-00000100.h5", F_OK), 0);
    assert_int_equal(access("step-00000102.h5", F_OK), 0);
    assert_int_equal(access("step-notes.h5", F_OK), 0);
    assert_int_equal(access("best.h5", F_OK), 0);
    checkpoint_prune(".", 3, UINT64_MAX, CHECKPOINT_NONE);
    checkpoint_prune("missing", 3, UINT64_MAX, CHECKPOINT_NONE);
    assert_int_equal(count_files(), 5);
    assert_string_equal(status_message(), "");
}

/* Later ones were passed over as damaged: they must not push the good ones out. */
static void prune_does_not_count_later_ones(void **state) {
    (void)state;
    for (uint64_t step = 98; step < 103; step++) write_step(step);
    checkpoint_prune(".", 1, 100, CHECKPOINT_NONE);
    assert_int_equal(access("step-00000099.h5", F_OK), -1);
    assert_int_equal(access("step-00000100.h5", F_OK), 0);
    assert_int_equal(access("step-00000102.h5", F_OK), 0);
}

static void prune_spares_the_last_epochs_end(void **state) {
    (void)state;
    for (uint64_t step = 18; step <= 24; step++) write_step(step);
    checkpoint_prune(".", 2, 24, 20);
    assert_int_equal(count_files(), 3);
    assert_int_equal(access("step-00000020.h5", F_OK), 0);
    assert_int_equal(access("step-00000023.h5", F_OK), 0);
    checkpoint_prune(".", 2, 24, 19);
    assert_int_equal(count_files(), 2);
}

static void write_epoch_end(uint64_t step, uint64_t epoch_step) {
    char path[PATH_MAX];
    Checkpoint checkpoint = example();
    checkpoint.progress.step = step;
    checkpoint.progress.epoch_step = epoch_step;
    checkpoint_step_path(path, ".", step);
    assert_int_equal(checkpoint_write(&checkpoint, path), STATUS_OK);
    checkpoint_free(&checkpoint);
}

static void expect_epoch_end(uint64_t expected, uint64_t most) {
    Checkpoint read;
    char path[PATH_MAX];
    bool found;
    assert_int_equal(checkpoint_read_epoch_end(&read, &found, path, ".", 10, most), STATUS_OK);
    assert_true(found);
    assert_int_equal(read.progress.step, expected);
    assert_string_equal(status_message(), "");
    checkpoint_free(&read);
}

static void the_newest_of_an_epochs_end_is_read(void **state) {
    (void)state;
    Checkpoint read;
    char path[PATH_MAX];
    bool found = true;
    write_step(24);
    write_epoch_end(40, 10);
    assert_int_equal(checkpoint_read_epoch_end(&read, &found, path, ".", 10, 99), STATUS_OK);
    assert_false(found);
    for (uint64_t step = 0; step <= 30; step += 10) write_epoch_end(step, 0);
    expect_epoch_end(30, 99);
    expect_epoch_end(20, 24);
    damage("step-00000020.h5");
    expect_epoch_end(10, 24);
    expect_epoch_end(0, 9);
    for (uint64_t step = 0; step <= 10; step += 10) {
        checkpoint_step_path(path, ".", step);
        damage(path);
    }
    assert_int_equal(checkpoint_read_epoch_end(&read, &found, path, ".", 10, 24),
                     STATUS_CHECKPOINT);
    assert_false(found);
}

static void later_step_files_are_removed(void **state) {
    (void)state;
    for (uint64_t step = 98; step < 103; step++) write_step(step);
    write_example("best.h5");
    checkpoint_remove_later(".", 100);
    assert_int_equal(count_files(), 4);
    assert_int_equal(access("step-00000100.h5", F_OK), 0);
    assert_int_equal(access("step-00000101.h5", F_OK), -1);
    checkpoint_remove_later("missing", 0);
    assert_string_equal(status_message(), "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_written_is_read, enter, leave_folder),
        cmocka_unit_test_setup_teardown(best_parameters_are_kept_beside_the_live_ones, enter,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(live_parameters_are_kept_beside_their_average, enter,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(hashes_of_training_rows_are_kept, enter, leave_folder),
        cmocka_unit_test_setup_teardown(optimizers_without_state_are_read, enter, leave_folder),
        cmocka_unit_test_setup_teardown(digest_is_of_the_state, enter, leave_folder),
        cmocka_unit_test_setup_teardown(every_flipped_byte_is_refused, enter, leave_folder),
        cmocka_unit_test_setup_teardown(every_truncation_is_refused, enter, leave_folder),
        cmocka_unit_test_setup_teardown(other_files_are_told_apart, enter, leave_folder),
        cmocka_unit_test_setup_teardown(file_without_a_digest_is_read_by_a_child, enter,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(numbers_that_are_not_finite_are_not_written, enter,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(full_disk_keeps_the_old_checkpoint, enter, leave_folder),
        cmocka_unit_test_setup_teardown(step_paths_sort_by_step, enter, leave_folder),
        cmocka_unit_test_setup_teardown(newest_whole_one_is_read, enter, leave_folder),
        cmocka_unit_test_setup_teardown(what_is_passed_over_is_said, enter, leave_folder),
        cmocka_unit_test_setup_teardown(no_step_file_is_no_error, enter, leave_folder),
        cmocka_unit_test_setup_teardown(prune_keeps_the_newest, enter, leave_folder),
        cmocka_unit_test_setup_teardown(prune_does_not_count_later_ones, enter, leave_folder),
        cmocka_unit_test_setup_teardown(prune_spares_the_last_epochs_end, enter, leave_folder),
        cmocka_unit_test_setup_teardown(the_newest_of_an_epochs_end_is_read, enter, leave_folder),
        cmocka_unit_test_setup_teardown(later_step_files_are_removed, enter, leave_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
