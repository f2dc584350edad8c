/* Pictures as 8-bit gray, out of PNG and JPEG files. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mnist_dist/base/status.h"
#include "source.h"

typedef struct Gray {
    const char *path;
    size_t width, height; /* in pixels */
    uint8_t *pixels;      /* (height, width); owned */
    bool transparent;     /* the file may have transparent pixels, shown as the `paper` asked for */
} Gray;

enum {
    GRAY_MAX_FILE = 63 << 20,  /* bytes that are read of a file */
    GRAY_MAX_PIXELS = 64 << 20 /* more are refused before they are unpacked */
};

/* Reads a whole source, of less than GRAY_MAX_FILE bytes, into memory that the caller frees, also
 * after a failure. */
Status gray_read_bytes(uint8_t **bytes, size_t *count, Source *source);

/* Unpacks a PNG of any kind; what is transparent lies on paper of this gray. STATUS_DATA with a
 * line that names the file if it is none, damaged or too large. gray_free in any case. */
Status gray_from_png(Gray *gray, const char *path, const uint8_t *bytes, size_t count,
                     uint8_t paper);

/* Unpacks a JPEG and turns it as its Exif data say that the camera was held. */
Status gray_from_jpeg(Gray *gray, const char *path, const uint8_t *bytes, size_t count);

/* By the file's first bytes. */
bool gray_is_png(const uint8_t *bytes, size_t count);
bool gray_is_jpeg(const uint8_t *bytes, size_t count);

/* For gray_from_*: takes the size, makes the pixels; STATUS_DATA if there are too many. */
Status gray_new(Gray *gray, const char *path, size_t width, size_t height);
void gray_free(Gray *gray);
