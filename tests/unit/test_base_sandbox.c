/* The child with limits: what it answers comes back, and whatever it does wrong is one line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "mnist_dist/base/sandbox.h"
#include "work_folder.h"

static const SandboxLimits LIMITS = {.memory = 64 << 20, .seconds = 2};

/* Runs a task that must fail with a line that has this in it, and leaves neither child nor file. */
static void expect_failure(Status (*task)(SandboxAnswer *, void *), void *context,
                           const char *part) {
    SandboxAnswer answer;
    int lowest = dup(0);
    close(lowest);
    assert_int_equal(sandbox_run(&answer, task, context, &LIMITS, "x.h5", STATUS_DATA),
                     STATUS_DATA);
    if (strncmp(status_message(), "x.h5: ", 6) != 0 || strstr(status_message(), part) == NULL)
        fail_msg("the line is: %s", status_message());
    status_clear();
    assert_null(answer.bytes);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    int again = dup(0);
    close(again);
    assert_int_equal(again, lowest);
}

static Status answer_much(SandboxAnswer *answer, void *context) {
    Status status = STATUS_OK;
    for (uint32_t i = 0; i < 1000000; i++) TRY(sandbox_add(answer, &i, sizeof i));
    TRY(sandbox_add(answer, context, 6));
cleanup:
    return status;
}

static void answer_comes_back(void **state) {
    (void)state;
    SandboxAnswer answer;
    char text[] = "hello";
    assert_int_equal(sandbox_run(&answer, answer_much, text, &LIMITS, "x.h5", STATUS_DATA),
                     STATUS_OK);
    assert_int_equal(answer.count, 4000006);
    uint32_t last;
    memcpy(&last, answer.bytes + 3999996, sizeof last);
    assert_int_equal(last, 999999);
    assert_string_equal(answer.bytes + 4000000, "hello");
    free(answer.bytes);
}

static Status fail_with_name(SandboxAnswer *answer, void *context) {
    (void)answer;
    return status_fail(STATUS_CHECKPOINT, "x.h5: %s", (const char *)context);
}

static Status fail_without_name(SandboxAnswer *answer, void *context) {
    (void)answer;
    return status_fail(STATUS_FAILED, "%s", (const char *)context);
}

static void its_line_comes_back(void **state) {
    (void)state;
    expect_failure(fail_with_name, "is odd", "x.h5: is odd");
    expect_failure(fail_without_name, "out of memory", "x.h5: out of memory");
}

static Status crash(SandboxAnswer *answer, void *context) {
    (void)answer;
    raise(*(int *)context);
    return STATUS_OK;
}

static void crash_is_a_line(void **state) {
    (void)state;
    int by[] = {SIGSEGV, SIGABRT, SIGBUS, SIGKILL};
    expect_failure(crash, &by[0], "crashes (Segmentation fault)");
    expect_failure(crash, &by[1], "crashes (Aborted)");
    expect_failure(crash, &by[2], "crashes (Bus error)");
    expect_failure(crash, &by[3], "crashes (Killed)");
}

static Status spin(SandboxAnswer *answer, void *context) {
    volatile unsigned long turns = 0;
    (void)answer, (void)context;
    while (turns + 1 > 0) turns++;
    return STATUS_OK;
}

static Status wait_for_ever(SandboxAnswer *answer, void *context) {
    (void)answer, (void)context;
    while (pause() != 0) continue;
    return STATUS_OK;
}

static void hang_ends_in_time(void **state) {
    (void)state;
    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    expect_failure(spin, NULL, "not read within 2 s");
    expect_failure(wait_for_ever, NULL, "not read within 2 s");
    clock_gettime(CLOCK_MONOTONIC, &after);
    assert_in_range(after.tv_sec - before.tv_sec, 3, 8);
}

/* Signals that are meant for the program do not end the child behind its back. */
static Status send_itself_signals(SandboxAnswer *answer, void *context) {
    (void)context;
    raise(SIGTERM);
    raise(SIGINT);
    raise(SIGUSR1);
    return sandbox_add(answer, "alive", 6);
}

static volatile sig_atomic_t handled;

static void handle(int number) {
    handled = number;
}

static void signals_are_the_parents(void **state) {
    (void)state;
    SandboxAnswer answer;
    signal(SIGUSR1, handle);
    assert_int_equal(sandbox_run(&answer, send_itself_signals, NULL, &LIMITS, "x.h5", STATUS_DATA),
                     STATUS_OK);
    assert_string_equal(answer.bytes, "alive");
    free(answer.bytes);
    assert_int_equal(handled, 0);
    raise(SIGUSR1);
    assert_int_equal(handled, SIGUSR1);
    signal(SIGUSR1, SIG_DFL);
}

static Status take_memory(SandboxAnswer *answer, void *context) {
    (void)answer, (void)context;
    for (size_t taken = 0; taken < 1 << 30; taken += 1 << 20) {
        void *more = mmap(NULL, 1 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (more == MAP_FAILED) return status_fail(STATUS_FAILED, "out of memory");
    }
    return STATUS_OK;
}

static void memory_is_limited(void **state) {
    (void)state;
    expect_failure(take_memory, NULL, "x.h5: out of memory");
}

static Status open_files(SandboxAnswer *answer, void *context) {
    const char *path = context;
    int seen[3] = {open(path, O_RDONLY), open("made", O_WRONLY | O_CREAT, 0600), dup(0)};
    for (int i = 0; i < 3; i++)
        if (seen[i] >= 0) return status_fail(STATUS_FAILED, "could open number %d", i);
    return sandbox_add(answer, "nothing", 8);
}

static void nothing_can_be_opened(void **state) {
    (void)state;
    SandboxAnswer answer;
    char path[] = "/etc/passwd";
    assert_int_equal(sandbox_run(&answer, open_files, path, &LIMITS, "x.h5", STATUS_DATA),
                     STATUS_OK);
    assert_string_equal(answer.bytes, "nothing");
    free(answer.bytes);
    assert_int_equal(count_files(), 0);
}

static Status shout(SandboxAnswer *answer, void *context) {
    (void)context;
    if (write(STDOUT_FILENO, "SHOUT\n", 6) != 6 || write(STDERR_FILENO, "SHOUT\n", 6) != 6)
        return status_fail(STATUS_FAILED, "cannot shout");
    return sandbox_add(answer, "quiet", 6);
}

static void its_output_leads_nowhere(void **state) {
    (void)state;
    SandboxAnswer answer;
    int kept[2] = {dup(STDOUT_FILENO), dup(STDERR_FILENO)};
    int file = open("output", O_RDWR | O_CREAT, 0600);
    dup2(file, STDOUT_FILENO);
    dup2(file, STDERR_FILENO);
    Status status = sandbox_run(&answer, shout, NULL, &LIMITS, "x.h5", STATUS_DATA);
    dup2(kept[0], STDOUT_FILENO);
    dup2(kept[1], STDERR_FILENO);
    assert_int_equal(status, STATUS_OK);
    assert_int_equal(lseek(file, 0, SEEK_END), 0);
    free(answer.bytes);
    close(file);
    close(kept[0]);
    close(kept[1]);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, enter_folder, leave_folder)
    const struct CMUnitTest tests[] = {
        TEST(answer_comes_back),     TEST(its_line_comes_back),      TEST(crash_is_a_line),
        TEST(hang_ends_in_time),     TEST(signals_are_the_parents),  TEST(memory_is_limited),
        TEST(nothing_can_be_opened), TEST(its_output_leads_nowhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
