/* A lock that is a file; see lock.h.
 *
 * The text is written under another name, made durable and linked to the lock's name, which fails
 * if there is one: so it is whole whenever it is seen. What two starters do that both find the lock
 * of a dead process L: each tries to link its text to the name "lock.after-DIGEST(L)". One succeeds
 * and is the next holder, since who reads the lock goes on to the file after it, to the end of that
 * chain. If it dies as well, its successor comes after it in the same way. The new holder renames
 * its file to "lock", which ends the chain: L's successors' names mean nothing any more. A starter
 * who was so slow as to link one then sees, reading the chain anew, that it does not stand in it.
 *
 * Refused: flock and fcntl, which some NFS and Lustre mounts have not, or have per host; removing a
 * stale lock and making a new one, by which the second remover removes the first one's new lock;
 * renaming over it, by which two take it in turn, each believing that it is theirs; a lease that is
 * renewed, which a stopped holder loses without knowing. */
#include "mnist_dist/base/lock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "mnist_dist/base/clock.h"
#include "mnist_dist/base/digest.h"
#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/process.h"

enum {
    LOCK_TEXT = 768,
    FILE_MODE = 0666, /* less the umask */
    MOST_TRIES = 500,
    PAUSE_NANOSECONDS = 10000000
};

static const char AFTER[] = "after-";

struct Lock {
    char path[PATH_MAX - 64];
    char temporary[PATH_MAX]; /* with our text; "" when it is gone */
    char text[LOCK_TEXT];     /* what the file holds while it is ours */
    ProcessName own;
    atomic_bool lost;
};

/* A lock file as it was read. */
typedef struct Holder {
    char text[LOCK_TEXT];
    ProcessName name;
    char since[24];
} Holder;

/* ---- One file -------------------------------------------------------------------------------- */

static void write_text(Lock *lock) {
    const ProcessName *own = &lock->own;
    char date[21];
    clock_date(date);
    snprintf(lock->text, sizeof lock->text,
             "host %s\npid %ld\nstarted %llu\nboot %s\nspace %s\nsince %s\n", own->host, own->pid,
             own->started, own->boot, own->space, date);
}

static bool parse(Holder *holder) {
    ProcessName *name = &holder->name;
    /* NOLINTNEXTLINE(cert-err34-c): glibc's takes what is too large for the largest number */
    return sscanf(holder->text, "host %255s pid %ld started %llu boot %63s space %63s since %23s",
                  name->host, &name->pid, &name->started, name->boot, name->space,
                  holder->since) == 6;
}

/* 0, or errno. What is no regular file is EINVAL. */
static int read_file(char text[LOCK_TEXT], const char *path) {
    struct stat info;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return errno;
    bool regular = fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
    ssize_t length = regular ? read(fd, text, LOCK_TEXT - 1) : 0;
    int problem = !regular ? EINVAL : length < 0 ? errno : 0;
    close(fd);
    if (problem == 0) text[length] = '\0';
    return problem;
}

static bool holds_text(const char *path, const char *text) {
    char there[LOCK_TEXT];
    return read_file(there, path) == 0 && strcmp(there, text) == 0;
}

/* Creates `path` with our text in it, durable, if there is no such file. 0, or errno. */
static int create(const Lock *lock, const char *path) {
    size_t length = strlen(lock->text);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
    if (fd < 0) return errno;
    errno = ENOSPC; /* what a short write means */
    bool good = write(fd, lock->text, length) == (ssize_t)length && fsync(fd) == 0;
    int problem = good ? 0 : errno;
    if (close(fd) != 0 && good) problem = errno;
    if (problem != 0) unlink(path);
    return problem;
}

/* Gives our text the name `path` if nothing has it. Over NFS a link may be made though its answer
 * is lost; some file systems have no links, and there a reader may see a file not yet written. */
static int claim(const Lock *lock, const char *path) {
    struct stat info;
    if (link(lock->temporary, path) == 0) return 0;
    int problem = errno;
    if (stat(lock->temporary, &info) == 0 && info.st_nlink == 2 && holds_text(path, lock->text))
        return 0;
    bool has_no_links = problem == EPERM || problem == ENOSYS || problem == EOPNOTSUPP;
    return has_no_links ? create(lock, path) : problem;
}

static Status create_temporary(Lock *lock) {
    const char *slash = strrchr(lock->path, '/');
    size_t folder = slash == NULL ? 0 : (size_t)(slash - lock->path) + 1;
    snprintf(lock->temporary, sizeof lock->temporary, "%.*s.%s.%016llx.%ld.tmp", (int)folder,
             lock->path, lock->path + folder,
             (unsigned long long)digest64(lock->text, strlen(lock->text)), lock->own.pid);
    unlink(lock->temporary);
    int problem = create(lock, lock->temporary);
    if (problem == 0) return STATUS_OK;
    lock->temporary[0] = '\0';
    errno = problem;
    return status_fail_errno(STATUS_FAILED, "%s: cannot be written", lock->path);
}

/* ---- The chain ------------------------------------------------------------------------------- */

/* What stands at the end of the chain. */
typedef struct End {
    bool exists;
    Holder holder;
    char next[PATH_MAX]; /* the name of who comes after it */
} End;

/* Reads from the lock on to the last file after it. */
static Status find_end(End *end, const Lock *lock) {
    *end = (End){.exists = false};
    snprintf(end->next, sizeof end->next, "%s", lock->path);
    for (;;) {
        char text[LOCK_TEXT];
        int problem = read_file(text, end->next);
        if (problem == ENOENT) return STATUS_OK;
        memcpy(end->holder.text, text, sizeof text);
        if (problem != 0 || !parse(&end->holder))
            return status_fail(
                STATUS_USAGE, "%s: %s; if no other run writes into this folder, remove it",
                end->next, problem == 0 ? "is no lock of a run" : "cannot be read as a lock");
        end->exists = true;
        snprintf(end->next, sizeof end->next, "%s.%s%016llx", lock->path, AFTER,
                 (unsigned long long)digest64(text, strlen(text)));
    }
}

/* The names after locks that are no more: ours is "lock" now. */
static void remove_chain(const Lock *lock) {
    char folder[PATH_MAX], start[NAME_MAX];
    const char *slash = strrchr(lock->path, '/');
    int length = slash == NULL ? 0 : (int)(slash - lock->path) + 1;
    snprintf(folder, sizeof folder, "%.*s", length, lock->path);
    snprintf(start, sizeof start, "%.200s.%s", lock->path + length, AFTER);
    DIR *entries = opendir(length == 0 ? "." : folder);
    if (entries == NULL) return;
    for (struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries))
        if (strncmp(entry->d_name, start, strlen(start)) == 0)
            unlinkat(dirfd(entries), entry->d_name, 0);
    closedir(entries);
}

static Status refuse(const Lock *lock, const Holder *holder, ProcessLife life) {
    const ProcessName *name = &holder->name;
    if (life == PROCESS_ALIVE)
        return status_fail(STATUS_USAGE,
                           "%s: process %ld on host %s has been writing into this folder since %s; "
                           "wait for it, or give another folder with --out",
                           lock->path, name->pid, name->host, holder->since);
    return status_fail(STATUS_USAGE,
                       "%s: process %ld on host %s, which cannot be looked at from here, has been "
                       "writing into this folder since %s; give another folder with --out or, if "
                       "that run is surely dead, remove this file",
                       lock->path, name->pid, name->host, holder->since);
}

/* ---- Taking and keeping ---------------------------------------------------------------------- */

static bool is_ours(const Lock *lock, const End *end) {
    return end->exists && strcmp(end->holder.text, lock->text) == 0;
}

/* Our text has been given the name after a dead holder's. If it is the chain's end it becomes the
 * lock; else we came too late. */
static bool succeed(const Lock *lock, const char *claimed) {
    End end;
    bool is_next = find_end(&end, lock) == STATUS_OK && is_ours(lock, &end);
    status_clear();
    if (is_next) (void)rename(claimed, lock->path);
    if (is_next && holds_text(lock->path, lock->text)) {
        remove_chain(lock);
        return true;
    }
    if (holds_text(claimed, lock->text)) unlink(claimed);
    return false;
}

/* Tries once; *taken is false, without a failure, if another was faster. The winner sweeps the
 * folder, and so another host's loser may miss its temporary file. */
static Status try_taking(bool *taken, Lock *lock) {
    End end;
    Status status = find_end(&end, lock);
    if (status != STATUS_OK) return status;
    ProcessLife life = end.exists ? process_life(&end.holder.name, &lock->own) : PROCESS_GONE;
    if (life != PROCESS_GONE) return refuse(lock, &end.holder, life);
    int problem = claim(lock, end.next);
    *taken = problem == 0 && (!end.exists || succeed(lock, end.next));
    if (problem == 0 || problem == EEXIST) return STATUS_OK;
    if (problem == ENOENT) return create_temporary(lock);
    errno = problem;
    return status_fail_errno(STATUS_FAILED, "%s: cannot be written", lock->path);
}

static Status try_often(Lock *lock) {
    const struct timespec pause = {.tv_nsec = PAUSE_NANOSECONDS};
    for (int i = 0; i < MOST_TRIES; i++) {
        bool taken = false;
        Status status = try_taking(&taken, lock);
        if (status != STATUS_OK || taken) return status;
        nanosleep(&pause, NULL);
    }
    return status_fail(STATUS_USAGE, "%s: many runs try to start in this folder; start one",
                       lock->path);
}

Status lock_take(Lock **out, const char *path) {
    Lock *lock = NULL;
    Status status = STATUS_OK;
    *out = NULL;
    TRY(MEMORY_NEW(&lock, 1));
    if ((size_t)snprintf(lock->path, sizeof lock->path, "%s", path) >= sizeof lock->path)
        TRY(status_fail(STATUS_USAGE, "%.200s...: the path is too long", path));
    process_name(&lock->own);
    write_text(lock);
    TRY(create_temporary(lock));
    TRY(try_often(lock));
    *out = lock;
cleanup:
    if (lock != NULL && lock->temporary[0] != '\0') unlink(lock->temporary);
    if (status != STATUS_OK) free(lock);
    return status;
}

/* A missing file means something only if its folder is there. */
static bool folder_is_there(const Lock *lock) {
    char folder[PATH_MAX];
    const char *slash = strrchr(lock->path, '/');
    int length = slash == NULL ? 0 : (int)(slash - lock->path) + 1;
    snprintf(folder, sizeof folder, "%.*s", length, lock->path);
    return access(length == 0 ? "." : folder, F_OK) == 0;
}

Status lock_check(Lock *lock, Status blame) {
    Holder holder = {0};
    if (lock == NULL) return STATUS_OK;
    int problem = read_file(holder.text, lock->path);
    if (problem == 0 && strcmp(holder.text, lock->text) == 0) return STATUS_OK;
    bool gone = problem == ENOENT && folder_is_there(lock);
    if (problem != 0 && !gone) {
        errno = problem;
        return status_fail_errno(blame, "%s: cannot be read", lock->path);
    }
    atomic_store(&lock->lost, true);
    if (gone || !parse(&holder))
        return status_fail(blame,
                           "%s: has been removed, so this run may write no more; the newest "
                           "checkpoint stands, run again to go on from it",
                           lock->path);
    return status_fail(blame,
                       "%s: process %ld on host %s has taken this folder over at %s, so this run "
                       "may write no more and stops",
                       lock->path, holder.name.pid, holder.name.host, holder.since);
}

bool lock_is_lost(const Lock *lock) {
    return lock != NULL && atomic_load(&lock->lost);
}

void lock_release(Lock *lock) {
    if (lock == NULL) return;
    if (holds_text(lock->path, lock->text)) unlink(lock->path);
    free(lock);
}
