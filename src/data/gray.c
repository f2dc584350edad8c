/* PNG files as 8-bit gray; see gray.h.
 *
 * Reading is libpng's simplified interface, which turns any PNG into 8-bit gray and needs no
 * longjmp. */
#include "gray.h"

#include <png.h>
#include <stdlib.h>
#include <string.h>

#include "mnist_dist/base/memory.h"
#include "mnist_dist/data/picture.h"

enum { FIRST_READ = 1 << 20 }; /* doubled and added to itself it comes to GRAY_MAX_FILE */

Status gray_read_bytes(uint8_t **bytes, size_t *count, Source *source) {
    size_t capacity = 0, got = 0;
    *bytes = NULL;
    *count = 0;
    do {
        capacity += FIRST_READ + capacity;
        uint8_t *grown = realloc(*bytes, capacity);
        if (grown == NULL)
            return status_fail(STATUS_FAILED, "%s: out of memory", source_path(source));
        *bytes = grown;
        Status status = source_read(*bytes + *count, &got, source, capacity - *count);
        if (status != STATUS_OK) return status;
        *count += got;
    } while (*count == capacity && capacity < GRAY_MAX_FILE);
    if (*count < capacity) return STATUS_OK;
    return status_fail(STATUS_DATA, "%s: a picture of %d MiB or more is not read",
                       source_path(source), GRAY_MAX_FILE >> 20);
}

bool gray_is_png(const uint8_t *bytes, size_t count) {
    return count >= 8 && memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) == 0;
}

Status gray_new(Gray *gray, const char *path, size_t width, size_t height) {
    *gray = (Gray){.path = path, .width = width, .height = height};
    if (height == 0 || width > GRAY_MAX_PIXELS / height)
        return status_fail(STATUS_DATA,
                           "%s: %zux%zu pixels are more than is read; cut or shrink the picture",
                           path, width, height);
    return MEMORY_NEW(&gray->pixels, width * height);
}

void gray_free(Gray *gray) {
    free(gray->pixels);
    gray->pixels = NULL;
}

static Status png_failure(const char *path, const png_image *image) {
    return status_fail(STATUS_DATA, "%s: damaged PNG (%s); fetch it again", path, image->message);
}

Status gray_from_png(Gray *gray, const char *path, const uint8_t *bytes, size_t count,
                     uint8_t paper) {
    Status status = STATUS_OK;
    const png_color background = {paper, paper, paper};
    png_image image = {.version = PNG_IMAGE_VERSION};
    *gray = (Gray){.path = path};
    if (!png_image_begin_read_from_memory(&image, bytes, count)) TRY(png_failure(path, &image));
    TRY(gray_new(gray, path, image.width, image.height));
    gray->transparent = (image.format & PNG_FORMAT_FLAG_ALPHA) != 0;
    image.format = PNG_FORMAT_GRAY;
    image.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;
    if (!png_image_finish_read(&image, &background, gray->pixels, 0, NULL))
        TRY(png_failure(path, &image));
cleanup:
    png_image_free(&image);
    return status;
}

const char *picture_png_version(void) {
    return png_get_libpng_ver(NULL);
}
