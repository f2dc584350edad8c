/* The window shows the rows that memory would hold, to ranks that drift apart, and says what cannot
 * be read. */
#include "windows.h"

#include <fcntl.h>

#include "mnist_dist/base/rng.h"

enum { ROWS = 3000, STEP = 130 };

static int set_up(void **state) {
    (void)state;
    return load_twice(ROWS, 10, 2, 5);
}

/* **Collective.** Two slots, of the only block there is. */
static Window *new_window(void) {
    Window *window = NULL;
    const DataOptions options = window_options(5);
    assert_on_all_ranks(window_new(&window, &labels, &options, &sampler, STEP) == STATUS_OK);
    return window;
}

static void dawdle(uint32_t step) {
    const RngStream stream = {.seed = 8, .time = step, .sample = (uint32_t)comm_rank(comm)};
    uint32_t words[4];
    rng_words(words, &stream, 0);
    const struct timespec time = {.tv_nsec = words[0] % 4 == 0 ? words[1] % 2000000 : 0};
    nanosleep(&time, NULL);
}

/* Whether a step's samples are the same both ways, looked at some time after they were there. */
static bool shows_step(Window *window, uint32_t epoch, uint64_t begin) {
    const uint64_t end = begin + STEP < sampler.count ? begin + STEP : sampler.count;
    BatchSource source = {&whole.dataset, &whole.split, NULL, sampler, {.mixup = 1.0}, 0.0};
    Batch expected, seen;
    if (batch_new(&expected, STEP) != STATUS_OK || batch_new(&seen, STEP) != STATUS_OK)
        return false;
    bool good = window_hold(window, epoch, begin, end);
    dawdle((uint32_t)(begin + epoch));
    batch_fill_training(&expected, &source, epoch, begin, end - begin);
    source.dataset = &labels.dataset;
    source.split = &labels.split;
    source.window = window_view(window);
    batch_fill_training(&seen, &source, epoch, begin, end - begin);
    good =
        good &&
        memcmp(expected.images, seen.images, (end - begin) * DIGIT_PIXELS * sizeof(float)) == 0 &&
        memcmp(expected.ids, seen.ids, (end - begin) * sizeof *seen.ids) == 0 &&
        memcmp(expected.labels, seen.labels, end - begin) == 0;
    batch_destroy(&expected);
    batch_destroy(&seen);
    return good;
}

static void rows_are_those_that_memory_holds(void **state) {
    (void)state;
    Window *window = new_window();
    bool good = true;
    for (uint32_t epoch = 0; epoch < 6; epoch++)
        for (uint64_t begin = 0; begin < sampler.count; begin += STEP)
            good = good && shows_step(window, epoch, begin);
    assert_on_all_ranks(good);
    for (uint32_t epoch = 2; epoch < 5; epoch++) good = good && shows_step(window, epoch, 700);
    good = good && shows_step(window, 3, 0) && shows_step(window, 0, 0);
    assert_on_all_ranks(good);
    assert_on_all_ranks(window_failure(window) == STATUS_OK);
    comm_barrier(comm);
    window_destroy(window);
}

static void hashes_are_of_all_rows_once(void **state) {
    (void)state;
    Window *window = new_window();
    RowHashes all, read = {0};
    bool good = true;
    for (uint32_t epoch = 0; epoch < 3; epoch++) good = good && window_hold(window, epoch, 0, 1);
    comm_barrier(comm);
    good = good && window_add_hashes(&read, window) == STATUS_OK &&
           row_hashes_new(&all, whole.dataset.train_images, whole.split.train, sampler.count) ==
               STATUS_OK;
    assert_on_all_ranks(good);
    assert_on_all_ranks(read.count == all.count &&
                        memcmp(read.values, all.values, all.count * sizeof *all.values) == 0);
    row_hashes_free(&read);
    row_hashes_free(&all);
    comm_barrier(comm);
    window_destroy(window);
}

static void too_little_memory_is_refused(void **state) {
    (void)state;
    Window *window = NULL;
    const DataOptions options = window_options(3);
    assert_on_all_ranks(window_new(&window, &labels, &options, &sampler, STEP) == STATUS_USAGE);
    assert_on_all_ranks(strstr(status_message(), "give data.window=5 or more") != NULL);
    assert_on_all_ranks(window == NULL);
    status_clear();
}

/* Turns a byte in the middle of the file over. */
static bool flip(void) {
    uint8_t byte = 0;
    int file = open(h5, O_RDWR);
    const off_t middle = lseek(file, 0, SEEK_END) / 2;
    bool good = pread(file, &byte, 1, middle) == 1;
    byte ^= 1;
    good = good && pwrite(file, &byte, 1, middle) == 1;
    return close(file) == 0 && good;
}

static void what_cannot_be_read_is_told_by_who_cannot(void **state) {
    (void)state;
    Window *window = new_window();
    assert_on_all_ranks(comm_rank(comm) != 0 || flip());
    assert_on_all_ranks(!window_hold(window, 0, 0, STEP));
    Status status = comm_agree(comm, window_failure(window));
    assert_on_all_ranks(status == STATUS_DATA);
    assert_on_all_ranks(strstr(status_message(), "/train are not what was written") != NULL);
    status_clear();
    comm_barrier(comm);
    window_destroy(window);
    assert_on_all_ranks(comm_rank(comm) != 0 || flip());
}

/* Block 5 cannot be read; of an earlier one, asked for afterwards, it is found out anew. */
static void going_back_tries_again_what_failed(void **state) {
    (void)state;
    Window *window = new_window();
    assert_on_all_ranks(comm_rank(comm) != 0 || flip());
    assert_on_all_ranks(!window_hold(window, 5, 0, STEP));
    assert_on_all_ranks(comm_agree(comm, window_failure(window)) == STATUS_DATA);
    status_clear();
    assert_on_all_ranks(!window_hold(window, 2, 0, STEP));
    assert_on_all_ranks(comm_agree(comm, window_failure(window)) == STATUS_DATA);
    status_clear();
    comm_barrier(comm);
    window_destroy(window);
    assert_on_all_ranks(comm_rank(comm) != 0 || flip());
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(rows_are_those_that_memory_holds),
    cmocka_unit_test(hashes_are_of_all_rows_once),
    cmocka_unit_test(too_little_memory_is_refused),
    cmocka_unit_test(what_cannot_be_read_is_told_by_who_cannot),
    cmocka_unit_test(going_back_tries_again_what_failed),
};

RUN_ON_RANKS(tests, set_up, tear_down)
