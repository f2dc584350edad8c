/* A file as a stream of bytes, plain or gzip, seen through one window.
 *
 * Refused: gzread, which takes what follows the gzip data for nothing and reports a cut file only
 * at its close. Here both are failures with a line of their own, and no more is held in memory
 * than the window, whatever the file claims to unpack to. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mnist_dist/base/status.h"

/* What source_peek can be asked for, and one more than the longest line that is taken. */
enum { SOURCE_PEEK = 65536 };

/* Bytes after the window that may be read, though their values mean nothing. */
enum { SOURCE_SLACK = 16 };

typedef struct Source Source;

/* Opens path; STATUS_DATA if that fails. `progress`, unless NULL, is called now and then with path
 * and the share of the file's bytes that are read (0 throughout for a pipe). */
Status source_open(Source **out, const char *path,
                   void (*progress)(const char *path, double share));
void source_close(Source *source);

const char *source_path(const Source *source);

/* Gives the unpacked bytes that are next: at least `want` (up to SOURCE_PEEK) of them unless the
 * data end before. They stay in place until the next call. STATUS_DATA if the file cannot be read,
 * if the gzip data are cut short or damaged, or if something else follows them. */
Status source_peek(const uint8_t **bytes, size_t *count, Source *source, size_t want);

/* Passes over bytes that source_peek has given. */
void source_skip(Source *source, size_t count);

/* Copies up to `want` bytes; fewer (*got) only at the end of the data. */
Status source_read(void *bytes, size_t *got, Source *source, size_t want);

/* Gives the next line without its line end; *line is NULL after the last. line[length] is a
 * newline. A missing newline at the end is fine, a carriage return stays. STATUS_DATA if the line
 * has SOURCE_PEEK bytes or more. */
Status source_line(const char **line, size_t *length, Source *source);

/* The number of the line that source_line gave last, from 1. */
uint64_t source_line_number(const Source *source);

enum { QUOTE_BYTES = 32, QUOTE_TEXT = 4 * QUOTE_BYTES + 4 };

/* Makes foreign bytes fit to be shown: at most QUOTE_BYTES of them, then "..."; what is no
 * printable ASCII as \xNN. */
void quote_bytes(char text[QUOTE_TEXT], const void *bytes, size_t count);
