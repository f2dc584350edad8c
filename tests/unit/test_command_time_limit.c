/* Times as sbatch takes them, and the end of a Slurm job. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "command/time_limit.h"

static double seconds_of(const char *text) {
    Arguments arguments = {.max_time = text};
    double seconds = -1.0;
    assert_int_equal(time_limit_find(&seconds, &arguments), STATUS_OK);
    return seconds;
}

static void times_are_slurms(void **state) {
    (void)state;
    assert_true(seconds_of("90") == 5400.0);
    assert_true(seconds_of("0:30") == 30.0);
    assert_true(seconds_of("90:30") == 5430.0);
    assert_true(seconds_of("1:30:00") == 5400.0);
    assert_true(seconds_of("2-12") == 216000.0);
    assert_true(seconds_of("1-0:30") == 88200.0);
    assert_true(seconds_of("1-00:00:01") == 86401.0);
    assert_true(seconds_of("UNLIMITED") == 0.0);
}

static void others_are_refused(void **state) {
    static const char *const texts[] = {
        "",    "0",   "0:00", "-1",  "5m", "1:2:3:4", "1:",      "1--",  "2-",   "-3", "1 ",
        "1e3", "1.5", "inf",  "nan", ":",  "1-2-",    "1234567", "1::2", "1-:2", "0-0"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        Arguments arguments = {.max_time = texts[i]};
        double seconds = 0.0;
        if (time_limit_find(&seconds, &arguments) != STATUS_USAGE) fail_msg("'%s'", texts[i]);
        assert_non_null(strstr(status_message(), "--max-time"));
        status_clear();
    }
}

static void job_has_an_end(void **state) {
    char text[32];
    (void)state;
    unsetenv("SLURM_JOB_END_TIME");
    assert_true(seconds_of(NULL) == 0.0);
    snprintf(text, sizeof text, "%lld", (long long)time(NULL) + 100);
    setenv("SLURM_JOB_END_TIME", text, 1);
    double left = seconds_of(NULL);
    assert_true(left > 90.0 && left <= 100.0);
    assert_true(seconds_of("1") == 60.0); /* what was asked for counts */
    setenv("SLURM_JOB_END_TIME", "Unknown", 1);
    assert_true(seconds_of(NULL) == 0.0);
    unsetenv("SLURM_JOB_END_TIME");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_slurms),
        cmocka_unit_test(others_are_refused),
        cmocka_unit_test(job_has_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
