/* One holder at a time, whatever is found: nothing, a dead process's lock, another host's, rubbish.
 * Many processes that start at once are forked. Each test runs in a folder of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "mnist_dist/base/digest.h"
#include "mnist_dist/base/lock.h"
#include "mnist_dist/base/process.h"
#include "work_folder.h"

enum { STARTERS = 8, ROUNDS = 40, TAKEN = 10 };

static void put(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* The lock of a process that differs from this one in what is given; "" for what does not. */
static void put_lock(const char *path, const char *host, long pid, unsigned long long started,
                     const char *boot, const char *space) {
    ProcessName own;
    char text[1024];
    process_name(&own);
    snprintf(text, sizeof text,
             "host %s\npid %ld\nstarted %llu\nboot %s\nspace %s\nsince 2026-01-31T12:34:56Z\n",
             *host != '\0' ? host : own.host, pid > 0 ? pid : own.pid,
             started > 0 ? started : own.started, *boot != '\0' ? boot : own.boot,
             *space != '\0' ? space : own.space);
    put(path, text);
}

static void assert_taken(void) {
    Lock *lock = NULL;
    assert_int_equal(lock_take(&lock, "lock"), STATUS_OK);
    assert_int_equal(lock_check(lock, STATUS_CHECKPOINT), STATUS_OK);
    assert_int_equal(count_files(), 1);
    lock_release(lock);
    assert_int_equal(count_files(), 0);
}

static void assert_refused(const char *first, const char *second) {
    Lock *lock = NULL;
    int files = count_files();
    assert_int_equal(lock_take(&lock, "lock"), STATUS_USAGE);
    assert_null(lock);
    assert_non_null(strstr(status_message(), first));
    assert_non_null(strstr(status_message(), second));
    status_clear();
    assert_int_equal(count_files(), files);
}

static void free_lock_is_taken_and_given_back(void **state) {
    (void)state;
    assert_taken();
    assert_taken();
    lock_release(NULL);
    assert_int_equal(lock_check(NULL, STATUS_FAILED), STATUS_OK);
    assert_false(lock_is_lost(NULL));
}

static void living_holder_is_named(void **state) {
    (void)state;
    put_lock("lock", "", 0, 0, "", "");
    assert_refused("has been writing into this folder since 2026-01-31T12:34:56Z", "--out");
}

static void dead_holders_are_succeeded(void **state) {
    (void)state;
    put_lock("lock", "", 0, 1, "", ""); /* our number, another start */
    assert_taken();
    put_lock("lock", "", 999999999, 0, "", ""); /* no such process */
    assert_taken();
    put_lock("lock", "", 0, 0, "another-boot", ""); /* this host, before it was started anew */
    assert_taken();
    put_lock("lock", "another-name", 999999999, 0, "", ""); /* the host's name has changed */
    assert_taken();
}

static void zombie_is_dead(void **state) {
    (void)state;
    Lock *lock = NULL;
    pid_t child = fork();
    if (child == 0) _exit(lock_take(&lock, "lock") == STATUS_OK ? 0 : 1);
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(count_files(), 1);
    assert_taken();
    waitpid(child, NULL, 0);
}

static void who_cannot_be_seen_is_left_alone(void **state) {
    (void)state;
    put_lock("lock", "elsewhere", 1, 0, "another-boot", "");
    assert_refused("on host elsewhere, which cannot be looked at", "remove this file");
    put_lock("lock", "", 999999999, 0, "", "another-container");
    assert_refused("which cannot be looked at", "remove this file");
}

static void rubbish_is_no_lock(void **state) {
    (void)state;
    put("lock", "hello\n");
    assert_refused("lock: is no lock of a run", "remove it");
    put("lock", "");
    assert_refused("lock: is no lock of a run", "remove it");
    unlink("lock");
    put_lock("victim", "", 999999999, 0, "", "");
    assert_int_equal(symlink("victim", "lock"), 0);
    assert_refused("lock: cannot be read as a lock", "remove it");
    unlink("lock");
    assert_int_equal(symlink("nowhere", "lock"), 0);
    assert_refused("lock: cannot be read as a lock", "remove it");
    unlink("lock");
    assert_int_equal(mkfifo("lock", 0600), 0);
    assert_refused("lock: cannot be read as a lock", "remove it");
}

static void folder_that_is_not_there_is_said(void **state) {
    (void)state;
    Lock *lock = NULL;
    assert_int_equal(lock_take(&lock, "missing/lock"), STATUS_FAILED);
    assert_non_null(strstr(status_message(), "missing/lock: cannot be written: No such file"));
    status_clear();
}

static void umask_is_respected(void **state) {
    (void)state;
    Lock *lock = NULL;
    struct stat info;
    mode_t before = umask(077);
    assert_int_equal(lock_take(&lock, "lock"), STATUS_OK);
    umask(before);
    assert_int_equal(stat("lock", &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    lock_release(lock);
}

static void lost_lock_is_noticed_and_left(void **state) {
    (void)state;
    Lock *lock = NULL;
    assert_int_equal(lock_take(&lock, "lock"), STATUS_OK);
    put_lock("lock", "elsewhere", 7, 8, "another-boot", "");
    assert_false(lock_is_lost(lock));
    assert_int_equal(lock_check(lock, STATUS_CHECKPOINT), STATUS_CHECKPOINT);
    assert_true(lock_is_lost(lock));
    assert_non_null(strstr(status_message(), "process 7 on host elsewhere has taken this folder"));
    status_clear();
    lock_release(lock);
    assert_int_equal(count_files(), 1);
}

static void removed_lock_is_noticed(void **state) {
    (void)state;
    Lock *lock = NULL;
    assert_int_equal(lock_take(&lock, "lock"), STATUS_OK);
    unlink("lock");
    assert_int_equal(lock_check(lock, STATUS_CHECKPOINT), STATUS_CHECKPOINT);
    assert_true(lock_is_lost(lock));
    status_clear();
    lock_release(lock);
}

/* A folder that cannot be reached for now is no reason to give the lock up. */
static void unreachable_lock_is_not_lost(void **state) {
    (void)state;
    Lock *lock = NULL;
    assert_int_equal(mkdir("run", 0700), 0);
    assert_int_equal(lock_take(&lock, "run/lock"), STATUS_OK);
    assert_int_equal(rename("run", "away"), 0);
    assert_int_equal(lock_check(lock, STATUS_CHECKPOINT), STATUS_CHECKPOINT);
    assert_false(lock_is_lost(lock));
    status_clear();
    assert_int_equal(rename("away", "run"), 0);
    assert_int_equal(lock_check(lock, STATUS_CHECKPOINT), STATUS_OK);
    lock_release(lock);
}

/* ---- Many at once ---------------------------------------------------------------------------- */

static void nap(long milliseconds) {
    nanosleep(&(struct timespec){.tv_nsec = 1000000 * milliseconds}, NULL);
}

/* Takes the lock, holds it for a moment in which it must stay ours, and leaves it in a way that
 * hangs on the number: given back, or left behind by a process that is gone. Exits with TAKEN, 0 if
 * it was refused, 1 if something is wrong. */
static void start(int number, int gate) {
    Lock *lock = NULL;
    char byte;
    if (read(gate, &byte, 1) < 0) _exit(1);
    Status status = lock_take(&lock, "lock");
    if (status == STATUS_USAGE) _exit(0);
    if (status != STATUS_OK) _exit(1);
    int mark = mkdir("held", 0700); /* by one at a time */
    nap(2);
    bool ours = lock_check(lock, STATUS_FAILED) == STATUS_OK;
    if (mark != 0 || rmdir("held") != 0 || !ours) _exit(1);
    if (number % 2 == 0) lock_release(lock);
    _exit(TAKEN);
}

/* Lets `count` processes try at the same moment; returns how many have had the lock. */
static int race(int count) {
    int gate[2], taken = 0, wrong = 0;
    assert_int_equal(pipe(gate), 0);
    for (int i = 0; i < count; i++) {
        if (fork() != 0) continue;
        close(gate[1]);
        start(i, gate[0]);
    }
    close(gate[0]);
    nap(5);
    close(gate[1]);
    for (int i = 0; i < count; i++) {
        int status = 0;
        wait(&status);
        int code = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
        taken += code == TAKEN;
        wrong += code != TAKEN && code != 0;
    }
    assert_int_equal(wrong, 0);
    return taken;
}

static void one_at_a_time_has_it(void **state) {
    (void)state;
    for (int round = 0; round < ROUNDS; round++) assert_in_range(race(STARTERS), 1, STARTERS);
}

static void one_at_a_time_succeeds_the_dead(void **state) {
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        put_lock("lock", "", 999999999, (unsigned)round + 1, "", "");
        assert_in_range(race(STARTERS), 1, STARTERS);
        assert_true(count_files() <= 1);
    }
}

/* ---- The dead after the dead ----------------------------------------------------------------- */

/* The name of who comes after the lock `path`. */
static void name_after(char name[64], const char *path) {
    char text[1024];
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t length = fread(text, 1, sizeof text, file);
    fclose(file);
    snprintf(name, 64, "lock.after-%016llx", (unsigned long long)digest64(text, length));
}

static void successor_that_died_is_succeeded(void **state) {
    (void)state;
    char second[64], third[64];
    put_lock("lock", "", 999999999, 1, "", "");
    name_after(second, "lock");
    put_lock(second, "", 999999999, 2, "", "");
    name_after(third, second);
    put_lock("lock.after-0123456789abcdef", "", 0, 0, "", ""); /* after nothing that there is */
    assert_taken();
    put_lock("lock", "", 999999999, 1, "", "");
    put_lock(second, "", 999999999, 2, "", "");
    put_lock(third, "", 0, 0, "", "");
    assert_refused("has been writing into this folder", "--out");
}

/* Starters that are killed at any moment leave nothing that stops the next. */
static void killed_starters_leave_no_obstacle(void **state) {
    (void)state;
    Lock *lock = NULL;
    for (int round = 0; round < 4 * ROUNDS; round++) {
        pid_t child = fork();
        if (child == 0)
            for (;;)
                if (lock_take(&lock, "lock") == STATUS_OK && round % 2 == 0) lock_release(lock);
        nanosleep(&(struct timespec){.tv_nsec = 37000L * (round % 100)}, NULL);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        assert_int_equal(lock_take(&lock, "lock"), STATUS_OK);
        if (round % 3 == 0) unlink("lock");
        lock_release(lock);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter_folder, leave_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(free_lock_is_taken_and_given_back), TEST(living_holder_is_named),
        TEST(dead_holders_are_succeeded),        TEST(zombie_is_dead),
        TEST(who_cannot_be_seen_is_left_alone),  TEST(rubbish_is_no_lock),
        TEST(folder_that_is_not_there_is_said),  TEST(umask_is_respected),
        TEST(lost_lock_is_noticed_and_left),     TEST(removed_lock_is_noticed),
        TEST(unreachable_lock_is_not_lost),      TEST(one_at_a_time_has_it),
        TEST(one_at_a_time_succeeds_the_dead),   TEST(successor_that_died_is_succeeded),
        TEST(killed_starters_leave_no_obstacle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
