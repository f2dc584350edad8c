/* Characters in a grid; see screen.h.
 *
 * Refused: ncurses, whose window would have to be drawn a second time for the snapshot that a pipe
 * is given, and which shows block characters only under a UTF-8 locale, where containers have none.
 */
#include "command/screen.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "mnist_dist/base/memory.h"

static const char *const INK_CODES[] = {
    [INK_PLAIN] = "\033[0m",   [INK_BOLD] = "\033[0;1m",    [INK_DIM] = "\033[0;2m",
    [INK_BLUE] = "\033[0;34m", [INK_ORANGE] = "\033[0;33m", [INK_GREEN] = "\033[0;32m",
    [INK_RED] = "\033[0;31m",
};

Status screen_new(Screen *screen, int rows, int columns) {
    *screen = (Screen){.rows = rows, .columns = columns};
    return MEMORY_NEW(&screen->cells, (size_t)rows * (size_t)columns);
}

void screen_destroy(Screen *screen) {
    free(screen->cells);
    *screen = (Screen){0};
}

void screen_set(Screen *screen, int row, int column, uint32_t symbol, Ink ink) {
    if (row < 0 || row >= screen->rows || column < 0 || column >= screen->columns) return;
    screen->cells[row * screen->columns + column] = (ScreenCell){symbol, ink};
}

/* ---- text ---- */

/* One column wide on every terminal: Latin, Greek, Cyrillic; punctuation to braille. */
static bool is_narrow(uint32_t symbol) {
    bool letter = symbol >= 0xa1 && symbol < 0x530 && !(symbol >= 0x300 && symbol < 0x370);
    bool sign = symbol >= 0x2010 && symbol < 0x2900 && !(symbol >= 0x2028 && symbol < 0x2030);
    return (symbol >= 0x20 && symbol < 0x7f) || letter || sign;
}

/* Takes one code point off a UTF-8 text; what is not UTF-8 gives a code point that is not shown. */
static uint32_t take_symbol(const char **text) {
    const unsigned char *bytes = (const unsigned char *)*text;
    int more = bytes[0] >= 0xf0 ? 3 : bytes[0] >= 0xe0 ? 2 : bytes[0] >= 0xc0 ? 1 : 0;
    uint32_t symbol = more == 0 ? bytes[0] : bytes[0] & (0x3fU >> more);
    int used = 1;
    while (used <= more && (bytes[used] & 0xc0) == 0x80)
        symbol = symbol << 6 | (bytes[used++] & 63);
    *text += used;
    return used == more + 1 ? symbol : 0;
}

int screen_text(Screen *screen, int row, int column, Ink ink, const char *text) {
    while (*text != '\0' && column < screen->columns) {
        uint32_t symbol = take_symbol(&text);
        if (symbol == '\t') symbol = ' ';
        screen_set(screen, row, column++, is_narrow(symbol) ? symbol : '?', ink);
    }
    return column;
}

int screen_print(Screen *screen, int row, int column, Ink ink, const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return screen_text(screen, row, column, ink, text);
}

void screen_bar(Screen *screen, int row, int column, int width, double share, Ink ink) {
    int eighths = (int)lround(fmin(fmax(share, 0.0), 1.0) * 8.0 * width);
    for (int i = 0; i < width; i++) {
        int own = eighths - 8 * i;
        if (own <= 0)
            screen_set(screen, row, column + i, 0xb7 /* middle dot */, INK_DIM);
        else /* U+2588 is full, U+258F an eighth */
            screen_set(screen, row, column + i, 0x2590 - (uint32_t)(own < 8 ? own : 8), ink);
    }
}

/* ---- showing ---- */

static void put_symbol(FILE *out, uint32_t symbol) {
    if (symbol < 0x80) {
        fputc((int)symbol, out);
    } else if (symbol < 0x800) {
        fputc((int)(0xc0 | symbol >> 6), out);
        fputc((int)(0x80 | (symbol & 63)), out);
    } else {
        fputc((int)(0xe0 | symbol >> 12), out);
        fputc((int)(0x80 | (symbol >> 6 & 63)), out);
        fputc((int)(0x80 | (symbol & 63)), out);
    }
}

/* Columns up to the last one that shows something. */
static int row_length(const Screen *screen, int row) {
    const ScreenCell *cells = screen->cells + (size_t)row * (size_t)screen->columns;
    int length = screen->columns;
    while (length > 0 && (cells[length - 1].symbol == 0 || cells[length - 1].symbol == ' '))
        length--;
    return length;
}

static void put_row(FILE *out, const Screen *screen, int row, bool colours) {
    uint32_t ink = INK_PLAIN;
    int length = row_length(screen, row);
    for (int column = 0; column < length; column++) {
        const ScreenCell *cell = &screen->cells[row * screen->columns + column];
        if (colours && cell->ink != ink) fputs(INK_CODES[cell->ink], out);
        ink = cell->ink;
        put_symbol(out, cell->symbol != 0 ? cell->symbol : ' ');
    }
    if (colours && ink != INK_PLAIN) fputs(INK_CODES[INK_PLAIN], out);
}

static void put_lines(FILE *out, const Screen *screen) {
    int rows = screen->rows;
    while (rows > 0 && row_length(screen, rows - 1) == 0) rows--;
    for (int row = 0; row < rows; row++) {
        put_row(out, screen, row, false);
        if (row + 1 < rows) fputc('\n', out);
    }
}

/* What was there before is erased behind each line, so that nothing flickers. */
static void put_terminal(FILE *out, const Screen *screen, bool colours) {
    fputs("\033[H", out);
    for (int row = 0; row < screen->rows; row++) {
        put_row(out, screen, row, colours);
        if (row_length(screen, row) < screen->columns) fputs("\033[K", out);
        if (row + 1 < screen->rows) fputs("\r\n", out);
    }
}

Status screen_show(char **text, const Screen *screen, ScreenStyle style) {
    size_t size = 0;
    FILE *out = open_memstream(text, &size);
    if (out == NULL) return status_fail_errno(STATUS_FAILED, "screen");
    if (style == SCREEN_LINES)
        put_lines(out, screen);
    else
        put_terminal(out, screen, style == SCREEN_COLOURS);
    if (fclose(out) == 0) return STATUS_OK;
    free(*text);
    *text = NULL;
    return status_fail(STATUS_FAILED, "screen: out of memory");
}
