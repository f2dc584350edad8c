/* Learning rates at points computed by hand, and a plateau run through a made-up training. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "mnist_dist/train/schedule.h"

enum { PER_EPOCH = 10, TOTAL = 101 };

static const Plateau FRESH = {.best = -1.0};

/* cmocka's own comparison is in float. */
static void assert_close(double got, double expected, double tolerance) {
    assert_true(fabs(got - expected) <= tolerance);
}

static double rate_at(const ScheduleOptions *options, uint64_t step) {
    const ScheduleWhere where = {step, PER_EPOCH, TOTAL};
    return schedule_rate(options, 0.8, &where, &FRESH);
}

static void assert_rate(const ScheduleOptions *options, uint64_t step, double expected) {
    assert_close(rate_at(options, step), expected, 1e-12);
}

static void constant_stays(void **state) {
    (void)state;
    const ScheduleOptions options = {.kind = SCHEDULE_CONSTANT, .min_rate = 2.0};
    assert_rate(&options, 0, 0.8);
    assert_rate(&options, TOTAL - 1, 0.8);
}

static void step_falls_every_few_epochs_down_to_the_least(void **state) {
    (void)state;
    const ScheduleOptions options = {
        .kind = SCHEDULE_STEP, .factor = 0.5, .every_epochs = 2, .min_rate = 0.15};
    assert_rate(&options, 0, 0.8);
    assert_rate(&options, 19, 0.8);
    assert_rate(&options, 20, 0.4);
    assert_rate(&options, 40, 0.2);
    assert_rate(&options, 60, 0.15);
}

static void cosine_falls_to_the_least_at_the_last_step(void **state) {
    (void)state;
    const ScheduleOptions options = {.kind = SCHEDULE_COSINE, .min_rate = 0.2};
    assert_rate(&options, 0, 0.8);
    assert_rate(&options, 25, 0.5 + 0.3 * 0.70710678118654752);
    assert_rate(&options, 50, 0.5);
    assert_rate(&options, 100, 0.2);
    assert_rate(&options, 500, 0.2);
}

static void warm_up_rises_to_the_full_rate(void **state) {
    (void)state;
    const ScheduleOptions constant = {.kind = SCHEDULE_CONSTANT, .warmup_epochs = 0.4};
    assert_rate(&constant, 0, 0.2);
    assert_rate(&constant, 2, 0.6);
    assert_rate(&constant, 3, 0.8);
    assert_rate(&constant, 4, 0.8);
    const ScheduleOptions cosine = {.kind = SCHEDULE_COSINE, .min_rate = 0.2, .warmup_epochs = 2.0};
    assert_rate(&cosine, 0, 0.04);
    assert_rate(&cosine, 19, 0.8);
    assert_rate(&cosine, 20, 0.8);
    assert_rate(&cosine, 60, 0.5);
    assert_rate(&cosine, 100, 0.2);
    const ScheduleOptions step = {
        .kind = SCHEDULE_STEP, .factor = 0.5, .every_epochs = 1, .warmup_epochs = 2.0};
    assert_rate(&step, 9, 0.4);
    assert_rate(&step, 14, 0.4 * 15 / 20);
    const ScheduleOptions plateau = {.kind = SCHEDULE_PLATEAU, .warmup_epochs = 1.0};
    assert_rate(&plateau, 4, 0.4);
    assert_rate(&plateau, 9, 0.8);
}

static void one_cycle_rises_and_falls(void **state) {
    (void)state;
    const ScheduleOptions options = {.kind = SCHEDULE_ONE_CYCLE,
                                     .warmup_epochs = 2.1,
                                     .start_divisor = 8.0,
                                     .final_divisor = 100.0};
    assert_rate(&options, 0, 0.1);
    assert_rate(&options, 10, 0.45);
    assert_rate(&options, 20, 0.8);
    assert_rate(&options, 60, (0.8 + 0.001) / 2);
    assert_rate(&options, 100, 0.001);
    assert_rate(&options, 500, 0.001);
}

static void one_cycle_without_a_rise_starts_at_its_peak(void **state) {
    (void)state;
    const ScheduleOptions options = {
        .kind = SCHEDULE_ONE_CYCLE, .start_divisor = 8.0, .final_divisor = 100.0};
    assert_rate(&options, 0, 0.8);
    assert_rate(&options, 100, 0.001);
}

static void a_linear_fall_is_a_line(void **state) {
    (void)state;
    const ScheduleOptions cycle = {.kind = SCHEDULE_ONE_CYCLE,
                                   .warmup_epochs = 2.1,
                                   .start_divisor = 8.0,
                                   .final_divisor = 100.0,
                                   .fall = FALL_LINEAR};
    const ScheduleOptions plain = {.kind = SCHEDULE_COSINE, .min_rate = 0.2, .fall = FALL_LINEAR};
    assert_rate(&cycle, 10, 0.45);
    assert_rate(&cycle, 20, 0.8);
    assert_rate(&cycle, 40, 0.8 - 0.799 / 4);
    assert_rate(&cycle, 100, 0.001);
    assert_rate(&plain, 0, 0.8);
    assert_rate(&plain, 25, 0.65);
    assert_rate(&plain, 100, 0.2);
}

static void a_run_of_one_step_takes_the_full_rate(void **state) {
    (void)state;
    const ScheduleWhere where = {0, 1, 1};
    const ScheduleOptions cosine = {.kind = SCHEDULE_COSINE};
    const ScheduleOptions cycle = {
        .kind = SCHEDULE_ONE_CYCLE, .start_divisor = 8.0, .final_divisor = 100.0};
    assert_close(schedule_rate(&cosine, 0.8, &where, &FRESH), 0.8, 1e-12);
    assert_close(schedule_rate(&cycle, 0.8, &where, &FRESH), 0.8, 1e-12);
}

/* Validation accuracies and the rate after each: patience 2, factor .5, delta .01, least .15. */
static const struct {
    double accuracy, rate;
    bool fell;
} STORY[] = {
    {0.000, 0.8, false},  /* better than nothing */
    {0.900, 0.8, false},  /* better */
    {0.905, 0.8, false},  /* better by less than delta: wait 1 */
    {0.909, 0.4, true},   /* wait 2, since the best is still .900 */
    {0.911, 0.4, false},  /* better than .900 by more than delta */
    {0.911, 0.4, false},  /* wait 1 */
    {0.500, 0.2, true},   /* wait 2 */
    {0.500, 0.2, false},  /* wait 1 again: a fall starts it anew, and there is no cooldown */
    {0.950, 0.2, false},  /* better */
    {0.940, 0.2, false},  /* wait 1 */
    {0.940, 0.15, true},  /* wait 2: not below the least */
    {0.940, 0.15, false}, /* wait 1 */
    {0.940, 0.15, false}, /* wait 2: already there, so nothing falls */
    {0.940, 0.15, false},
};

enum { EPOCHS = sizeof STORY / sizeof STORY[0] };

static const ScheduleOptions PATIENT = {
    .kind = SCHEDULE_PLATEAU, .factor = 0.5, .patience = 2, .min_delta = 0.01, .min_rate = 0.15};

static void follow_story(Plateau *plateau, int first, int end) {
    const ScheduleWhere where = {0, PER_EPOCH, TOTAL};
    for (int i = first; i < end; i++) {
        assert_int_equal(schedule_epoch_end(&PATIENT, 0.8, plateau, STORY[i].accuracy),
                         STORY[i].fell);
        assert_close(schedule_rate(&PATIENT, 0.8, &where, plateau), STORY[i].rate, 1e-12);
    }
}

static void plateau_halves_when_patience_ends(void **state) {
    (void)state;
    Plateau plateau = FRESH;
    follow_story(&plateau, 0, EPOCHS);
}

static void plateau_with_a_rate_written_in_goes_on_from_it(void **state) {
    (void)state;
    Plateau plateau = {.rate = 0.8, .best = -1.0};
    follow_story(&plateau, 0, EPOCHS);
}

static void a_copied_plateau_continues_the_same(void **state) {
    (void)state;
    for (int cut = 0; cut <= EPOCHS; cut++) {
        Plateau plateau = FRESH;
        follow_story(&plateau, 0, cut);
        Plateau copy = plateau;
        follow_story(&copy, cut, EPOCHS);
    }
}

static void other_schedules_take_no_notice_of_accuracy(void **state) {
    (void)state;
    for (int kind = SCHEDULE_CONSTANT; kind <= SCHEDULE_ONE_CYCLE; kind++) {
        ScheduleOptions options = PATIENT;
        Plateau plateau = FRESH;
        options.kind = kind;
        for (int i = 0; i < 5; i++) assert_false(schedule_epoch_end(&options, 0.8, &plateau, 0.5));
        assert_memory_equal(&plateau, &FRESH, sizeof plateau);
    }
}

static void kinds_have_names_up_to_the_last(void **state) {
    (void)state;
    assert_string_equal(SCHEDULE_NAMES[SCHEDULE_PLATEAU], "plateau");
    assert_string_equal(SCHEDULE_NAMES[SCHEDULE_ONE_CYCLE], "one_cycle");
    assert_null(SCHEDULE_NAMES[SCHEDULE_ONE_CYCLE + 1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constant_stays),
        cmocka_unit_test(step_falls_every_few_epochs_down_to_the_least),
        cmocka_unit_test(cosine_falls_to_the_least_at_the_last_step),
        cmocka_unit_test(warm_up_rises_to_the_full_rate),
        cmocka_unit_test(one_cycle_rises_and_falls),
        cmocka_unit_test(one_cycle_without_a_rise_starts_at_its_peak),
        cmocka_unit_test(a_linear_fall_is_a_line),
        cmocka_unit_test(a_run_of_one_step_takes_the_full_rate),
        cmocka_unit_test(plateau_halves_when_patience_ends),
        cmocka_unit_test(plateau_with_a_rate_written_in_goes_on_from_it),
        cmocka_unit_test(a_copied_plateau_continues_the_same),
        cmocka_unit_test(other_schedules_take_no_notice_of_accuracy),
        cmocka_unit_test(kinds_have_names_up_to_the_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
