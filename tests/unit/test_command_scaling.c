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
    const ScalingExchange exchange = {{2, {0, 1000}, {1e-4, 2e-4}}, 1e-5, 1e-7};
    (void)state;
    expect_near(scaling_exchange(&exchange, 1, 500), 1.5e-4);
    expect_near(scaling_exchange(&exchange, 4, 500), 1.5e-4 + 3 * (1e-5 + 5e-5));
    assert_true(scaling_exchange(&exchange, 0, 500) == 0.0);
}

/* 32 blocks of 4,096 floats, all at once. */
static const ScalingCase FOUR = {.floats = 131072,
                                 .report_bytes = 100,
                                 .gradient_bytes = 4,
                                 .nodes = 4,
                                 .members = 1,
                                 .shards = 8,
                                 .batch = 80,
                                 .crowding = 2};

/* A shard of ten samples takes 10 ms; a message of b bytes 1 ms and 1 ns a byte. */
static const ScalingWork WORK = {
    {2, {0, 10}, {0, 0.01}}, 0, 0, {{0, 65536, 0.1, 0.9}, {65536, 131072, 0.4, 0.5}}, 2};
static const ScalingNetwork NETWORK = {{{2, {0, 1e6}, {1e-3, 2e-3}}, 0, 1e-9},
                                       {{1, {0}, {0}}, 0, 0}};

static void nodes_meet_in_levels(void **state) {
    size_t messages[SCALING_LEVELS];
    double bytes[SCALING_LEVELS];
    ScalingCase what = FOUR;
    (void)state;
    assert_int_equal(scaling_levels(messages, bytes, &what, 4000), 1);
    assert_int_equal(messages[0], 3);
    expect_near(bytes[0], 1000);
    what.nodes = 4096; /* 64 times 64 */
    assert_int_equal(scaling_levels(messages, bytes, &what, 4096), 2);
    assert_int_equal(messages[0], 63);
    assert_int_equal(messages[1], 63);
    expect_near(bytes[0], 64);
    expect_near(bytes[1], 1);
    what.nodes = 1;
    assert_int_equal(scaling_levels(messages, bytes, &what, 4096), 0);
}

/* 2 B (N - 1) messages for B buckets, and (N - 1) / N of the vector twice. */
static void traffic_is_that_of_the_plan(void **state) {
    ScalingCase what = FOUR;
    (void)state;
    ScalingTraffic traffic = scaling_traffic(&what);
    expect_near(traffic.messages, 2 * 1 * 3);
    expect_near(traffic.bytes, 131072 * 0.75 * (4 + 4));
    what.bucket_bytes = 131072; /* 32,768 floats: buckets of 4,096, 8,192, 16,384, 32,768 ... */
    what.gradient_bytes = 2;
    traffic = scaling_traffic(&what);
    expect_near(traffic.messages, 2 * 7 * 3);
    expect_near(traffic.bytes, 131072 * 0.75 * (2 + 4));
}

static void what_does_not_overlap_is_waited_for(void **state) {
    ScalingCase what = FOUR;
    (void)state;
    ScalingTime time = scaling_step(&WORK, &NETWORK, &what);
    /* Two shards a rank, each twice as slow; 131,072 bytes to each of three nodes, twice; and two
     * rounds of 32 squares and 8 reports. */
    double way = 1e-3 + 131072e-9 + 2 * 131072e-9, share = 2 * (1e-3 + 1056e-9);
    expect_near(time.own, 2 * 2 * 0.01);
    expect_near(time.exposed, 2 * way + share);
    expect_near(time.step, time.own + time.exposed);
    what.nodes = 1;
    time = scaling_step(&WORK, &NETWORK, &what);
    assert_true(time.exposed == 0.0 && time.network == 0.0);
    expect_near(time.step, 2 * 8 * 0.01);
}

/* A network that sends a bucket in no time but the first byte's latency hides all of it but what
 * the layer that is ready last leaves, 2 of 20 ms, and what the first one needs at once. */
static void what_overlaps_is_hidden_by_the_work(void **state) {
    ScalingCase what = FOUR;
    ScalingNetwork network = {{{1, {0}, {3e-3}}, 0, 0}, {{1, {0}, {0}}, 0, 0}};
    (void)state;
    what.overlaps = true;
    what.bucket_bytes = 262144; /* 65,536 floats: the first layer's are in all but the last */
    ScalingTime time = scaling_step(&WORK, &network, &what);
    /* Ready at 18 of 20 ms, there 3 ms later; needed 2 ms after the gathering began. */
    expect_near(time.exposed, 1e-3 + 1e-3 + 2 * 3e-3);
    what.crowding = 4;
    time = scaling_step(&WORK, &network, &what);
    expect_near(time.exposed, 2 * 3e-3);
    what.overlaps = false;
    time = scaling_step(&WORK, &network, &what);
    expect_near(time.exposed, 4 * 3e-3);
}

static void messages_take_processors_from_what_hides_them(void **state) {
    ScalingCase what = FOUR;
    ScalingNetwork network = {{{1, {0}, {1e-6}}, 1e-6, 0}, {{1, {0}, {1e-3}}, 1e-3, 0}};
    (void)state;
    what.overlaps = true;
    double without = scaling_step(&WORK, &NETWORK, &what).own;
    ScalingTime time = scaling_step(&WORK, &network, &what);
    assert_true(time.own > without + 1e-3);
    assert_true(time.own <= without + what.crowding * 2 * 3e-3 + 1e-9);
}

static void at_the_balance_the_network_takes_as_long(void **state) {
    ScalingCase what = FOUR;
    (void)state;
    what.batch = scaling_balance(&WORK, &NETWORK, &what);
    ScalingTime time = scaling_step(&WORK, &NETWORK, &what);
    expect_near(time.own, time.network);
    assert_true(what.batch > 1.0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(curves_are_linear_between_points_and_beyond),
        cmocka_unit_test(an_exchange_is_a_first_message_and_further_ones),
        cmocka_unit_test(nodes_meet_in_levels),
        cmocka_unit_test(traffic_is_that_of_the_plan),
        cmocka_unit_test(what_does_not_overlap_is_waited_for),
        cmocka_unit_test(what_overlaps_is_hidden_by_the_work),
        cmocka_unit_test(messages_take_processors_from_what_hides_them),
        cmocka_unit_test(at_the_balance_the_network_takes_as_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
