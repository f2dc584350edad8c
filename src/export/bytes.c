/* A whole file in memory; a FIFO or a device is refused, not waited for. */
#include "export/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static Status check(const struct stat *info, const char *path, size_t most, Status blame) {
    if (!S_ISREG(info->st_mode)) return status_fail(blame, "%s: is no regular file", path);
    if ((size_t)info->st_size <= most) return STATUS_OK;
    return status_fail(blame, "%s: is larger than the %zu MiB that are taken", path, most >> 20);
}

static Status read_all(char *bytes, size_t count, int fd, const char *path, Status blame) {
    for (size_t done = 0; done < count;) {
        ssize_t got = read(fd, bytes + done, count - done);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return status_fail_errno(blame, "%s: cannot be read", path);
        if (got == 0) return status_fail(blame, "%s: shrank while it was read", path);
        done += (size_t)got;
    }
    return STATUS_OK;
}

Status bytes_read(char **bytes, size_t *count, const char *path, size_t most, Status blame) {
    struct stat info;
    Status status;
    *bytes = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &info) != 0)
        TRY(status_fail_errno(blame, "%s: cannot be opened", path));
    TRY(check(&info, path, most, blame));
    *count = (size_t)info.st_size;
    *bytes = malloc(*count + 1);
    if (*bytes == NULL) TRY(status_fail(STATUS_FAILED, "%s: out of memory", path));
    TRY(read_all(*bytes, *count, fd, path, blame));
cleanup:
    if (fd >= 0) close(fd);
    if (status != STATUS_OK) {
        free(*bytes);
        *bytes = NULL;
    }
    return status;
}
