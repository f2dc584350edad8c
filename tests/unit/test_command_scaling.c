/* What `bench scaling` foresees: the exchanges that a step is made of, and times added up by hand.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "command/scaling_model.h"

static void expect_near(double value, double expected) {
    if (fabs(value - expected) > 1e-9 * fabs(expected))
        fail_msg("%.12g, not %.12g", value, expected);
}

static void curves_are_linear_between_points_and_beyond(void **state) {
    const ScalingCurve curve = {3, {10, 20, 40}, {1, 3, 4}};
    (void)state;
    expect_near(scaling_curve(&curve, 10), 1);
    expect_near(scaling_curve(&curve, 15), 2);
    expect_near(scaling_curve(&curve, 30), 3.5);
    expect_near(scaling_curve(&curve, 80), 6);
    expect_near(scaling_curve(&curve, 6), 0.2);
    assert_true(scaling_curve(&curve, 1) == 0.0); /* no time is negative */
}

static void an_exchange_is_a_first_message_and_further_ones(void **state) {
    const ScalingNetwork network = {{2, {0, 1000}, {1e-4, 2e-4}}, 1e-5, 1e-7};
    (void)state;
    expect_near(scaling_exchange(&network, 1, 500), 1.5e-4);
    expect_near(scaling_exchange(&network, 4, 500), 1.5e-4 + 3 * (1e-5 + 5e-5));
    assert_true(scaling_exchange(&network, 0, 500) == 0.0);
}

/* 4,096,000 floats are 1,000 blocks: 16,384,000 bytes, and 8,000 of squares. */
static const ScalingCase FOUR = {
    .floats = 4096000, .report_bytes = 100, .ranks = 4, .shards = 8, .batch = 80, .crowding = 2};

static void a_step_has_three_exchanges(void **state) {
    ScalingStage stages[SCALING_STAGES];
    ScalingCase what = FOUR;
    (void)state;
    assert_int_equal(scaling_stages(stages, &what), 3);
    for (int i = 0; i < 3; i++) assert_int_equal(stages[i].messages, 3);
    expect_near(stages[0].bytes, 4096000);
    expect_near(stages[1].bytes, (8000 + 800) / 4.0);
    expect_near(stages[2].bytes, 4096000);
    what.ranks = 1;
    assert_int_equal(scaling_stages(stages, &what), 0);
}

/* 4,096 are 64 times 64: a node speaks with 63 of its part, then with 63 of the other parts. */
static void many_nodes_exchange_in_stages(void **state) {
    ScalingStage stages[SCALING_STAGES];
    ScalingCase what = FOUR;
    (void)state;
    what.ranks = 4096;
    assert_int_equal(scaling_stages(stages, &what), 6);
    for (int i = 0; i < 6; i++) assert_int_equal(stages[i].messages, 63);
    expect_near(stages[0].bytes, 16384000 / 64.0);
    expect_near(stages[1].bytes, 16384000 / 4096.0);
    what.ranks = 128;
    assert_int_equal(scaling_stages(stages, &what), 6);
    assert_int_equal(stages[1].messages, 1);
}

static void a_step_adds_up(void **state) {
    const ScalingWork work = {{2, {0, 10}, {0, 0.01}}, 1e-9, 2e-9};
    const ScalingNetwork network = {{2, {0, 1e6}, {1e-3, 2e-3}}, 0, 1e-9};
    (void)state;
    ScalingTime time = scaling_step(&work, &network, &FOUR);
    /* Two shards of ten samples; one gradient added to another; three slices added to one. */
    double own = 2 * 0.01 + 1e-9 * (4096000 + 3 * 1024000) + 2e-9 * 1024000;
    double vector = 1e-3 + 4.096e-3 + 2 * 4.096e-3, squares = 1e-3 + 2.2e-6 + 2 * 2.2e-6;
    expect_near(time.own, 2 * own);
    expect_near(time.network, 2 * vector + squares);
    expect_near(time.step, time.own + time.network);
}

static void at_the_balance_the_network_takes_half(void **state) {
    const ScalingWork work = {{2, {0, 10}, {0, 0.01}}, 1e-9, 2e-9};
    const ScalingNetwork network = {{2, {0, 1e6}, {1e-2, 2e-2}}, 0, 1e-9};
    ScalingCase what = FOUR;
    (void)state;
    what.batch = scaling_balance(&work, &network, &what);
    ScalingTime time = scaling_step(&work, &network, &what);
    expect_near(time.own, time.network);
    assert_true(what.batch > 1.0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(curves_are_linear_between_points_and_beyond),
        cmocka_unit_test(an_exchange_is_a_first_message_and_further_ones),
        cmocka_unit_test(a_step_has_three_exchanges),
        cmocka_unit_test(many_nodes_exchange_in_stages),
        cmocka_unit_test(a_step_adds_up),
        cmocka_unit_test(at_the_balance_the_network_takes_half),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
