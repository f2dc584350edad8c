/* A PNG sheet of digits, as OpenCV's digits.png: cells of 20x20, sorted by digit, a tenth of the
 * lines of cells each. Every cell is placed in a frame of 28x28 as MNIST places its digits
 * (centre.c). */
#include <stdlib.h>

#include "formats.h"
#include "gray.h"
#include "mnist_dist/base/digits.h"
#include "mnist_dist/data/centre.h"

enum { CELL = CENTRE_BOX };

static Status check_size(const Gray *sheet) {
    if (sheet->width % CELL != 0 || sheet->height % ((size_t)10 * CELL) != 0)
        return status_fail(STATUS_DATA,
                           "%s: %zux%zu pixels are no sheet of 20x20 cells with lines for ten "
                           "digits: the width must be a multiple of 20, the height of 200",
                           sheet->path, sheet->width, sheet->height);
    return STATUS_OK;
}

/* Digits are white on black; the other way round, every lesson would be wrong. */
static Status check_ink(const Gray *sheet) {
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
    for (size_t y = 0; y < CELL; y++)
        for (size_t x = 0; x < CELL; x++) ink[y * CELL + x] = (float)cell[y * stride + x];
    if (!centre_cell(digit, ink)) return false;
    for (size_t i = 0; i < DIGIT_PIXELS; i++) image[i] = (uint8_t)digit[i];
    return true;
}

static Status import_cells(Writer *writer, const Gray *sheet) {
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
    Gray sheet = {.path = source_path(source)};
    uint8_t *bytes = NULL;
    size_t count = 0;
    (void)labels_needed;
    TRY(gray_read_bytes(&bytes, &count, source));
    TRY(gray_from_png(&sheet, sheet.path, bytes, count, 0));
    TRY(check_size(&sheet));
    TRY(check_ink(&sheet));
    TRY(import_cells(writer, &sheet));
cleanup:
    free(bytes);
    gray_free(&sheet);
    return status;
}
