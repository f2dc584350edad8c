/* The unpacked bytes of a gzip file, made ahead by a thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "mnist_dist/base/status.h"

typedef struct Gunzip Gunzip;

enum { GUNZIP_RAW = 65536 };

/* Starts to unpack: first the `count` raw bytes given here (copied; at most GUNZIP_RAW), then what
 * the descriptor gives, which stays the caller's and is read by nobody else until gunzip_stop.
 * `path` is for messages and must outlive it. */
Status gunzip_start(Gunzip **out, const char *path, int descriptor, const uint8_t *raw,
                    size_t count);

/* Copies the next bytes, up to `space` of them: none (*got) only at the end of the data. *taken is
 * the number of raw bytes that were read for them and those before. STATUS_DATA, after all bytes
 * that are good, if the file cannot be read, if the gzip data are cut short or damaged, or if
 * something else follows them. */
Status gunzip_read(void *bytes, size_t *got, uint64_t *taken, Gunzip *gunzip, size_t space);

/* Ends the thread, wherever it is, and frees. NULL is fine. */
void gunzip_stop(Gunzip *gunzip);
