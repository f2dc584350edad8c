/* What the program says while it runs. Rank 0 alone speaks; the others are mute.
 *
 * Lines go to standard output and, once a file is named, to that file too. Warnings and errors go
 * to standard error and the file. A progress line is shown on a terminal only, redrawn in place,
 * and leaves no trace in files. Output that cannot be written never stops the training. Lines may
 * come from any thread; opening and closing is the main thread's affair. */
#pragma once

#include <stdbool.h>

/* Makes sure that descriptors 0 to 2 are open and that a closed pipe does not kill: called first,
 * lest a file that is opened later take the place of a closed standard output. */
void log_prepare(void);

/* Says whether this process may speak, and finds out whether a person watches: standard output is
 * a terminal, or is mpirun's pseudo-terminal while mpirun's own output is one. */
void log_start(bool speaks);

/* Appends lines to the file as well, from now on. A file that cannot be opened is warned of. */
void log_open(const char *path);
void log_close(void);

/* Whether progress lines are shown. */
bool log_is_watched(void);

void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Redraws the progress line; it is cut to the terminal's width. Anything logged erases it first. */
void log_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));
