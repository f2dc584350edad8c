/* Files that appear whole or not at all: written under another name, fsynced, renamed, and the
 * folder fsynced.
 *
 * No moment exists at which a reader finds half a file, or at which the old file is gone and the
 * new one not durable. After a failed fsync the file is discarded: a second fsync proves nothing
 * (Rebello et al., "Can applications recover from fsync failures?", USENIX ATC 2020). A target that
 * exists and is no regular file (/dev/null, a folder, a symbolic link) is refused. */
#pragma once

#include <limits.h>
#include <stddef.h>

#include "mnist_dist/base/status.h"

typedef struct SafeFile {
    char target[PATH_MAX];
    char temporary[PATH_MAX]; /* beside the target: ".NAME.PID.tmp"; "" when nothing is under way */
} SafeFile;

/* Chooses the temporary name, refuses a bad target, and creates the temporary file (umask's mode,
 * never through a link). On failure nothing is left. `blame` is the status of failures. */
Status safefile_begin(SafeFile *file, const char *path, Status blame);

/* Makes the temporary file durable and gives it the target's name. On failure it is removed. */
Status safefile_commit(SafeFile *file, Status blame);

/* Removes the temporary file, if one is under way. Harmless after a commit or on a zeroed struct.
 */
void safefile_abandon(SafeFile *file);

/* Whether a file can be begun there, before long work is done for it: begin, abandon. */
Status safefile_try(const char *path, Status blame);

/* Begin, write these bytes, commit. */
Status safefile_write(const char *path, const void *bytes, size_t count, Status blame);

/* The same for what is looked at now and worth nothing after a crash: readers find the old or the
 * new bytes, but nothing is made durable, so that it costs microseconds. */
Status safefile_replace(const char *path, const void *bytes, size_t count, Status blame);

/* Makes a folder and the folders above it; one that exists is fine. */
Status safefile_make_folder(const char *path, Status blame);

/* Removes from a folder the temporary files of targets whose names begin with `prefix`, whose
 * writers are gone and which nobody has written to for `age` seconds. Files under this process's
 * own number count as left over too (in containers numbers recur), so the caller must not be
 * writing one. A writer on another host is taken to be gone: unless a lock keeps others out of the
 * folder, give an age that no living one lets pass. */
void safefile_sweep(const char *folder, const char *prefix, double age);
