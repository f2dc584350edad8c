/* Many digits as one PNG in memory, side by side: a page shows parts of it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "mnist_dist/base/status.h"

/* images (·, 28, 28), of which `order` (count) says which stand there, `columns` in a row; order
 * NULL: the first count. *url is "data:image/png;base64,..." and freed by the caller. */
Status sprite_url(char **url, const uint8_t *images, const uint32_t *order, size_t count,
                  size_t columns);
