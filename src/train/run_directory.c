/* Where a run lives; see run_parts.h. Rank 0 alone decides, the others are told. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mnist_dist/base/log.h"
#include "mnist_dist/base/safefile.h"
#include "run_parts.h"

static const char RUNS[] = "runs/";

static void default_directory(char *directory, size_t size, const Config *config) {
    const char *job = getenv("SLURM_JOB_ID");
    if (job != NULL)
        snprintf(directory, size, "%sslurm-%s", RUNS, job);
    else
        snprintf(directory, size, "%s%s", RUNS, config->name);
}

static bool exists(const char *path) {
    struct stat info;
    return lstat(path, &info) == 0;
}

/* The first of NAME, NAME-2, NAME-3 ... that does not exist yet. */
static void step_beside(char *directory, size_t size) {
    char base[PATH_MAX];
    snprintf(base, sizeof base, "%s", directory);
    for (int number = 2; exists(directory); number++)
        snprintf(directory, size, "%s-%d", base, number);
}

Status run_choose_directory(char *directory, size_t size, const Config *config,
                            const RunRequest *request) {
    if (request->directory == NULL)
        default_directory(directory, size, config);
    else if ((size_t)snprintf(directory, size, "%s", request->directory) >= size)
        return status_fail(STATUS_USAGE, "--out: the path is longer than %zu characters", size - 1);
    size_t length = strlen(directory);
    while (length > 1 && directory[length - 1] == '/') directory[--length] = '\0';
    if (strcmp(request->resume, "never") == 0) step_beside(directory, size);

    char checkpoints[PATH_MAX];
    snprintf(checkpoints, sizeof checkpoints, "%s/checkpoints", directory);
    return safefile_make_folder(checkpoints, STATUS_FAILED);
}

void run_point_latest(const char *directory) {
    static const char latest[] = "runs/latest", temporary[] = "runs/.latest.tmp";
    if (strncmp(directory, RUNS, strlen(RUNS)) != 0) return;
    unlink(temporary);
    if (symlink(directory + strlen(RUNS), temporary) == 0 && rename(temporary, latest) == 0) return;
    log_warning("%s could not be made to point at %s", latest, directory);
}
