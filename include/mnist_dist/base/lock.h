/* A lock that is a file: who holds what is in its folder.
 *
 * It says host, process and since when, and works on any file system that has hard links or
 * exclusive creation, NFS among them. One whose process is gone is taken over, by exactly one of
 * those who try; one of another host or container, whose process cannot be looked at, is refused,
 * and a person (or the batch system that has seen the host die) removes the file. Its holder then
 * finds that the lock is no longer its own and stops writing: see lock_check. */
#pragma once

#include <stdbool.h>

#include "mnist_dist/base/status.h"

typedef struct Lock Lock;

/* Takes the lock `path`. STATUS_USAGE with one line that names the holder and the remedy if it is
 * another's; STATUS_FAILED if the file cannot be written. */
Status lock_take(Lock **out, const char *path);

/* Reads the file again: `blame`, with a line that says whose it is, once it is not ours any more;
 * also `blame` while it cannot be read. NULL is always held. Any thread may call it. Between this
 * and a rename that follows, time passes: the less, the better. */
Status lock_check(Lock *lock, Status blame);

/* Whether a check has found that it is another's or gone. */
bool lock_is_lost(const Lock *lock);

/* Removes the file if it is still ours. NULL is fine. */
void lock_release(Lock *lock);
