/* Cutting n things into equal consecutive parts: samples into shards, shards onto ranks, blocks
 * into slices. One formula everywhere, floor(i n / parts), so that two ranks get 43 and 43 of a
 * batch of 86, and every part differs from another by one at most. */
#pragma once

#include <stddef.h>

/* Where part i of `parts` begins among n things; i = parts gives n. */
static inline size_t shard_begin(size_t i, size_t n, size_t parts) {
    return i * n / parts;
}

/* How many things part i holds. */
static inline size_t shard_size(size_t i, size_t n, size_t parts) {
    return shard_begin(i + 1, n, parts) - shard_begin(i, n, parts);
}

/* The most that any part holds: ceil(n / parts). */
static inline size_t shard_capacity(size_t n, size_t parts) {
    return (n + parts - 1) / parts;
}
