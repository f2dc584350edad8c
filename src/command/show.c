/* A text on a terminal; see show.h.
 *
 * Which parts are headings and comments is seen by their form, so that the text itself, which goes
 * into files and manuals too, has no marks in it. */
#include "command/show.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/terminal.h"
#include "mnist_dist/base/log.h"

#define BOLD "\033[1m"
#define DIM "\033[2m"
#define PLAIN "\033[0m"

/* Control characters, which a path in a comment may have, would drive the terminal. */
static void put(FILE *out, const char *text, size_t length) {
    for (size_t i = 0; i < length; i++)
        fputc(iscntrl((unsigned char)text[i]) && text[i] != '\t' ? '?' : text[i], out);
}

/* How much of a line is its heading: all of "Options:", "Usage:", and "Train" before blanks. */
static size_t heading_of(const char *line, size_t length) {
    static const char usage[] = "Usage:";
    if (length == 0 || !isalpha((unsigned char)line[0])) return 0;
    if (strncmp(line, usage, strlen(usage)) == 0) return strlen(usage);
    if (line[length - 1] == ':') return length;
    const char *gap = memmem(line, length, "  ", 2);
    return gap != NULL ? (size_t)(gap - line) : 0;
}

static void paint_line(FILE *out, const char *line, size_t length) {
    size_t heading = heading_of(line, length);
    const char *comment = memmem(line, length, "  # ", 4);
    size_t end = comment != NULL ? (size_t)(comment - line) : length;
    if (heading > 0) fputs(BOLD, out);
    put(out, line, heading);
    if (heading > 0) fputs(PLAIN, out);
    put(out, line + heading, end - heading);
    if (comment != NULL) fputs(DIM, out);
    put(out, line + end, length - end);
    if (comment != NULL) fputs(PLAIN, out);
    fputc('\n', out);
}

static bool paint(const char *text) {
    char *painted = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&painted, &size);
    if (out == NULL) return false;
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        paint_line(out, text, length);
        text += length + (text[length] == '\n');
    }
    bool shown = fclose(out) == 0 && terminal_write(painted);
    free(painted);
    return shown;
}

void show_text(const char *text) {
    size_t length = strlen(text);
    if (terminal_has_colours() && log_is_watched() && paint(text)) return;
    if (length > 0 && text[length - 1] == '\n') length--;
    log_line("%.*s", (int)length, text);
}
