/* A PNG sheet of digits, as OpenCV's digits.png: cells of 20x20, sorted by digit, a tenth of the
 * lines of cells each. Every cell is placed in a frame of 28x28 as MNIST places its digits
 * (centre.c).
 *
 * Reading is libpng's simplified interface, which turns any PNG into 8-bit gray and needs no
 * longjmp. */
#include <png.h>
#include <stdlib.h>
#include <string.h>

#include "formats.h"
#include "mnist_dist/base/digits.h"
#include "mnist_dist/base/memory.h"
#include "mnist_dist/data/centre.h"

enum {
    CELL = CENTRE_BOX,
    FIRST_READ = 1 << 20,
    MAX_FILE = 63 << 20,  /* bytes; FIRST_READ doubled and added to itself comes there */
    MAX_PIXELS = 64 << 20 /* some 170,000 digits; more is refused before it is unpacked */
};

typedef struct Sheet {
    const char *path;
    size_t width, height; /* in pixels */
    uint8_t *pixels;      /* (height, width) */
} Sheet;

/* Reads the whole file into memory that the caller frees. */
static Status read_file(uint8_t **bytes, size_t *count, Source *source) {
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
    } while (*count == capacity && capacity < MAX_FILE);
    if (*count < capacity) return STATUS_OK;
    return status_fail(STATUS_DATA, "%s: a PNG of %d MiB or more is not read", source_path(source),
                       MAX_FILE >> 20);
}

static Status check_size(const Sheet *sheet) {
    if (sheet->width % CELL != 0 || sheet->height % (10 * CELL) != 0)
        return status_fail(STATUS_DATA,
                           "%s: %zux%zu pixels are no sheet of 20x20 cells with lines for ten "
                           "digits: the width must be a multiple of 20, the height of 200",
                           sheet->path, sheet->width, sheet->height);
    if (sheet->width > MAX_PIXELS / sheet->height)
        return status_fail(STATUS_DATA, "%s: %zux%zu pixels are more than is read; cut the sheet",
                           sheet->path, sheet->width, sheet->height);
    return STATUS_OK;
}

static Status png_failure(const Sheet *sheet, const png_image *image) {
    return status_fail(STATUS_DATA, "%s: damaged PNG (%s); fetch it again", sheet->path,
                       image->message);
}

/* Unpacks to 8-bit gray; what is transparent becomes 0. */
static Status decode(Sheet *sheet, const uint8_t *bytes, size_t count) {
    Status status = STATUS_OK;
    const png_color black = {0, 0, 0};
    png_image image = {.version = PNG_IMAGE_VERSION};
    if (!png_image_begin_read_from_memory(&image, bytes, count)) TRY(png_failure(sheet, &image));
    sheet->width = image.width;
    sheet->height = image.height;
    TRY(check_size(sheet));
    TRY(MEMORY_NEW(&sheet->pixels, sheet->width * sheet->height));
    image.format = PNG_FORMAT_GRAY;
    image.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;
    if (!png_image_finish_read(&image, &black, sheet->pixels, 0, NULL))
        TRY(png_failure(sheet, &image));
cleanup:
    png_image_free(&image);
    return status;
}

/* Digits are white on black; the other way round, every lesson would be wrong. */
static Status check_ink(const Sheet *sheet) {
    uint64_t sum = 0, count = sheet->width * sheet->height;
    for (uint64_t i = 0; i < count; i++) sum += sheet->pixels[i];
    if (sum < 128 * count) return STATUS_OK;
    return status_fail(STATUS_DATA,
                       "%s: mostly white; ink must be white on black: invert the picture",
                       sheet->path);
}

/* Places one cell, whose lines are `stride` apart; false if it is blank. */
static bool place_cell(uint8_t image[DIGIT_PIXELS], const uint8_t *cell, size_t stride) {
    float ink[CELL * CELL], digit[DIGIT_PIXELS];
    for (size_t i = 0; i < CELL * CELL; i++) ink[i] = (float)cell[i / CELL * stride + i % CELL];
    if (!centre_cell(digit, ink)) return false;
    for (size_t i = 0; i < DIGIT_PIXELS; i++) image[i] = (uint8_t)digit[i];
    return true;
}

static Status import_cells(Writer *writer, const Sheet *sheet) {
    Status status = STATUS_OK;
    size_t lines = sheet->height / CELL, columns = sheet->width / CELL;
    for (size_t cell = 0; cell < lines * columns; cell++) {
        size_t line = cell / columns, column = cell % columns;
        uint8_t image[DIGIT_PIXELS];
        if (!place_cell(image, sheet->pixels + (line * sheet->width + column) * CELL, sheet->width))
            TRY(status_fail(STATUS_DATA, "%s: line %zu, column %zu of cells: the cell is blank",
                            sheet->path, line + 1, column + 1));
        TRY(writer_add(writer, image, (uint8_t)(line / (lines / DIGIT_CLASSES))));
    }
cleanup:
    return status;
}

Status png_import(Writer *writer, Source *source, bool labels_needed) {
    Status status = STATUS_OK;
    Sheet sheet = {.path = source_path(source)};
    uint8_t *bytes = NULL;
    size_t count = 0;
    (void)labels_needed;
    TRY(read_file(&bytes, &count, source));
    TRY(decode(&sheet, bytes, count));
    TRY(check_ink(&sheet));
    TRY(import_cells(writer, &sheet));
cleanup:
    free(bytes);
    free(sheet.pixels);
    return status;
}
