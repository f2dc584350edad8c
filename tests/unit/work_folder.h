/* A folder of its own for each test, which goes when the test ends: a test runs in any folder, and
 * messages have short names in them. */
#pragma once

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mnist_dist/base/status.h"

static char folder[PATH_MAX / 4];

static inline int enter_folder(void **state) {
    (void)state;
    status_clear();
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/mnist_dist_test.XXXXXX", base != NULL ? base : "/tmp");
    return mkdtemp(folder) != NULL && chdir(folder) == 0 ? 0 : -1;
}

static inline int leave_folder(void **state) {
    (void)state;
    char command[PATH_MAX];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return chdir("/") == 0 ? system(command) : -1;
}

/* How many files and folders there are in it. */
static inline int count_files(void) {
    int count = 0;
    DIR *entries = opendir(folder);
    for (struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries))
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(entries);
    return count;
}
