/* Linux saves AMX's tile registers only for a process that asked for it (the kernel's
 * Documentation/arch/x86/xstate.rst); one that did not is killed by its first tile instruction. */
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "nn/families.h"

#if defined(__x86_64__)

#include <cpuid.h>

enum { ARCH_REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };

/* CPUID leaf 7: AMX-BF16 is bit 22 of EDX, AMX-TILE bit 24. */
static bool cpu_has_amx(void) {
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d >> 22 & 1) != 0 && (d >> 24 & 1) != 0;
}

bool amx_request(void) {
    return cpu_has_amx() && syscall(SYS_arch_prctl, ARCH_REQUEST_PERMISSION, TILE_DATA) == 0;
}

#else

bool amx_request(void) {
    return false;
}

#endif
