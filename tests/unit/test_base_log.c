/* What the log writes, where, and when it takes somebody to be watching. Standard output and error
 * are put aside during a test and stand for files, pipes and pseudo-terminals. */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "mnist_dist/base/log.h"

static char folder[64];
static char out_path[96], err_path[96], log_path[96];
static int saved_out, saved_err;
static char text[8192];

static int open_file(const char *path) {
    return open(path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600);
}

/* Makes fd 1 or 2 stand for `fd`, which is closed. */
static void redirect(int standard, int fd) {
    fflush(NULL);
    if (fd < 0 || dup2(fd, standard) < 0) abort();
    close(fd);
}

static int set_up(void **state) {
    (void)state;
    strcpy(folder, "/tmp/test_base_log.XXXXXX");
    if (mkdtemp(folder) == NULL) return -1;
    snprintf(out_path, sizeof out_path, "%s/out", folder);
    snprintf(err_path, sizeof err_path, "%s/err", folder);
    snprintf(log_path, sizeof log_path, "%s/log.txt", folder);
    setenv("TERM", "xterm", 1);
    unsetenv("COLUMNS");
    unsetenv("OMPI_COMM_WORLD_RANK");
    unsetenv("PMIX_RANK");
    saved_out = dup(STDOUT_FILENO);
    saved_err = dup(STDERR_FILENO);
    redirect(STDOUT_FILENO, open_file(out_path));
    redirect(STDERR_FILENO, open_file(err_path));
    log_prepare();
    log_start(true);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    log_close();
    redirect(STDOUT_FILENO, saved_out);
    redirect(STDERR_FILENO, saved_err);
    unlink(out_path);
    unlink(err_path);
    unlink(log_path);
    return rmdir(folder);
}

static const char *contents(const char *path) {
    int fd = open(path, O_RDONLY);
    ssize_t count = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0) close(fd);
    text[count < 0 ? 0 : count] = '\0';
    return count < 0 ? "(no file)" : text;
}

/* A pseudo-terminal of this width: returns the person's end; *slave is the program's end. */
static int open_terminal(int *slave, unsigned short columns) {
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0) abort();
    *slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    struct winsize size = {.ws_row = 24, .ws_col = columns};
    if (*slave < 0 || ioctl(*slave, TIOCSWINSZ, &size) != 0) abort();
    return master;
}

/* The kernel hands a terminal's output over in its own time: waits for as much as is expected. */
static void assert_seen(int master, const char *expected) {
    struct pollfd ready = {.fd = master, .events = POLLIN};
    size_t count = 0;
    while (count < strlen(expected) && poll(&ready, 1, 5000) == 1) {
        ssize_t more = read(master, text + count, sizeof text - 1 - count);
        if (more > 0) count += (size_t)more;
    }
    text[count] = '\0';
    assert_string_equal(text, expected);
}

static void lines_go_to_output_and_file(void **state) {
    (void)state;
    log_line("before %d", 1);
    log_open(log_path);
    log_line("after %d", 2);
    log_line("a table\n\tof two lines");
    assert_string_equal(contents(out_path), "before 1\nafter 2\na table\n\tof two lines\n");
    assert_string_equal(contents(log_path), "after 2\na table\n\tof two lines\n");
    assert_string_equal(contents(err_path), "");
}

static void warnings_and_errors_go_to_standard_error_and_file(void **state) {
    (void)state;
    log_open(log_path);
    log_warning("slow %s", "disk");
    log_error("no disk");
    const char *expected = "mnist_dist: warning: slow disk\nmnist_dist: error: no disk\n";
    assert_string_equal(contents(err_path), expected);
    assert_string_equal(contents(log_path), expected);
    assert_string_equal(contents(out_path), "");
}

static void file_is_appended_to(void **state) {
    (void)state;
    log_open(log_path);
    log_line("one");
    log_close();
    log_line("not in the file");
    log_open(log_path);
    log_line("two");
    assert_string_equal(contents(log_path), "one\ntwo\n");
}

static void mute_process_says_and_opens_nothing(void **state) {
    (void)state;
    log_start(false);
    log_open(log_path);
    log_line("line");
    log_warning("warning");
    log_error("error");
    log_progress("progress");
    assert_false(log_is_watched());
    assert_string_equal(contents(out_path), "");
    assert_string_equal(contents(err_path), "");
    assert_string_equal(contents(log_path), "(no file)");
}

static void control_characters_are_escaped(void **state) {
    (void)state;
    log_line("file %s is bad", "a\033[2J\x7f\r\xc3\xa9");
    log_error("file %s is bad", "a\nmnist_dist: error: forged");
    assert_string_equal(contents(out_path), "file a\\x1b[2J\\x7f\\x0d\xc3\xa9 is bad\n");
    assert_string_equal(contents(err_path),
                        "mnist_dist: error: file a\\x0amnist_dist: error: forged is bad\n");
}

static void long_lines_are_whole(void **state) {
    (void)state;
    char longest[6000];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    log_line("%s", longest);
    assert_int_equal(strlen(contents(out_path)), sizeof longest);
}

static void file_that_cannot_be_opened_is_warned_of(void **state) {
    (void)state;
    log_open("/nonexistent/log.txt");
    log_line("goes on");
    assert_non_null(strstr(contents(err_path), "warning: /nonexistent/log.txt"));
    assert_non_null(strstr(contents(err_path), "No such file"));
    assert_string_equal(contents(out_path), "goes on\n");
}

static void full_disk_is_warned_of_once(void **state) {
    (void)state;
    log_open("/dev/full");
    log_line("one");
    log_line("two");
    const char *warning = strstr(contents(err_path), "warning: ");
    assert_non_null(warning);
    assert_non_null(strstr(warning, "No space left"));
    assert_null(strstr(warning + 1, "warning: "));
    assert_string_equal(contents(out_path), "one\ntwo\n");
}

static void broken_pipe_does_not_kill(void **state) {
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    redirect(STDOUT_FILENO, ends[1]);
    log_open(log_path);
    log_line("one");
    log_line("two");
    assert_string_equal(contents(log_path), "one\ntwo\n");
}

/* Without this the log would be written into whatever file is opened next. */
static void closed_output_is_not_given_to_the_next_file(void **state) {
    (void)state;
    fflush(NULL);
    close(STDOUT_FILENO);
    log_prepare();
    int next = open("/dev/null", O_RDONLY);
    assert_true(next > STDERR_FILENO);
    close(next);
}

static void progress_in_a_file_is_not_shown(void **state) {
    (void)state;
    log_open(log_path);
    assert_false(log_is_watched());
    log_progress("50 %%");
    assert_string_equal(contents(out_path), "");
    assert_string_equal(contents(log_path), "");
}

static void progress_on_a_terminal_is_redrawn_and_erased(void **state) {
    (void)state;
    int slave;
    int master = open_terminal(&slave, 80);
    redirect(STDOUT_FILENO, slave);
    log_start(true);
    log_open(log_path);
    assert_true(log_is_watched());
    log_progress("50 %%");
    log_progress("60 %%");
    assert_seen(master, "\r50 %\033[K\r60 %\033[K");
    log_line("epoch 1");
    log_line("epoch 2");
    assert_seen(master, "\r\033[Kepoch 1\r\nepoch 2\r\n");
    assert_string_equal(contents(log_path), "epoch 1\nepoch 2\n");
    close(master);
}

static void progress_is_cut_to_the_width(void **state) {
    (void)state;
    int slave;
    int master = open_terminal(&slave, 6);
    redirect(STDOUT_FILENO, slave);
    log_start(true);
    log_progress("\xc3\xa9\xc3\xa9"
                 "34567");
    assert_seen(master, "\r\xc3\xa9\xc3\xa9"
                        "345\033[K");
    log_progress("12345");
    assert_seen(master, "\r12345\033[K");
    close(master);
}

static void unknown_width_is_taken_from_the_environment(void **state) {
    (void)state;
    int slave;
    int master = open_terminal(&slave, 0);
    redirect(STDOUT_FILENO, slave);
    setenv("COLUMNS", "4", 1);
    log_start(true);
    log_progress("123456");
    assert_seen(master, "\r123\033[K");
    close(master);
}

static void dumb_terminal_is_not_watched(void **state) {
    (void)state;
    int slave;
    int master = open_terminal(&slave, 80);
    redirect(STDOUT_FILENO, slave);
    setenv("TERM", "dumb", 1);
    log_start(true);
    assert_false(log_is_watched());
    unsetenv("TERM");
    log_start(true);
    assert_false(log_is_watched());
    close(master);
}

/* Whether a process started with a pseudo-terminal of its own, by us as its launcher, takes itself
 * to be watched; `between` processes share its pseudo-terminal. */
static bool is_watched_when_launched(int between) {
    int slave, code = -1;
    int master = open_terminal(&slave, 0);
    setenv("OMPI_COMM_WORLD_RANK", "0", 1);
    pid_t child = fork();
    if (child == 0) {
        redirect(STDOUT_FILENO, slave);
        for (int i = 0; i < between; i++) {
            pid_t next = fork();
            if (next == 0) continue;
            waitpid(next, &code, 0);
            _exit(WEXITSTATUS(code));
        }
        log_start(true);
        _exit(log_is_watched() ? 10 : 20);
    }
    close(slave);
    waitpid(child, &code, 0);
    close(master);
    assert_true(WIFEXITED(code) && (WEXITSTATUS(code) == 10 || WEXITSTATUS(code) == 20));
    return WEXITSTATUS(code) == 10;
}

static void launcher_with_a_terminal_is_watched(void **state) {
    (void)state;
    int slave;
    int master = open_terminal(&slave, 80);
    redirect(STDOUT_FILENO, slave);
    assert_true(is_watched_when_launched(0));
    assert_true(is_watched_when_launched(2));
    close(master);
}

static void launcher_with_a_file_or_pipe_is_not_watched(void **state) {
    (void)state;
    int ends[2];
    assert_false(is_watched_when_launched(0));
    assert_false(is_watched_when_launched(2));
    assert_int_equal(pipe(ends), 0);
    redirect(STDOUT_FILENO, ends[1]);
    assert_false(is_watched_when_launched(0));
    close(ends[0]);
    redirect(STDOUT_FILENO, open("/dev/null", O_WRONLY));
    assert_false(is_watched_when_launched(0));
}

#define LOG_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        LOG_TEST(lines_go_to_output_and_file),
        LOG_TEST(warnings_and_errors_go_to_standard_error_and_file),
        LOG_TEST(file_is_appended_to),
        LOG_TEST(mute_process_says_and_opens_nothing),
        LOG_TEST(control_characters_are_escaped),
        LOG_TEST(long_lines_are_whole),
        LOG_TEST(file_that_cannot_be_opened_is_warned_of),
        LOG_TEST(full_disk_is_warned_of_once),
        LOG_TEST(broken_pipe_does_not_kill),
        LOG_TEST(closed_output_is_not_given_to_the_next_file),
        LOG_TEST(progress_in_a_file_is_not_shown),
        LOG_TEST(progress_on_a_terminal_is_redrawn_and_erased),
        LOG_TEST(progress_is_cut_to_the_width),
        LOG_TEST(unknown_width_is_taken_from_the_environment),
        LOG_TEST(dumb_terminal_is_not_watched),
        LOG_TEST(launcher_with_a_terminal_is_watched),
        LOG_TEST(launcher_with_a_file_or_pipe_is_not_watched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
