/* Averages of weights against their sums written out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "mnist_dist/train/average.h"

enum { STEPS = 20, STEPS_PER_EPOCH = 4, COUNT = 37 };

/* cmocka's own comparison is in float. */
static void assert_close(double got, double expected) {
    assert_true(fabs(got - expected) <= 1e-6);
}

static float weight_of(uint64_t step, size_t i) {
    return (float)sin((double)step * 1.3 + (double)i);
}

/* The average after so many steps. */
static void run(float average[COUNT], const AverageOptions *options, uint64_t steps) {
    float params[COUNT];
    memset(average, 0, COUNT * sizeof *average);
    for (uint64_t step = 1; step <= steps; step++) {
        for (size_t i = 0; i < COUNT; i++) params[i] = weight_of(step, i);
        double share = average_share(options, step, STEPS_PER_EPOCH);
        if (share > 0.0) average_add(average, params, COUNT, share);
    }
}

static void swa_is_the_mean_of_what_it_took_in(void **state) {
    (void)state;
    const AverageOptions options = {AVERAGE_SWA, 0.9, 1.5, 3, 0, 1}; /* 9, 12, 15, 18 */
    float average[COUNT];
    run(average, &options, STEPS);
    for (size_t i = 0; i < COUNT; i++) {
        double sum = 0.0;
        for (uint64_t step = 9; step <= 18; step += 3) sum += (double)weight_of(step, i);
        assert_close(average[i], sum / 4);
    }
}

static void ema_forgets_by_its_decay(void **state) {
    (void)state;
    const AverageOptions options = {AVERAGE_EMA, 0.8, 2.0, 1, 0, 1}; /* 9, 10, 11 ... */
    float average[COUNT];
    run(average, &options, 12);
    for (size_t i = 0; i < COUNT; i++) {
        double w[4];
        for (uint64_t k = 0; k < 4; k++) w[k] = (double)weight_of(9 + k, i);
        assert_close(average[i], 0.512 * w[0] + 0.2 * (0.64 * w[1] + 0.8 * w[2] + w[3]));
    }
}

static void the_first_weights_are_the_average_to_the_bit(void **state) {
    (void)state;
    const AverageOptions options = {AVERAGE_EMA, 0.8, 2.0, 1, 0, 1};
    float average[COUNT];
    run(average, &options, 9);
    for (size_t i = 0; i < COUNT; i++) assert_true(average[i] == weight_of(9, i));
}

static void it_exists_from_the_first_weights_on(void **state) {
    (void)state;
    const AverageOptions swa = {AVERAGE_SWA, 0.9, 1.5, 3, 0, 1},
                         none = {AVERAGE_NONE, 0.9, 0.0, 1, 0, 1};
    const AverageOptions all = {AVERAGE_EMA, 0.9, 0.0, 1, 0, 1};
    for (uint64_t step = 0; step < STEPS; step++) {
        assert_int_equal(average_exists(&swa, step, STEPS_PER_EPOCH), step >= 9);
        assert_int_equal(average_exists(&all, step, STEPS_PER_EPOCH), step >= 1);
        assert_false(average_exists(&none, step, STEPS_PER_EPOCH));
        assert_true(average_share(&none, step, STEPS_PER_EPOCH) == 0.0);
    }
}

static void halves_move_like_the_whole(void **state) {
    (void)state;
    float whole[COUNT], cut[COUNT], params[COUNT];
    for (size_t at = 0; at <= COUNT; at++) {
        for (size_t i = 0; i < COUNT; i++) {
            whole[i] = cut[i] = weight_of(1, i);
            params[i] = weight_of(2, i);
        }
        average_add(whole, params, COUNT, 0.3);
        average_add(cut, params, at, 0.3);
        average_add(cut + at, params + at, COUNT - at, 0.3);
        assert_memory_equal(cut, whole, sizeof whole);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(swa_is_the_mean_of_what_it_took_in),
        cmocka_unit_test(ema_forgets_by_its_decay),
        cmocka_unit_test(the_first_weights_are_the_average_to_the_bit),
        cmocka_unit_test(it_exists_from_the_first_weights_on),
        cmocka_unit_test(halves_move_like_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
