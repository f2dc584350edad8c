/* A whole file in memory. */
#pragma once

#include <stddef.h>

#include "mnist_dist/base/status.h"

/* Reads a regular file of at most `most` bytes, which the caller frees; `blame` is the status of
 * failures. */
Status bytes_read(char **bytes, size_t *count, const char *path, size_t most, Status blame);
