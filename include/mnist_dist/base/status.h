/* How a function says that it failed: a code and one line of text.
 *
 * A function that can fail returns a Status; `void` cannot fail. The line of text belongs to the
 * first failure of the calling thread and is never masked by a later one (a close that fails
 * while an error is being cleaned up does not hide the error). The codes are the program's exit
 * codes, so `main` returns them as they are. Refused: errno-like integers without a text, since
 * a user needs file, place and remedy; exceptions by longjmp, since ranks must leave together. */
#pragma once

typedef enum Status {
    STATUS_OK = 0,
    STATUS_FAILED = 1,     /* anything not named below: memory, disk, a bug */
    STATUS_USAGE = 2,      /* command line or configuration */
    STATUS_DATA = 3,       /* an input file or digits.h5 */
    STATUS_CHECKPOINT = 4, /* a checkpoint that cannot be read or written */
    STATUS_DIVERGED = 5,   /* a loss or gradient that is not finite */
    STATUS_HUNG = 6,       /* a rank hung, or a replica differed */
    STATUS_STOPPED = 75    /* stopped by a signal with a checkpoint written: resume it */
} Status;

/* Records the line (no newline at its end) unless one is pending on this thread. Control characters
 * in it, which names and values may bring along, become question marks. */
void status_record(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* As status_record, with ": " and the text of `errno` after the line. */
void status_record_errno(const char *format, ...) __attribute__((format(printf, 1, 2)));

static inline Status status_recorded(Status code) {
    return code != STATUS_OK ? code : STATUS_FAILED;
}

/* status_fail(code, format, ...) records the line and returns `code`; macros, so that whoever
 * analyses the caller sees that it fails. */
#define status_fail(code, ...) (status_record(__VA_ARGS__), status_recorded(code))
#define status_fail_errno(code, ...) (status_record_errno(__VA_ARGS__), status_recorded(code))

/* The pending line, or "" if there is none. Valid until status_clear on this thread. */
const char *status_message(void);

/* Forgets the pending line: for a caller that has dealt with the failure. */
void status_clear(void);

/* Leaves for the function's one `cleanup:` label with the local `status` set. */
#define TRY(call)                                                                                  \
    do {                                                                                           \
        status = (call);                                                                           \
        if (status != STATUS_OK) goto cleanup;                                                     \
    } while (0)
