/* The byte stream under every importer; see source.h.
 *
 * Bytes are laid into `window`: those of the file or, if it begins with gzip's magic, those that a
 * thread unpacks of it. */
#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gunzip.h"
#include "mnist_dist/base/memory.h"

enum { WINDOW_BYTES = 4 * SOURCE_PEEK };

struct Source {
    const char *path;
    int descriptor;
    void (*progress)(const char *path, double share);
    uint64_t size, taken; /* raw bytes: of the file, 0 for a pipe; read so far */
    bool started;         /* the first bytes have been seen */
    Gunzip *gunzip;       /* they are gzip's */
    bool ended;           /* the end of the data has been met */
    size_t begin, end;    /* of the unread bytes in the window */
    uint64_t line;
    uint8_t window[WINDOW_BYTES + SOURCE_SLACK];
};

static Status open_descriptor(Source *source) {
    source->descriptor = open(source->path, O_RDONLY | O_CLOEXEC);
    if (source->descriptor < 0)
        return status_fail_errno(STATUS_DATA, "%s: cannot be opened", source->path);
    struct stat facts;
    if (fstat(source->descriptor, &facts) != 0)
        return status_fail_errno(STATUS_DATA, "%s: cannot be examined", source->path);
    if (S_ISDIR(facts.st_mode))
        return status_fail(STATUS_DATA, "%s: is a folder; name a file in it", source->path);
    source->size = S_ISREG(facts.st_mode) ? (uint64_t)facts.st_size : 0;
    return STATUS_OK;
}

Status source_open(Source **out, const char *path,
                   void (*progress)(const char *path, double share)) {
    Status status = STATUS_OK;
    Source *source = NULL;
    *out = NULL;
    TRY(MEMORY_NEW(&source, 1));
    source->path = path;
    source->descriptor = -1;
    source->progress = progress;
    TRY(open_descriptor(source));
    *out = source;
    source = NULL;
cleanup:
    source_close(source);
    return status;
}

void source_close(Source *source) {
    if (source == NULL) return;
    gunzip_stop(source->gunzip);
    if (source->descriptor >= 0) close(source->descriptor);
    free(source);
}

const char *source_path(const Source *source) {
    return source->path;
}

uint64_t source_line_number(const Source *source) {
    return source->line;
}

static void report_progress(const Source *source) {
    if (source->progress == NULL) return;
    double share = source->size > 0 ? (double)source->taken / (double)source->size : 0.0;
    source->progress(source->path, share < 1.0 ? share : 1.0);
}

/* Adds the file's own bytes at the window's end. */
static Status add_plain(Source *source, size_t space) {
    ssize_t got = 0;
    do got = read(source->descriptor, source->window + source->end, space);
    while (got < 0 && errno == EINTR);
    if (got < 0) return status_fail_errno(STATUS_DATA, "%s: cannot be read", source->path);
    source->end += (size_t)got;
    source->taken += (uint64_t)got;
    source->ended = got == 0;
    report_progress(source);
    return STATUS_OK;
}

/* Adds unpacked bytes. */
static Status add_unpacked(Source *source, size_t space) {
    size_t got = 0;
    Status status =
        gunzip_read(source->window + source->end, &got, &source->taken, source->gunzip, space);
    source->end += got;
    source->ended = status == STATUS_OK && got == 0;
    report_progress(source);
    return status;
}

/* Looks at the first bytes: if they are gzip's, they are handed to the thread that unpacks. */
static Status start(Source *source) {
    Status status = STATUS_OK;
    while (status == STATUS_OK && source->end < 2 && !source->ended)
        status = add_plain(source, GUNZIP_RAW - source->end);
    if (status != STATUS_OK) return status;
    source->started = true;
    if (source->end < 2 || source->window[0] != 0x1f || source->window[1] != 0x8b) return STATUS_OK;
    size_t count = source->end;
    source->end = 0;
    source->ended = false;
    return gunzip_start(&source->gunzip, source->path, source->descriptor, source->window, count);
}

Status source_peek(const uint8_t **bytes, size_t *count, Source *source, size_t want) {
    Status status = STATUS_OK;
    if (!source->started) TRY(start(source));
    if (source->begin + want > WINDOW_BYTES) {
        memmove(source->window, source->window + source->begin, source->end - source->begin);
        source->end -= source->begin;
        source->begin = 0;
    }
    while (source->end - source->begin < want && !source->ended) {
        size_t space = WINDOW_BYTES - source->end;
        TRY(source->gunzip != NULL ? add_unpacked(source, space) : add_plain(source, space));
    }
cleanup:
    *bytes = source->window + source->begin;
    *count = source->end - source->begin;
    return status;
}

void source_skip(Source *source, size_t count) {
    source->begin += count;
}

Status source_read(void *bytes, size_t *got, Source *source, size_t want) {
    *got = 0;
    while (*got < want) {
        size_t missing = want - *got, count = 0;
        const uint8_t *next = NULL;
        Status status =
            source_peek(&next, &count, source, missing < SOURCE_PEEK ? missing : SOURCE_PEEK);
        if (status != STATUS_OK) return status;
        if (count == 0) break;
        if (count > missing) count = missing;
        memcpy((uint8_t *)bytes + *got, next, count);
        source_skip(source, count);
        *got += count;
    }
    return STATUS_OK;
}

/* The line end within the bytes that are already there, or NULL. */
static uint8_t *find_line_end(Source *source) {
    return memchr(source->window + source->begin, '\n', source->end - source->begin);
}

static Status line_too_long(const Source *source) {
    return status_fail(STATUS_DATA,
                       "%s:%llu: a line of %d bytes or more; a CSV file has one image a line, of "
                       "784 numbers",
                       source->path, (unsigned long long)source->line, SOURCE_PEEK);
}

Status source_line(const char **line, size_t *length, Source *source) {
    *line = NULL;
    *length = 0;
    uint8_t *end = find_line_end(source);
    if (end == NULL) {
        const uint8_t *bytes = NULL;
        size_t count = 0;
        Status status = source_peek(&bytes, &count, source, SOURCE_PEEK);
        if (status != STATUS_OK || count == 0) return status;
        end = find_line_end(source);
        if (end == NULL) *(end = source->window + source->end) = '\n';
    }
    source->line++;
    *line = (const char *)source->window + source->begin;
    *length = (size_t)(end - (source->window + source->begin));
    if (*length >= SOURCE_PEEK) return line_too_long(source);
    bool has_newline = source->begin + *length < source->end;
    source_skip(source, *length + (has_newline ? 1 : 0));
    return STATUS_OK;
}

void quote_bytes(char text[QUOTE_TEXT], const void *bytes, size_t count) {
    const uint8_t *next = bytes;
    size_t shown = count < QUOTE_BYTES ? count : QUOTE_BYTES;
    char *place = text;
    for (size_t i = 0; i < shown; i++) {
        if (next[i] >= ' ' && next[i] <= '~')
            *place++ = (char)next[i];
        else
            place += sprintf(place, "\\x%02x", next[i]);
    }
    strcpy(place, shown < count ? "..." : "");
}
