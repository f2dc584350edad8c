/* Folders that a run needs: what file system they are on, its free space, and which locks it has.
 *
 * Locks are tried on a file that is made for it and removed: what mount options say of them is one
 * thing, what a server does another. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "command/info.h"
#include "mnist_dist/data/dataset.h"

/* Whether a folder is the mount point, or below it. */
static bool lies_under(const char *folder, const char *mount) {
    size_t length = strlen(mount);
    if (strcmp(mount, "/") == 0) return true;
    return strncmp(folder, mount, length) == 0 && (folder[length] == '/' || folder[length] == '\0');
}

/* The type of the file system: the deepest mount point above counts, and there the last mount. */
static void find_type(char type[64], const char *folder) {
    FILE *mounts = setmntent("/proc/self/mounts", "re");
    size_t longest = 0;
    strcpy(type, "unknown");
    if (mounts == NULL) return;
    for (struct mntent *entry = getmntent(mounts); entry != NULL; entry = getmntent(mounts)) {
        size_t length = strlen(entry->mnt_dir);
        if (length < longest || !lies_under(folder, entry->mnt_dir)) continue;
        longest = length;
        snprintf(type, 64, "%s", entry->mnt_type);
    }
    endmntent(mounts);
}

/* ---- locks ----------------------------------------------------------------------------------- */

static const char *yes_or_no(bool good) {
    return good ? "yes" : "no";
}

static bool can_link(const char *path) {
    char other[PATH_MAX + 8];
    snprintf(other, sizeof other, "%s.link", path);
    bool good = link(path, other) == 0;
    unlink(other);
    return good;
}

static void try_locks(Facts *facts, const char *folder) {
    char path[PATH_MAX];
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if ((size_t)snprintf(path, sizeof path, "%s/.info.XXXXXX", folder) >= sizeof path) return;
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0) {
        facts_text(facts, "locks", "not tried: cannot be written (%s)", strerror(errno));
        return;
    }
    bool flocks = flock(fd, LOCK_EX | LOCK_NB) == 0;
    flock(fd, LOCK_UN);
    bool locks = fcntl(fd, F_SETLK, &whole) == 0;
    facts_text(facts, "locks", "flock %s, fcntl %s, hard links %s", yes_or_no(flocks),
               yes_or_no(locks), yes_or_no(can_link(path)));
    close(fd);
    unlink(path);
}

/* ---- folders --------------------------------------------------------------------------------- */

static void describe_folder(Facts *facts, const char *group, const char *path) {
    char folder[PATH_MAX], type[64];
    struct statvfs space;
    facts_group(facts, group);
    if (realpath(path, folder) == NULL || statvfs(folder, &space) != 0) {
        facts_text(facts, "path", "%s: %s", path, strerror(errno));
        return;
    }
    find_type(type, folder);
    facts_text(facts, "path", "%s", folder);
    facts_text(facts, "file_system", "%s%s", type, space.f_flag & ST_RDONLY ? ", read-only" : "");
    facts_count(facts, "free_bytes", (int64_t)(space.f_bavail * space.f_frsize));
    facts_count(facts, "size_bytes", (int64_t)(space.f_blocks * space.f_frsize));
    try_locks(facts, folder);
}

/* Where a run's folder would be made: the nearest that is there. */
static void find_existing(char path[PATH_MAX], const char *wanted) {
    struct stat info;
    snprintf(path, PATH_MAX, "%s", wanted);
    while (stat(path, &info) != 0 || !S_ISDIR(info.st_mode)) {
        char *slash = strrchr(path, '/');
        if (slash == NULL)
            strcpy(path, ".");
        else
            slash[slash == path ? 1 : 0] = '\0';
    }
}

static void describe_data(Facts *facts, const char *path) {
    DatasetInfo info;
    facts_group(facts, "data");
    facts_text(facts, "path", "%s", path);
    if (dataset_inspect(&info, path) != STATUS_OK) {
        facts_text(facts, "problem", "%s", status_message());
        status_clear();
        return;
    }
    facts_count(facts, "train_rows", (int64_t)info.train_rows);
    facts_count(facts, "test_rows", (int64_t)info.test_rows);
    facts_text(facts, "fingerprint", "%s", info.fingerprint);
}

void info_folders(Facts *facts, const Arguments *arguments) {
    char runs[PATH_MAX];
    find_existing(runs, arguments->out != NULL ? arguments->out : "runs");
    describe_folder(facts, "current_folder", ".");
    describe_folder(facts, "run_folder", runs);
    describe_folder(facts, "shared_memory", comm_shared_folder());
    describe_data(facts, arguments->config.data.path);
}
