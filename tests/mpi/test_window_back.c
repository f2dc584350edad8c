/* The window, sent back while a rank has read ahead into the slot of a block that is asked for
 * again.
 *
 * Two blocks, of which the second is short, in three slots: at the end of an epoch that ends in the
 * short one, the rank that comes late finds the slot of the epoch's first block free and reads the
 * next epoch's second block into it. Of blocks of different lengths it has another share. */
#include "windows.h"

enum { ROWS = SAMPLER_BLOCK + 4464, SLOTS_MB = 160, STEP = 4096, MOST_EPOCHS = 64 };

static int set_up(void **state) {
    (void)state;
    return load_twice(ROWS, 0, 0, SLOTS_MB);
}

static bool ends_short(uint32_t epoch) {
    return sampler_block(&sampler, epoch, 1).rows < SAMPLER_BLOCK;
}

static void wait_for_readers(void) {
    nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
}

/* Whether a step's rows are those that memory holds. */
static bool shows_step(Window *window, uint32_t epoch, uint64_t begin) {
    const uint64_t end = begin + STEP < sampler.count ? begin + STEP : sampler.count;
    const BlockWindow *view = window_view(window);
    bool good = window_hold(window, epoch, begin, end);
    for (uint64_t at = begin; good && at < end; at++) {
        const SamplerPlace place = sampler_place(&sampler, epoch, at);
        const uint64_t slot = sampler_sequence(&sampler, epoch, place.place) % view->slots;
        const uint32_t row = whole.split.train[place.block * SAMPLER_BLOCK + place.within];
        good = memcmp(view->images + (slot * view->slot_rows + place.within) * DIGIT_PIXELS,
                      whole.dataset.train_images + (size_t)row * DIGIT_PIXELS, DIGIT_PIXELS) == 0;
    }
    return good;
}

/* Whether the epoch is shown as it is after its end was seen, by the last rank after the others. */
static bool shows_again(Window *window, uint32_t epoch) {
    bool good = true;
    for (int i = 0; i < 4; i++) { /* each call may begin to read another block */
        good = good && window_hold(window, epoch, 0, 1);
        wait_for_readers();
    }
    comm_barrier(comm);
    if (comm_rank(comm) == comm_size(comm) - 1) wait_for_readers();
    good = good && window_hold(window, epoch, sampler.count - 1, sampler.count);
    wait_for_readers();
    comm_barrier(comm);
    for (uint64_t begin = 0; begin < sampler.count; begin += STEP)
        good = shows_step(window, epoch, begin) && good;
    return good;
}

static void going_back_trusts_no_slot(void **state) {
    (void)state;
    const DataOptions options = window_options(SLOTS_MB);
    uint32_t epoch = 0;
    while (epoch < MOST_EPOCHS && !(ends_short(epoch) && ends_short(epoch + 1))) epoch++;
    assert_true(epoch < MOST_EPOCHS);
    Window *window = NULL;
    assert_on_all_ranks(window_new(&window, &labels, &options, &sampler, STEP) == STATUS_OK);
    assert_int_equal(window_view(window)->slots, 3);
    assert_on_all_ranks(shows_again(window, epoch));
    comm_barrier(comm);
    window_destroy(window);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(going_back_trusts_no_slot),
};

RUN_ON_RANKS(tests, set_up, tear_down)
