/* Zeroed and aligned memory; see memory.h. */
#include "mnist_dist/base/memory.h"

#include <stdlib.h>
#include <string.h>

void *memory_zeroed(size_t count, size_t size) {
    size_t bytes = 0, padded = 0;
    if (!__builtin_mul_overflow(count, size, &bytes) &&
        !__builtin_add_overflow(bytes, (size_t)MEMORY_ALIGNMENT, &padded)) {
        padded -= padded % MEMORY_ALIGNMENT;
        void *memory = aligned_alloc(MEMORY_ALIGNMENT, padded);
        if (memory != NULL) return memset(memory, 0, padded);
    }
    status_fail(STATUS_FAILED, "out of memory: %zu times %zu bytes are not to be had", count, size);
    return NULL;
}
