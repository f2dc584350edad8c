/* A library for LD_PRELOAD that makes one call of a program go wrong, and says what it saw.
 *
 * Told by the environment, so that the program under test is the one that is shipped:
 *
 *   FAULTS_FOLDER  calls on files under this folder count, and no others
 *   FAULTS_RANK    in this MPI rank only; in every process of mnist_dist if it is not set
 *   FAULTS_KIND    what goes wrong: a name of the table in faults.c, which also says in which calls
 *   FAULTS_AT      number of the first call that does, from 1; none does if it is not set
 *   FAULTS_ON      if set, all calls from then on do
 *   FAULTS_REPORT  file for lines of text: `renamed PATH`, `hit NUMBER CALL PATH`, `counted NUMBER`
 *   FAULTS_TRACE   file for all that changes the folder, with data: see trace.c
 *   FAULTS_MESSAGE number of the message received, of those that message.c counts, that is spoilt
 *   FAULTS_CLOCK   seconds by which CLOCK_REALTIME jumps, forwards and back, at every reading
 *
 * fsync does not reach the disk, since no power is lost here: tests run faster. What stdio writes
 * to a file under the folder goes through our write, since libc's own calls cannot be seen. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

typedef enum Call {
    CALL_OPEN = 1,
    CALL_CREATE = 2, /* an open that makes, empties or may write a file */
    CALL_READ = 4,
    CALL_WRITE = 8,
    CALL_TRUNCATE = 16,
    CALL_SYNC = 32,
    CALL_CLOSE = 64,
    CALL_RENAME = 128,
    CALL_UNLINK = 256,
    CALL_MKDIR = 512,
    CALL_LINK = 1024,
    CALL_STAT = 2048,
    CALL_LIST = 4096,
    CALL_ALLOCATE = 8192
} Call;

/* What becomes of a call. */
typedef enum Verdict { PASSES, FAILS, IS_CUT, IS_LOST } Verdict;

/* Counts a call. FAILS: errno is set. IS_CUT: half of the bytes are written;
 * IS_LOST: none, and the call says that all are. A process that is to
 * die before the call does not return; one that is to die within a write gets IS_CUT and calls
 * faults_cut next. */
Verdict faults_judge(Call call, const char *path);
void faults_cut(void);

/* Whether calls of this sort are counted. */
bool faults_counts(Call call);

/* The path as an absolute one if it is under the folder, in `full` (PATH_MAX); else NULL. `at` is
 * the folder's path that it is relative to; NULL: the working folder. */
const char *faults_guarded(char *full, const char *at, const char *path);

/* A line of the report. */
void faults_report(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The original of a function that this library has under the same name. */
void *faults_original(const char *name);

/* The trace; the lock is held over the call itself too, so that the order is the true one. */
void trace_lock(void);
void trace_unlock(void);
void trace_note(const char *what, int handle, off_t offset, size_t size, const char *path,
                const char *other, const void *data);
