/* The calls on files: each is judged, made, and noted in the trace; see faults.h. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "faults.h"

enum { MOST_FILES = 256 };

/* What an open descriptor stands for; handle 0: no file of ours. */
static struct {
    char path[PATH_MAX];
    int handle;
} files[MOST_FILES];

static int handles;

static const char *path_of(int fd) {
    return fd >= 0 && fd < MOST_FILES && files[fd].handle != 0 ? files[fd].path : NULL;
}

/* ---- Opening and closing --------------------------------------------------------------------- */

static void remember(int fd, const char *path, int flags) {
    if (fd < 0 || fd >= MOST_FILES) return;
    snprintf(files[fd].path, sizeof files[fd].path, "%s", path);
    files[fd].handle = ++handles;
    const char *what = (flags & O_TRUNC) != 0   ? "empty"
                       : (flags & O_CREAT) != 0 ? "create"
                                                : "open";
    trace_note(what, files[fd].handle, 0, 0, path, NULL, NULL);
}

static int open_at(int folder, const char *path, int flags, mode_t mode) {
    char full[PATH_MAX];
    const char *ours = faults_guarded(full, path_of(folder), path);
    if (ours == NULL) return (int)syscall(SYS_openat, folder, path, flags, mode);
    bool writes = (flags & (O_CREAT | O_TRUNC)) != 0 || (flags & O_ACCMODE) != O_RDONLY;
    if (faults_judge(writes ? CALL_CREATE : CALL_OPEN, ours) != PASSES) return -1;
    trace_lock();
    int fd = (int)syscall(SYS_openat, folder, path, flags, mode);
    remember(fd, ours, flags);
    trace_unlock();
    return fd;
}

static mode_t take_mode(int flags, va_list arguments) {
    return (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
}

int open(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = take_mode(flags, arguments);
    va_end(arguments);
    return open_at(AT_FDCWD, path, flags, mode);
}

int openat(int folder, const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = take_mode(flags, arguments);
    va_end(arguments);
    return open_at(folder, path, flags, mode);
}

int creat(const char *path, mode_t mode) {
    return open_at(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

int open64(const char *path, int flags, ...) __attribute__((alias("open")));
int openat64(int folder, const char *path, int flags, ...) __attribute__((alias("openat")));
int creat64(const char *path, mode_t mode) __attribute__((alias("creat")));

int close(int fd) {
    const char *ours = path_of(fd);
    if (ours == NULL) return (int)syscall(SYS_close, fd);
    bool fails = faults_judge(CALL_CLOSE, ours) != PASSES;
    int code = errno;
    files[fd].handle = 0;
    int result = (int)syscall(SYS_close, fd);
    if (fails) errno = code;
    return fails ? -1 : result;
}

/* ---- Reading and writing --------------------------------------------------------------------- */

ssize_t read(int fd, void *bytes, size_t count) {
    const char *ours = path_of(fd);
    if (ours != NULL && faults_judge(CALL_READ, ours) != PASSES) return -1;
    return syscall(SYS_read, fd, bytes, count);
}

ssize_t pread(int fd, void *bytes, size_t count, off_t offset) {
    const char *ours = path_of(fd);
    if (ours != NULL && faults_judge(CALL_READ, ours) != PASSES) return -1;
    return syscall(SYS_pread64, fd, bytes, count, offset);
}

ssize_t pread64(int fd, void *bytes, size_t count, off_t offset) __attribute__((alias("pread")));

/* As many bytes as a write is left. */
static size_t cut(size_t count) {
    return count > 1 ? count / 2 : count;
}

ssize_t write(int fd, const void *bytes, size_t count) {
    const char *ours = path_of(fd);
    if (ours == NULL) return syscall(SYS_write, fd, bytes, count);
    Verdict verdict = faults_judge(CALL_WRITE, ours);
    if (verdict == FAILS) return -1;
    if (verdict == IS_LOST) return (ssize_t)count;
    trace_lock();
    ssize_t done = syscall(SYS_write, fd, bytes, verdict == IS_CUT ? cut(count) : count);
    if (verdict == IS_CUT) faults_cut();
    if (done > 0)
        trace_note("write", files[fd].handle, lseek(fd, 0, SEEK_CUR) - done, (size_t)done, ours,
                   NULL, bytes);
    trace_unlock();
    return done;
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) {
    const char *ours = path_of(fd);
    if (ours == NULL) return syscall(SYS_pwrite64, fd, bytes, count, offset);
    Verdict verdict = faults_judge(CALL_WRITE, ours);
    if (verdict == FAILS) return -1;
    if (verdict == IS_LOST) return (ssize_t)count;
    trace_lock();
    ssize_t done = syscall(SYS_pwrite64, fd, bytes, verdict == IS_CUT ? cut(count) : count, offset);
    if (verdict == IS_CUT) faults_cut();
    if (done > 0) trace_note("write", files[fd].handle, offset, (size_t)done, ours, NULL, bytes);
    trace_unlock();
    return done;
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off_t offset)
    __attribute__((alias("pwrite")));

int ftruncate(int fd, off_t length) {
    const char *ours = path_of(fd);
    if (ours != NULL && faults_judge(CALL_TRUNCATE, ours) != PASSES) return -1;
    trace_lock();
    int result = (int)syscall(SYS_ftruncate, fd, length);
    if (ours != NULL && result == 0)
        trace_note("truncate", files[fd].handle, length, 0, ours, NULL, NULL);
    trace_unlock();
    return result;
}

int ftruncate64(int fd, off_t length) __attribute__((alias("ftruncate")));

/* ---- Making durable -------------------------------------------------------------------------- */

/* After a failed fsync the kernel takes the pages for written and may have lost them. */
static void lose_a_page(const char *path) {
    static const char zeros[4096];
    int code = errno;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0);
    if (fd >= 0) {
        syscall(SYS_pwrite64, fd, zeros, sizeof zeros, 0);
        syscall(SYS_close, fd);
    }
    errno = code;
}

int fsync(int fd) {
    const char *ours = path_of(fd);
    if (ours == NULL) return (int)syscall(SYS_fsync, fd);
    if (faults_judge(CALL_SYNC, ours) != PASSES) {
        lose_a_page(ours);
        return -1;
    }
    trace_lock();
    trace_note("sync", files[fd].handle, 0, 0, ours, NULL, NULL);
    trace_unlock();
    return 0;
}

int fdatasync(int fd) {
    return fsync(fd);
}

/* ---- Names ----------------------------------------------------------------------------------- */

int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    char one[PATH_MAX], other[PATH_MAX];
    const char *ours = faults_guarded(other, path_of(to_folder), to);
    if (ours != NULL && faults_judge(CALL_RENAME, ours) != PASSES) return -1;
    trace_lock();
    int result = (int)syscall(SYS_renameat, from_folder, from, to_folder, to);
    if (ours != NULL && result == 0) {
        trace_note("rename", 0, 0, 0, faults_guarded(one, path_of(from_folder), from), ours, NULL);
        faults_report("renamed %s", ours);
    }
    trace_unlock();
    return result;
}

int rename(const char *from, const char *to) {
    return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

int unlinkat(int folder, const char *path, int flags) {
    char full[PATH_MAX];
    const char *ours = faults_guarded(full, path_of(folder), path);
    if (ours != NULL && faults_judge(CALL_UNLINK, ours) != PASSES) return -1;
    trace_lock();
    int result = (int)syscall(SYS_unlinkat, folder, path, flags);
    if (ours != NULL && result == 0) trace_note("unlink", 0, 0, 0, ours, NULL, NULL);
    trace_unlock();
    return result;
}

int unlink(const char *path) {
    return unlinkat(AT_FDCWD, path, 0);
}

int mkdir(const char *path, mode_t mode) {
    char full[PATH_MAX];
    const char *ours = faults_guarded(full, NULL, path);
    if (ours != NULL && faults_judge(CALL_MKDIR, ours) != PASSES) return -1;
    trace_lock();
    int result = (int)syscall(SYS_mkdir, path, mode);
    if (ours != NULL && result == 0) trace_note("mkdir", 0, 0, 0, ours, NULL, NULL);
    trace_unlock();
    return result;
}

int symlink(const char *target, const char *path) {
    char full[PATH_MAX];
    const char *ours = faults_guarded(full, NULL, path);
    if (ours != NULL && faults_judge(CALL_LINK, ours) != PASSES) return -1;
    return (int)syscall(SYS_symlink, target, path);
}

int link(const char *from, const char *to) {
    char full[PATH_MAX];
    const char *ours = faults_guarded(full, NULL, to);
    if (ours != NULL && faults_judge(CALL_LINK, ours) != PASSES) return -1;
    return (int)syscall(SYS_link, from, to);
}

/* ---- Looking --------------------------------------------------------------------------------- */

static bool may_look(const char *path) {
    char full[PATH_MAX];
    const char *ours = faults_guarded(full, NULL, path);
    return ours == NULL || faults_judge(CALL_STAT, ours) == PASSES;
}

int stat(const char *restrict path, struct stat *restrict info) {
    return may_look(path) ? fstatat(AT_FDCWD, path, info, 0) : -1;
}

int lstat(const char *restrict path, struct stat *restrict info) {
    return may_look(path) ? fstatat(AT_FDCWD, path, info, AT_SYMLINK_NOFOLLOW) : -1;
}

int fstat(int fd, struct stat *info) {
    const char *ours = path_of(fd);
    if (ours != NULL && faults_judge(CALL_STAT, ours) != PASSES) return -1;
    return fstatat(fd, "", info, AT_EMPTY_PATH);
}

DIR *opendir(const char *path) {
    char full[PATH_MAX];
    const char *ours = faults_guarded(full, NULL, path);
    if (ours != NULL && faults_judge(CALL_LIST, ours) != PASSES) return NULL;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    DIR *entries = fd < 0 ? NULL : fdopendir(fd);
    if (entries != NULL && ours != NULL) remember(fd, ours, 0);
    return entries;
}

int closedir(DIR *entries) {
    int (*original)(DIR *) = NULL;
    int fd = dirfd(entries);
    if (fd >= 0 && fd < MOST_FILES) files[fd].handle = 0;
    *(void **)&original = faults_original("closedir");
    return original(entries);
}

/* ---- stdio ----------------------------------------------------------------------------------- */

static ssize_t write_cookie(void *cookie, const char *bytes, size_t count) {
    ssize_t done = write((int)(long)cookie, bytes, count);
    return done < 0 ? 0 : done;
}

static int close_cookie(void *cookie) {
    return close((int)(long)cookie);
}

static FILE *open_cookie(const char *path, const char *mode) {
    int flags = O_WRONLY | O_CREAT | O_CLOEXEC | (*mode == 'a' ? O_APPEND : O_TRUNC);
    int fd = open(path, flags, 0666);
    if (fd < 0) return NULL;
    return fopencookie((void *)(long)fd, mode,
                       (cookie_io_functions_t){.write = write_cookie, .close = close_cookie});
}

FILE *fopen(const char *restrict path, const char *restrict mode) {
    char full[PATH_MAX];
    FILE *(*original)(const char *, const char *) = NULL;
    const char *ours = faults_guarded(full, NULL, path);
    if (ours != NULL && *mode != 'r') return open_cookie(path, mode);
    if (ours != NULL && faults_judge(CALL_OPEN, ours) != PASSES) return NULL;
    *(void **)&original = faults_original("fopen");
    return original(path, mode);
}

FILE *fopen64(const char *restrict path, const char *restrict mode) __attribute__((alias("fopen")));
