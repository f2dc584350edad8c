/* Files that appear whole or not at all. Each test runs in a folder of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mnist_dist/base/safefile.h"
#include "work_folder.h"

static void put(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void assert_content(const char *path, const char *expected) {
    char text[256] = "";
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(text, expected);
}

static void assert_refused(const char *path, const char *why) {
    SafeFile file;
    assert_int_equal(safefile_begin(&file, path, STATUS_DATA), STATUS_DATA);
    assert_non_null(strstr(status_message(), path));
    assert_non_null(strstr(status_message(), why));
    assert_string_equal(file.temporary, "");
    status_clear();
}

static void commit_makes_and_replaces(void **state) {
    (void)state;
    assert_int_equal(safefile_write("x", "one", 3, STATUS_FAILED), STATUS_OK);
    assert_content("x", "one");
    assert_int_equal(safefile_write("./x", "two!", 4, STATUS_FAILED), STATUS_OK);
    assert_content("x", "two!");
    assert_int_equal(count_files(), 1);
}

static void target_stays_until_commit(void **state) {
    (void)state;
    SafeFile file;
    put("x", "old");
    assert_int_equal(safefile_begin(&file, "x", STATUS_FAILED), STATUS_OK);
    put(file.temporary, "new");
    assert_content("x", "old");
    assert_int_equal(safefile_commit(&file, STATUS_FAILED), STATUS_OK);
    assert_content("x", "new");
    safefile_abandon(&file);
    assert_content("x", "new");
}

static void abandoned_leaves_nothing(void **state) {
    (void)state;
    SafeFile file;
    assert_int_equal(safefile_begin(&file, "x", STATUS_FAILED), STATUS_OK);
    assert_int_equal(count_files(), 1);
    safefile_abandon(&file);
    safefile_abandon(&file);
    assert_int_equal(count_files(), 0);
    safefile_abandon(&(SafeFile){.target = ""});
}

static void umask_is_respected(void **state) {
    (void)state;
    struct stat info;
    mode_t before = umask(027);
    assert_int_equal(safefile_write("x", "", 0, STATUS_FAILED), STATUS_OK);
    umask(before);
    assert_int_equal(stat("x", &info), 0);
    assert_int_equal(info.st_mode & 0777, 0640);
}

static void bad_targets_are_refused(void **state) {
    (void)state;
    put("real", "keep");
    assert_int_equal(symlink("real", "link"), 0);
    assert_int_equal(symlink("nowhere", "dangling"), 0);
    assert_int_equal(mkdir("folder", 0700), 0);
    assert_int_equal(mkfifo("fifo", 0600), 0);
    assert_refused("link", "symbolic link");
    assert_refused("dangling", "symbolic link");
    assert_refused("folder", "folder");
    assert_refused("folder/", "folder");
    assert_refused("fifo", "no regular file");
    assert_refused("/dev/null", "no regular file");
    assert_refused("missing/x", "No such file");
    assert_refused("real/x", "Not a directory");
    assert_content("real", "keep");
    assert_int_equal(count_files(), 5);
}

static void target_that_turns_bad_is_refused_at_commit(void **state) {
    (void)state;
    SafeFile file;
    assert_int_equal(safefile_begin(&file, "x", STATUS_FAILED), STATUS_OK);
    assert_int_equal(mkfifo("x", 0600), 0);
    assert_int_equal(safefile_commit(&file, STATUS_DATA), STATUS_DATA);
    assert_int_equal(count_files(), 1);
}

static void planted_link_is_not_written_through(void **state) {
    (void)state;
    SafeFile file;
    char name[64];
    put("victim", "keep");
    snprintf(name, sizeof name, ".x.%ld.tmp", (long)getpid());
    assert_int_equal(symlink("victim", name), 0);
    assert_int_equal(safefile_begin(&file, "x", STATUS_FAILED), STATUS_OK);
    put(file.temporary, "new");
    assert_int_equal(safefile_commit(&file, STATUS_FAILED), STATUS_OK);
    assert_content("victim", "keep");
    assert_content("x", "new");
}

static void long_paths_are_refused(void **state) {
    (void)state;
    SafeFile file;
    char path[PATH_MAX + 8];
    memset(path, 'a', sizeof path);
    path[sizeof path - 1] = '\0';
    assert_int_equal(safefile_begin(&file, path, STATUS_FAILED), STATUS_FAILED);
    status_clear();
    path[256] = '\0';
    assert_int_equal(safefile_write(path, "", 0, STATUS_FAILED), STATUS_FAILED);
    assert_int_equal(count_files(), 0);
}

static void longest_name_is_fine(void **state) {
    (void)state;
    char name[256];
    memset(name, 'a', sizeof name);
    name[255] = '\0';
    assert_int_equal(safefile_write(name, "new", 3, STATUS_FAILED), STATUS_OK);
    assert_content(name, "new");
    assert_int_equal(count_files(), 1);
}

static void failed_write_keeps_the_old_file(void **state) {
    (void)state;
    char bytes[4096] = "";
    struct rlimit before, tight;
    put("x", "old");
    getrlimit(RLIMIT_FSIZE, &before);
    tight = before;
    tight.rlim_cur = 1000;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &tight);
    Status status = safefile_write("x", bytes, sizeof bytes, STATUS_CHECKPOINT);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(status, STATUS_CHECKPOINT);
    assert_non_null(strstr(status_message(), "File too large"));
    assert_content("x", "old");
    assert_int_equal(count_files(), 1);
}

static void folders_are_made_with_those_above(void **state) {
    (void)state;
    char path[PATH_MAX];
    assert_int_equal(safefile_make_folder("a/b//c/", STATUS_FAILED), STATUS_OK);
    assert_int_equal(safefile_make_folder("a/b/c", STATUS_FAILED), STATUS_OK);
    assert_int_equal(safefile_make_folder("/", STATUS_FAILED), STATUS_OK);
    assert_non_null(getcwd(path, sizeof path - 8));
    strcat(path, "/d/e");
    assert_int_equal(safefile_make_folder(path, STATUS_FAILED), STATUS_OK);
    assert_int_equal(access("a/b/c", F_OK), 0);
    assert_int_equal(access("d/e", F_OK), 0);
    put("file", "");
    assert_int_equal(safefile_make_folder("file", STATUS_FAILED), STATUS_FAILED);
    status_clear();
    assert_int_equal(safefile_make_folder("", STATUS_FAILED), STATUS_FAILED);
}

static pid_t dead_process(void) {
    pid_t child = fork();
    if (child == 0) _exit(0);
    waitpid(child, NULL, 0);
    return child;
}

static void sweep_takes_what_dead_writers_left(void **state) {
    (void)state;
    char dead[64], own[64], alive[64], other[64];
    snprintf(dead, sizeof dead, ".step-1.h5.%ld.tmp", (long)dead_process());
    snprintf(own, sizeof own, ".step-2.h5.%ld.tmp", (long)getpid());
    snprintf(alive, sizeof alive, ".step-3.h5.%ld.tmp", (long)getppid());
    snprintf(other, sizeof other, ".best.h5.%ld.tmp", (long)getpid());
    const char *kept[] = {alive, other, ".step-.tmp", ".step-x.tmp", "step-1.2.tmp"};
    put(dead, "");
    put(own, "");
    for (size_t i = 0; i < 5; i++) put(kept[i], "");
    safefile_sweep(".", "step-", 60);
    assert_int_equal(count_files(), 7); /* all are new */
    assert_int_equal(utimensat(AT_FDCWD, dead, (struct timespec[2]){{0}, {0}}, 0), 0);
    safefile_sweep(".", "step-", 60);
    assert_int_equal(access(dead, F_OK), -1);
    assert_int_equal(count_files(), 6);
    safefile_sweep(".", "step-", 0);
    for (size_t i = 0; i < 5; i++) assert_int_equal(access(kept[i], F_OK), 0);
    assert_int_equal(count_files(), 5);
    safefile_sweep("missing", "step-", 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(commit_makes_and_replaces, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(target_stays_until_commit, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(abandoned_leaves_nothing, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(umask_is_respected, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(bad_targets_are_refused, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(target_that_turns_bad_is_refused_at_commit, enter_folder,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(planted_link_is_not_written_through, enter_folder,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(long_paths_are_refused, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(longest_name_is_fine, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(failed_write_keeps_the_old_file, enter_folder,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(folders_are_made_with_those_above, enter_folder,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(sweep_takes_what_dead_writers_left, enter_folder,
                                        leave_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
