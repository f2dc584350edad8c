/* A task runs beside its caller, one at a time, and its failure arrives with its line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "mnist_dist/base/background.h"

static void nap(long milliseconds) {
    nanosleep(&(struct timespec){.tv_nsec = milliseconds * 1000000}, NULL);
}

static Background *new_background(void) {
    Background *background = NULL;
    assert_int_equal(background_new(&background), STATUS_OK);
    assert_true(background_is_idle(background));
    return background;
}

static Status count_slowly(void *context) {
    nap(50);
    ++*(int *)context; /* not atomic: to be read after background_wait alone */
    return STATUS_OK;
}

static Status fail_at_once(void *context) {
    return status_fail(STATUS_CHECKPOINT, "%s", (const char *)context);
}

static void caller_goes_on(void **state) {
    int count = 0;
    (void)state;
    Background *background = new_background();
    for (int i = 1; i <= 3; i++) {
        background_start(background, count_slowly, &count);
        assert_false(background_is_idle(background));
        assert_int_equal(background_wait(background), STATUS_OK);
        assert_true(background_is_idle(background));
        assert_int_equal(count, i);
    }
    background_destroy(background);
}

static void failure_is_handed_over_once(void **state) {
    char line[] = "disk full";
    (void)state;
    Background *background = new_background();
    assert_int_equal(background_wait(background), STATUS_OK);
    background_start(background, fail_at_once, line);
    assert_int_equal(background_wait(background), STATUS_CHECKPOINT);
    assert_string_equal(status_message(), "disk full");
    status_clear();
    assert_int_equal(background_wait(background), STATUS_OK);
    assert_string_equal(status_message(), "");
    background_destroy(background);
}

static void line_does_not_stay_behind(void **state) {
    char one[] = "one", other[] = "other";
    (void)state;
    Background *background = new_background();
    background_start(background, fail_at_once, one);
    background_wait(background);
    status_clear();
    background_start(background, fail_at_once, other);
    background_wait(background);
    assert_string_equal(status_message(), "other");
    status_clear();
    background_destroy(background);
}

static void destroying_waits(void **state) {
    int count = 0;
    (void)state;
    Background *background = new_background();
    background_start(background, count_slowly, &count);
    background_destroy(background);
    assert_int_equal(count, 1);
    background_destroy(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(caller_goes_on),
        cmocka_unit_test(failure_is_handed_over_once),
        cmocka_unit_test(line_does_not_stay_behind),
        cmocka_unit_test(destroying_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
