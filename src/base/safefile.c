/* Write aside, fsync, rename, fsync the folder: see the header for why.
 *
 * The temporary name carries the writer's process number, so that two programs never write one
 * file, and so that what a killed writer left can be told from what is being written. Refused:
 * O_TMPFILE with linkat, which cannot replace a file that exists and which libhdf5 cannot open. */
#include "mnist_dist/base/safefile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "mnist_dist/base/process.h"

enum { FILE_MODE = 0666, FOLDER_MODE = 0777 }; /* less the umask */
enum { MOST_OF_NAME = NAME_MAX - 16 };         /* what the temporary name has of the target's */

static const char TEMPORARY_SUFFIX[] = ".tmp";

/* Where the name begins in a path: behind the last slash. */
static size_t name_offset(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash == NULL ? 0 : (size_t)(slash - path) + 1;
}

static Status check_target(const char *path, Status blame) {
    const char *name = path + name_offset(path);
    if (*name == '\0') return status_fail(blame, "%s: names a folder; name a file in it", path);
    struct stat info;
    if (lstat(path, &info) != 0) {
        return errno == ENOENT ? STATUS_OK : status_fail_errno(blame, "%s", path);
    }
    if (S_ISREG(info.st_mode)) return STATUS_OK;
    const char *kind = S_ISDIR(info.st_mode)   ? "a folder"
                       : S_ISLNK(info.st_mode) ? "a symbolic link"
                                               : "no regular file";
    return status_fail(blame, "%s: is %s, which is not replaced; name another file", path, kind);
}

static Status choose_names(SafeFile *file, const char *path, Status blame) {
    size_t offset = name_offset(path);
    int target = snprintf(file->target, sizeof file->target, "%s", path);
    int temporary =
        snprintf(file->temporary, sizeof file->temporary, "%.*s.%.*s.%ld%s", (int)offset, path,
                 MOST_OF_NAME, path + offset, (long)getpid(), TEMPORARY_SUFFIX);
    if ((size_t)target < sizeof file->target && (size_t)temporary < sizeof file->temporary)
        return STATUS_OK;
    file->temporary[0] = '\0';
    return status_fail(blame, "%.200s...: the path is too long", path);
}

static int create_temporary(const char *path) {
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    int fd = open(path, flags, FILE_MODE);
    if (fd >= 0 || errno != EEXIST) return fd;
    /* A killed writer had our process number, as happens in containers. */
    return unlink(path) == 0 ? open(path, flags, FILE_MODE) : -1;
}

Status safefile_begin(SafeFile *file, const char *path, Status blame) {
    Status status;
    *file = (SafeFile){.temporary = ""};
    TRY(check_target(path, blame));
    TRY(choose_names(file, path, blame));
    int fd = create_temporary(file->temporary);
    if (fd < 0) {
        file->temporary[0] = '\0';
        TRY(status_fail_errno(blame, "%s: cannot be written", path));
    }
    close(fd);
cleanup:
    return status;
}

/* fsync of a folder that cannot be fsynced (some FUSE file systems) says EINVAL: nothing to do. */
static Status sync_folder(int fd, const char *path, Status blame) {
    if (fsync(fd) == 0 || errno == EINVAL) return STATUS_OK;
    return status_fail_errno(blame, "%s: its folder cannot be made durable", path);
}

/* Opens the folder that holds `path`; -1 with errno. */
static int open_folder_of(const char *path) {
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%.*s", (int)name_offset(path), path);
    return open(folder[0] == '\0' ? "." : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static Status sync_file(const SafeFile *file, Status blame) {
    int fd = open(file->temporary, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return status_fail_errno(blame, "%s: cannot be opened", file->temporary);
    Status status = STATUS_OK;
    if (fsync(fd) != 0)
        status = status_fail_errno(blame, "%s: cannot be made durable", file->target);
    if (close(fd) != 0 && status == STATUS_OK)
        status = status_fail_errno(blame, "%s: cannot be closed", file->target);
    return status;
}

static Status put_in_place(SafeFile *file, Status blame) {
    if (rename(file->temporary, file->target) != 0)
        return status_fail_errno(blame, "%s: cannot be put in place", file->target);
    file->temporary[0] = '\0';
    return STATUS_OK;
}

Status safefile_commit(SafeFile *file, Status blame) {
    Status status;
    int folder = open_folder_of(file->target);
    if (folder < 0) TRY(status_fail_errno(blame, "%s: its folder cannot be opened", file->target));
    TRY(check_target(file->target, blame));
    TRY(sync_file(file, blame));
    TRY(put_in_place(file, blame));
    TRY(sync_folder(folder, file->target, blame));
cleanup:
    if (folder >= 0) close(folder);
    safefile_abandon(file);
    return status;
}

void safefile_abandon(SafeFile *file) {
    if (file->temporary[0] != '\0') unlink(file->temporary);
    file->temporary[0] = '\0';
}

Status safefile_try(const char *path, Status blame) {
    SafeFile file;
    Status status = safefile_begin(&file, path, blame);
    safefile_abandon(&file);
    return status;
}

static Status write_bytes(const SafeFile *file, const char *bytes, size_t count, Status blame) {
    int fd = open(file->temporary, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return status_fail_errno(blame, "%s: cannot be opened", file->temporary);
    Status status = STATUS_OK;
    while (count > 0 && status == STATUS_OK) {
        ssize_t done = write(fd, bytes, count);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) status = status_fail_errno(blame, "%s: cannot be written", file->target);
        if (done > 0) bytes += done, count -= (size_t)done;
    }
    if (close(fd) != 0 && status == STATUS_OK)
        status = status_fail_errno(blame, "%s: cannot be closed", file->target);
    return status;
}

Status safefile_write(const char *path, const void *bytes, size_t count, Status blame) {
    Status status;
    SafeFile file;
    TRY(safefile_begin(&file, path, blame));
    TRY(write_bytes(&file, bytes, count, blame));
    TRY(safefile_commit(&file, blame));
cleanup:
    safefile_abandon(&file);
    return status;
}

Status safefile_replace(const char *path, const void *bytes, size_t count, Status blame) {
    Status status;
    SafeFile file;
    TRY(safefile_begin(&file, path, blame));
    TRY(write_bytes(&file, bytes, count, blame));
    TRY(put_in_place(&file, blame));
cleanup:
    safefile_abandon(&file);
    return status;
}

/* Makes one folder, and its entry durable: a file in it is as durable as the folder is. */
static Status make_one_folder(const char *path, Status blame) {
    struct stat info;
    if (mkdir(path, FOLDER_MODE) != 0) {
        int code = errno;
        if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) return STATUS_OK;
        errno = code;
        return status_fail_errno(blame, "%s: the folder cannot be made", path);
    }
    int parent = open_folder_of(path);
    if (parent < 0) return STATUS_OK; /* one may write into a folder that one may not list */
    Status status = sync_folder(parent, path, blame);
    close(parent);
    return status;
}

Status safefile_make_folder(const char *path, Status blame) {
    char part[PATH_MAX];
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof part)
        return status_fail(blame, "%.200s: not a folder's path", length == 0 ? "''" : path);
    for (size_t i = 1; i <= length; i++) {
        if ((path[i] != '/' && path[i] != '\0') || path[i - 1] == '/') continue;
        snprintf(part, sizeof part, "%.*s", (int)i, path);
        Status status = make_one_folder(part, blame);
        if (status != STATUS_OK) return status;
    }
    return STATUS_OK;
}

/* Whether this is ".PREFIX*.PID.tmp" and that process is gone, or is this one. */
static bool is_left_over(const char *name, const char *prefix) {
    size_t length = strlen(name), suffix = sizeof TEMPORARY_SUFFIX - 1;
    if (name[0] != '.' || strncmp(name + 1, prefix, strlen(prefix)) != 0 || length <= suffix)
        return false;
    const char *end = name + length - suffix;
    const char *digits = end;
    while (digits > name && digits[-1] >= '0' && digits[-1] <= '9') digits--;
    if (strcmp(end, TEMPORARY_SUFFIX) != 0 || digits == end || end - digits > 9) return false;
    if (digits == name || digits[-1] != '.') return false;
    long writer = strtol(digits, NULL, 10);
    return writer == (long)getpid() || !process_is_running(writer);
}

/* Whether it was last written to so many seconds ago, by this host's clock and the file's date. */
static bool is_older(int folder, const char *name, double age) {
    struct stat info;
    if (age <= 0) return true;
    return fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
           difftime(time(NULL), info.st_mtime) >= age;
}

void safefile_sweep(const char *folder, const char *prefix, double age) {
    DIR *entries = opendir(folder);
    if (entries == NULL) return;
    for (struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        if (is_left_over(entry->d_name, prefix) && is_older(dirfd(entries), entry->d_name, age))
            unlinkat(dirfd(entries), entry->d_name, 0);
    }
    closedir(entries);
}
