/* The trace of what a program did to a folder: a line per call, followed by the bytes written.
 *
 *     CALL HANDLE OFFSET SIZE PATH<tab>OTHER<newline>BYTES
 *
 * CALL is create, open, write, truncate, sync, rename, unlink, mkdir, link. HANDLE numbers the
 * opens. tests/faults/power.c replays it. */
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "faults.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int file = -1;

__attribute__((constructor)) static void open_trace(void) {
    const char *path = getenv("FAULTS_TRACE");
    if (path != NULL)
        file = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
                            0666);
}

void trace_lock(void) {
    pthread_mutex_lock(&mutex);
}

void trace_unlock(void) {
    pthread_mutex_unlock(&mutex);
}

void trace_note(const char *what, int handle, off_t offset, size_t size, const char *path,
                const char *other, const void *data) {
    if (file < 0) return;
    dprintf(file, "%s %d %lld %zu %s\t%s\n", what, handle, (long long)offset, size,
            path == NULL ? "" : path, other == NULL ? "" : other);
    if (data != NULL) syscall(SYS_write, file, data, size);
}
