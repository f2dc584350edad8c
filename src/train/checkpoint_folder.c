/* The step files of a run's folder: their names, the newest that is whole, and the old ones' end.
 *
 * The name carries the step, so age is told by name: a copied or restored folder has other times.
 * Refused: a file that names the newest, since it and the checkpoint could not be renamed at once.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checkpoint_parts.h"
#include "mnist_dist/base/log.h"

enum { MAX_STEP_DIGITS = 18 };

void checkpoint_step_path(char *path, const char *folder, uint64_t step) {
    snprintf(path, PATH_MAX, "%s/step-%08" PRIu64 ".h5", folder, step);
}

/* Whether this is the name that checkpoint_step_path gives to some step. */
static bool parse_name(uint64_t *step, const char *name) {
    char canonical[64];
    const char *digits = name + strlen("step-");
    if (strncmp(name, "step-", strlen("step-")) != 0) return false;
    size_t length = strspn(digits, "0123456789");
    if (length == 0 || length > MAX_STEP_DIGITS) return false;
    *step = strtoull(digits, NULL, 10);
    snprintf(canonical, sizeof canonical, "step-%08" PRIu64 ".h5", *step);
    return strcmp(canonical, name) == 0;
}

/* Newest first. */
static int compare_steps(const void *a, const void *b) {
    uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;
    return (one < other) - (one > other);
}

typedef struct Steps {
    uint64_t *values;
    size_t count, capacity;
} Steps;

static Status add_step(Steps *steps, uint64_t step) {
    if (steps->count == steps->capacity) {
        size_t capacity = 2 * steps->capacity + 16;
        uint64_t *values = realloc(steps->values, capacity * sizeof *values);
        if (values == NULL) return status_fail(STATUS_FAILED, "out of memory");
        steps->values = values;
        steps->capacity = capacity;
    }
    steps->values[steps->count++] = step;
    return STATUS_OK;
}

/* The steps of a folder that are no more than `most` and multiples of `every`, newest first; none
 * if there is no folder. */
static Status list_some(Steps *steps, const char *folder, uint64_t every, uint64_t most) {
    Status status = STATUS_OK;
    uint64_t step;
    *steps = (Steps){NULL, 0, 0};
    DIR *entries = opendir(folder);
    if (entries == NULL && errno == ENOENT) return STATUS_OK;
    if (entries == NULL) return status_fail_errno(STATUS_CHECKPOINT, "%s", folder);
    for (struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries))
        if (parse_name(&step, entry->d_name) && step <= most && step % every == 0)
            TRY(add_step(steps, step));
    if (steps->count > 1) qsort(steps->values, steps->count, sizeof *steps->values, compare_steps);
cleanup:
    closedir(entries);
    return status;
}

static Status list_steps(Steps *steps, const char *folder) {
    return list_some(steps, folder, 1, UINT64_MAX);
}

/* Which step files are looked at. */
typedef struct Wanted {
    uint64_t every, most; /* steps: multiples of the one, up to the other */
    bool epoch_ends;      /* those whose epochs were evaluated, and no others */
} Wanted;

/* Reads a step file; *good says whether it is whole. A damaged one is warned of. */
static Status read_step(Checkpoint *read, bool *good, char *path, const char *folder,
                        uint64_t step) {
    checkpoint_step_path(path, folder, step);
    Status status = checkpoint_load(read, path);
    *good = status == STATUS_OK;
    if (status != STATUS_CHECKPOINT) return status;
    log_warning("%s; passed over", status_message());
    status_clear();
    return STATUS_OK;
}

static Status read_newest(Checkpoint *checkpoint, bool *found, char *path, const char *folder,
                          const Wanted *wanted) {
    Steps steps;
    bool damaged = false, good = false;
    *found = false;
    Status status = list_some(&steps, folder, wanted->every, wanted->most);
    for (size_t i = 0; i < steps.count && status == STATUS_OK && !*found; i++) {
        Checkpoint read = {0};
        status = read_step(&read, &good, path, folder, steps.values[i]);
        *found = good && (!wanted->epoch_ends || read.progress.epoch_step == 0);
        damaged = damaged || !good;
        if (*found)
            *checkpoint = read;
        else if (good)
            checkpoint_free(&read);
    }
    free(steps.values);
    if (status != STATUS_OK || *found || !damaged) return status;
    return status_fail(
        STATUS_CHECKPOINT,
        "%s: none of its checkpoints can be read; put back a copy or start anew with "
        "--resume never",
        folder);
}

Status checkpoint_read_newest(Checkpoint *checkpoint, bool *found, char *path, const char *folder) {
    return read_newest(checkpoint, found, path, folder, &(Wanted){.every = 1, .most = UINT64_MAX});
}

Status checkpoint_read_epoch_end(Checkpoint *checkpoint, bool *found, char *path,
                                 const char *folder, uint64_t steps_per_epoch, uint64_t most) {
    return read_newest(checkpoint, found, path, folder,
                       &(Wanted){.every = steps_per_epoch, .most = most, .epoch_ends = true});
}

bool checkpoint_has_later(const char *folder, uint64_t step) {
    Steps steps;
    if (list_steps(&steps, folder) != STATUS_OK) status_clear();
    bool later = steps.count > 0 && steps.values[0] > step;
    free(steps.values);
    return later;
}

static void remove_step(const char *folder, uint64_t step) {
    char path[PATH_MAX];
    checkpoint_step_path(path, folder, step);
    if (unlink(path) != 0) log_warning("%s: cannot be removed: %s", path, strerror(errno));
}

void checkpoint_remove_later(const char *folder, uint64_t step) {
    Steps steps;
    if (list_steps(&steps, folder) != STATUS_OK) status_clear();
    for (size_t i = 0; i < steps.count && steps.values[i] > step; i++)
        remove_step(folder, steps.values[i]);
    free(steps.values);
}

void checkpoint_prune(const char *folder, size_t keep, uint64_t step, uint64_t spared) {
    Steps steps;
    if (list_some(&steps, folder, 1, step) != STATUS_OK) status_clear();
    for (size_t i = keep; i < steps.count; i++)
        if (steps.values[i] != spared) remove_step(folder, steps.values[i]);
    free(steps.values);
}
