/* Events of several threads in one memory; what does not fit is counted; nothing while off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "mnist_dist/base/heartbeat.h"
#include "mnist_dist/base/pool.h"
#include "mnist_dist/base/timeline.h"

enum { THREADS = 3, TASKS = 100 };

static void add_one(void *context, size_t i, size_t thread) {
    (void)context;
    (void)thread;
    timeline_add(PHASE_FORWARD, (uint32_t)i + 1, (double)i, (double)i + 0.5);
}

static size_t run_tasks(size_t tasks) {
    Pool *pool = NULL;
    assert_int_equal(pool_new(&pool, THREADS), STATUS_OK);
    pool_run(pool, tasks, add_one, NULL);
    pool_destroy(pool);
    size_t count = 0, left_out = 0;
    timeline_events(&count, &left_out);
    return left_out;
}

static void nothing_is_recorded_while_off(void **state) {
    size_t count = 1, left_out = 1;
    (void)state;
    assert_int_equal(run_tasks(TASKS), 0);
    assert_null(timeline_events(&count, &left_out));
    assert_int_equal(count + left_out, 0);
}

static void every_thread_adds_its_own(void **state) {
    size_t count = 0, left_out = 0;
    bool seen[TASKS] = {false};
    (void)state;
    assert_int_equal(timeline_start(1000), STATUS_OK);
    assert_int_equal(run_tasks(TASKS), 0);
    const TimelineEvent *events = timeline_events(&count, &left_out);
    assert_true(count >= TASKS);
    for (size_t i = 0; i < count; i++) {
        assert_true(events[i].thread < THREADS);
        if (events[i].what != PHASE_FORWARD) continue;
        assert_false(seen[events[i].number - 1]);
        seen[events[i].number - 1] = true;
        assert_true(events[i].begin == events[i].number - 1);
    }
    for (size_t i = 0; i < TASKS; i++) assert_true(seen[i]);
    assert_int_equal(timeline_thread_count(), THREADS);
    assert_string_equal(timeline_thread_name(0), "main");
    assert_int_equal(timeline_thread_name(1)[0], 'w');
    timeline_stop();
}

static void what_does_not_fit_is_counted(void **state) {
    size_t count = 0, left_out = 0;
    (void)state;
    assert_int_equal(timeline_start(10), STATUS_OK);
    for (uint32_t i = 1; i <= 25; i++) timeline_add(TIMELINE_STEP, i, 0.0, 1.0);
    const TimelineEvent *events = timeline_events(&count, &left_out);
    assert_int_equal(count, 10);
    assert_int_equal(left_out, 15);
    for (size_t i = 0; i < count; i++) assert_int_equal(events[i].number, i + 1);
    timeline_stop();
}

static void nested_waits_are_one(void **state) {
    size_t count = 0, left_out = 0;
    (void)state;
    assert_int_equal(timeline_start(10), STATUS_OK);
    double before = heartbeat_waited();
    heartbeat_waits();
    heartbeat_transfers();
    heartbeat_goes_on();
    heartbeat_goes_on();
    heartbeat_transfers();
    heartbeat_goes_on();
    const TimelineEvent *events = timeline_events(&count, &left_out);
    assert_int_equal(count, 2);
    assert_int_equal(events[0].what, TIMELINE_WAIT);
    assert_int_equal(events[1].what, TIMELINE_TRANSFER);
    double both = events[0].end - events[0].begin + events[1].end - events[1].begin;
    assert_true(both > 0.0);
    assert_true(fabs(heartbeat_waited() - before - both) < 1e-9);
    timeline_stop();
}

static void all_have_names(void **state) {
    (void)state;
    for (unsigned what = 0; what < TIMELINE_NAMES; what++) {
        assert_non_null(timeline_name(what));
        assert_non_null(timeline_kind(what));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_recorded_while_off),
        cmocka_unit_test(every_thread_adds_its_own),
        cmocka_unit_test(what_does_not_fit_is_counted),
        cmocka_unit_test(nested_waits_are_one),
        cmocka_unit_test(all_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
