/* The terminal while a command draws on all of it: the second screen, keys as they are pressed, and
 * back again whatever ends the command. */
#pragma once

#include <stdbool.h>

/* Whether standard output is a terminal that can be drawn on, and whether colours are welcome
 * there: the variable NO_COLOR asks for none (no-color.org). */
bool terminal_is_there(void);
bool terminal_has_colours(void);

/* Its size; of something else, what COLUMNS and LINES say, or 80 x 24. */
void terminal_size(int *rows, int *columns);

/* Takes over the terminal. Until terminal_leave, signals that would end the process (INT, TERM,
 * HUP) only make terminal_wait say so. */
void terminal_enter(void);
void terminal_leave(void);

/* Writes a text to standard output; false once nobody is there to read it. */
bool terminal_write(const char *text);

/* Waits for so long, or less if the window's size changes. True if the user wants to leave: q,
 * Escape, a signal, or the end of the input. */
bool terminal_wait(int milliseconds);
