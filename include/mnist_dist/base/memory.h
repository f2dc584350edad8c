/* Memory for vectors: zeroed, aligned to 64 bytes, released with free().
 *
 * Zeroed, so that no bit of a result can hang on what was there before; aligned, so that vector
 * units and OpenBLAS meet the same alignment at every rank. Nothing is allocated within a step. */
#pragma once

#include <stddef.h>

#include "mnist_dist/base/status.h"

enum { MEMORY_ALIGNMENT = 64 };

/* Returns count * size zeroed bytes, or NULL with the failure recorded (STATUS_FAILED). A count
 * of 0 gives one byte, so that NULL always means failure. */
void *memory_zeroed(size_t count, size_t size) __attribute__((malloc));

/* `TRY(MEMORY_NEW(&vector, count))`: a typed memory_zeroed. */
#define MEMORY_NEW(pointer, count)                                                                 \
    ((*(pointer) = memory_zeroed((count), sizeof **(pointer))) != NULL ? STATUS_OK : STATUS_FAILED)
