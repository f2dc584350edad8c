/* The calling thread's pending line of text. See status.h for the rules. */
#include "mnist_dist/base/status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char message[2048];

/* Names and values from files end up in the line: none may end it, or speak to a terminal. */
static void keep_one_line(void) {
    for (char *c = message; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || *c == 127) *c = '?';
}

void status_record(const char *format, ...) {
    if (message[0] != '\0') return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    keep_one_line();
}

void status_record_errno(const char *format, ...) {
    int error = errno;
    if (message[0] != '\0') return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    keep_one_line();
    size_t used = strlen(message);
    snprintf(message + used, sizeof message - used, ": %s", strerror(error));
}

const char *status_message(void) {
    return message;
}

void status_clear(void) {
    message[0] = '\0';
}
