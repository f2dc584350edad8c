/* See futex.h. glibc has no function for it. */
#include "dist/futex.h"

#include <limits.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void futex_sleep(_Atomic uint32_t *number, uint32_t value, long nanoseconds) {
    const struct timespec most = {.tv_nsec = nanoseconds};
    syscall(SYS_futex, number, FUTEX_WAIT, value, &most, NULL, 0);
}

void futex_wake(_Atomic uint32_t *number) {
    syscall(SYS_futex, number, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}
