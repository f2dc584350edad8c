/* PNG by libpng's simplified interface; see sprite.h. */
#include "report/sprite.h"

#include <png.h>
#include <stdlib.h>
#include <string.h>

#include "mnist_dist/base/digits.h"
#include "mnist_dist/base/memory.h"
#include "report/base64.h"

/* Copies an image to its place among the others. */
static void place(uint8_t *pixels, size_t columns, size_t at, const uint8_t *image) {
    size_t width = columns * DIGIT_SIDE;
    uint8_t *corner = pixels + at / columns * DIGIT_SIDE * width + at % columns * DIGIT_SIDE;
    for (size_t row = 0; row < DIGIT_SIDE; row++)
        memcpy(corner + row * width, image + row * DIGIT_SIDE, DIGIT_SIDE);
}

static Status encode(char **url, const uint8_t *pixels, size_t width, size_t height) {
    png_image about = {.version = PNG_IMAGE_VERSION,
                       .width = (png_uint_32)width,
                       .height = (png_uint_32)height,
                       .format = PNG_FORMAT_GRAY};
    png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(about);
    void *png = NULL;
    Status status;
    TRY(MEMORY_NEW((char **)&png, size));
    if (png_image_write_to_memory(&about, png, &size, 0, pixels, 0, NULL) == 0)
        TRY(status_fail(STATUS_FAILED, "a PNG cannot be made: %s", about.message));
    TRY(base64_text(url, "data:image/png;base64,", png, size));
cleanup:
    png_image_free(&about);
    free(png);
    return status;
}

Status sprite_url(char **url, const uint8_t *images, const uint32_t *order, size_t count,
                  size_t columns) {
    size_t rows = count > 0 ? (count + columns - 1) / columns : 1;
    uint8_t *pixels = NULL;
    Status status;
    *url = NULL;
    TRY(MEMORY_NEW(&pixels, rows * columns * DIGIT_PIXELS));
    for (size_t i = 0; i < count; i++)
        place(pixels, columns, i, images + (order != NULL ? order[i] : i) * DIGIT_PIXELS);
    TRY(encode(url, pixels, columns * DIGIT_SIDE, rows * DIGIT_SIDE));
cleanup:
    free(pixels);
    return status;
}
