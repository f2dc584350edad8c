/* A function that reads what may do harm, in a process of its own: a forked child with limits on
 * memory and time, that can open no file and write none.
 *
 * A parser that crashes, hangs or asks for all memory takes the child with it and nothing else; the
 * caller gets one line. The child has what the caller had in memory, so that bytes are read before
 * and need no copy; what it found out comes back as bytes over a pipe, and the caller believes none
 * of them unseen. Standard output and error of the child lead nowhere. TERM, INT and the like are
 * the caller's business: the child ignores them and dies with the caller.
 *
 * The child has no thread but the one that forked, so nobody else may be within libhdf5, or hold
 * another lock that the task wants, at that moment; the locks of malloc are the C library's care.
 * Refused: starting a program anew, which in an MPI job would join the job; seccomp, whose list of
 * allowed calls changes with the C library. */
#pragma once

#include <stddef.h>

#include "mnist_dist/base/status.h"

typedef struct SandboxLimits {
    size_t memory;    /* bytes that the task may take, beside what is there when it starts */
    unsigned seconds; /* of time on the clock, and of processor time */
    unsigned files;   /* that it may have open at a time; 0 for a task on bytes */
} SandboxLimits;

/* What the task found out. */
typedef struct SandboxAnswer {
    char *bytes; /* (count) */
    size_t count, capacity;
} SandboxAnswer;

/* Adds bytes to an answer; STATUS_FAILED if there is no memory for them. */
Status sandbox_add(SandboxAnswer *answer, const void *bytes, size_t count);

/* Limits for a task on the bytes of a file of this size. */
SandboxLimits sandbox_limits(size_t file_size);

/* Runs task(answer, context) in a child. Its failure is returned as `blame` with its own line;
 * a crash, too much time or memory as `blame` with a line that begins with `name`, the file's. The
 * caller frees answer->bytes, which is NULL after a failure; at most limits.memory bytes come. */
Status sandbox_run(SandboxAnswer *answer, Status (*task)(SandboxAnswer *answer, void *context),
                   void *context, const SandboxLimits *limits, const char *name, Status blame);

/* Does read(path) in a child, and nothing if the file is sealed (h5file.h): what a file without
 * digests does to its reader is then known before the caller reads it. Its failure or the child's
 * as above; a file that cannot be examined is left to the caller. */
Status sandbox_try(Status (*read)(const char *path), const char *path, Status blame);
