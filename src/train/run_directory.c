/* Where a run lives; see run_parts.h. Rank 0 alone decides, the others are told. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mnist_dist/base/log.h"
#include "mnist_dist/base/safefile.h"
#include "run_parts.h"

static const char RUNS[] = "runs/", LATEST[] = "runs/latest";

static void default_directory(char *directory, size_t size, const Config *config) {
    const char *job = getenv("SLURM_JOB_ID");
    if (job != NULL)
        snprintf(directory, size, "%sslurm-%s", RUNS, job);
    else
        snprintf(directory, size, "%s%s", RUNS, config->name);
}

static bool holds_run(const char *directory) {
    char path[PATH_MAX];
    struct stat info;
    snprintf(path, sizeof path, "%s/checkpoints", directory);
    return lstat(path, &info) == 0;
}

/* `--out runs/latest` means the run that the link points at. */
static Status follow_latest(char *directory, size_t size) {
    char target[256];
    if (strcmp(directory, LATEST) != 0) return STATUS_OK;
    ssize_t length = readlink(LATEST, target, sizeof target - 1);
    if (length < 0)
        return status_fail(STATUS_USAGE,
                           "--out %s: there is no such link yet; name the run's folder", LATEST);
    target[length] = '\0';
    snprintf(directory, size, "%s%s", RUNS, target);
    return STATUS_OK;
}

/* The first of NAME, NAME-2, NAME-3 ... that holds no run yet. */
static void step_beside(char *directory, size_t size) {
    char base[PATH_MAX];
    snprintf(base, sizeof base, "%s", directory);
    for (int number = 2; holds_run(directory); number++)
        snprintf(directory, size, "%.*s-%d", (int)size - 16, base, number);
}

ResumeKind run_resume_kind(const RunRequest *request) {
    if (strcmp(request->resume, "auto") == 0) return RESUME_AUTO;
    return strcmp(request->resume, "never") == 0 ? RESUME_NEVER : RESUME_CHECKPOINT;
}

static Status name_directory(char *directory, size_t size, const Config *config,
                             const RunRequest *request) {
    if (request->directory == NULL)
        default_directory(directory, size, config);
    else if ((size_t)snprintf(directory, size, "%s", request->directory) >= size)
        return status_fail(STATUS_USAGE, "--out: the path is longer than %zu characters", size - 1);
    size_t length = strlen(directory);
    while (length > 1 && directory[length - 1] == '/') directory[--length] = '\0';
    return follow_latest(directory, size);
}

static void name_checkpoints(Run *run) {
    snprintf(run->checkpoints, sizeof run->checkpoints, "%s/checkpoints", run->directory);
}

/* The run's own folder may be a link, since the user names it; what is in it may not. */
static Status refuse_link(const char *path) {
    struct stat info;
    if (lstat(path, &info) != 0 || !S_ISLNK(info.st_mode)) return STATUS_OK;
    return status_fail(STATUS_FAILED,
                       "%s: is a symbolic link, through which nothing is written; put a folder in "
                       "its place, or give another one with --out",
                       path);
}

Status run_choose_directory(Run *run, const RunRequest *request, const Progress *from) {
    size_t size = sizeof run->directory;
    Status status = name_directory(run->directory, size, run->config, request);
    if (status != STATUS_OK) return status;
    name_checkpoints(run);
    if (run_resume_kind(request) == RESUME_NEVER ||
        (from != NULL && checkpoint_has_later(run->checkpoints, from->step))) {
        step_beside(run->directory, size);
        name_checkpoints(run);
    }
    status = safefile_make_folder(run->checkpoints, STATUS_FAILED);
    return status == STATUS_OK ? refuse_link(run->checkpoints) : status;
}

Status run_lock(Run *run) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/lock", run->directory);
    Status status = lock_take(&run->lock, path);
    if (status != STATUS_OK) return status;
    /* What killed writers left: nobody else writes here now. */
    safefile_sweep(run->directory, "", 0);
    safefile_sweep(run->checkpoints, "", 0);
    return STATUS_OK;
}

void run_point_latest(const char *directory) {
    static const char temporary[] = "runs/.latest.tmp";
    if (strncmp(directory, RUNS, strlen(RUNS)) != 0) return;
    unlink(temporary);
    if (symlink(directory + strlen(RUNS), temporary) == 0 && rename(temporary, LATEST) == 0) return;
    log_warning("%s could not be made to point at %s", LATEST, directory);
    unlink(temporary);
}
