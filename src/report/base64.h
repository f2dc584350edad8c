/* Bytes as text (RFC 4648, section 4), for what a page carries within itself. */
#pragma once

#include <stddef.h>

#include "mnist_dist/base/status.h"

/* `prefix` and the bytes in base64; *text is freed by the caller. */
Status base64_text(char **text, const char *prefix, const void *bytes, size_t count);
