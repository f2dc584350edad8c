/* A grid of characters that is drawn into and then shown: on a terminal with colours, or as plain
 * lines. What does not fit is cut off, so that drawing needs no care for the size. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "mnist_dist/base/status.h"

typedef enum Ink { INK_PLAIN, INK_BOLD, INK_DIM, INK_BLUE, INK_ORANGE, INK_GREEN, INK_RED } Ink;

typedef struct ScreenCell {
    uint32_t symbol; /* a code point that is one column wide; 0: nothing */
    uint32_t ink;    /* an Ink */
} ScreenCell;

typedef struct Screen {
    int rows, columns;
    ScreenCell *cells; /* (rows, columns) */
} Screen;

Status screen_new(Screen *screen, int rows, int columns);
void screen_destroy(Screen *screen);

/* Puts one character; outside of the grid it is dropped. */
void screen_set(Screen *screen, int row, int column, uint32_t symbol, Ink ink);

/* Puts UTF-8 text from a place to the right, tabs as spaces; what may not be one column wide or
 * would drive the terminal is shown as a question mark. Returns the column behind it. */
int screen_text(Screen *screen, int row, int column, Ink ink, const char *text);
int screen_print(Screen *screen, int row, int column, Ink ink, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* A bar of this width, filled from the left by eighths of a column. */
void screen_bar(Screen *screen, int row, int column, int width, double share, Ink ink);

typedef enum ScreenStyle {
    SCREEN_LINES,    /* plain lines, without blank ones at the end */
    SCREEN_TERMINAL, /* a whole screen, from its upper left corner */
    SCREEN_COLOURS,  /* the same in colours */
} ScreenStyle;

/* The grid as text to be written; the caller frees it. */
Status screen_show(char **text, const Screen *screen, ScreenStyle style);
