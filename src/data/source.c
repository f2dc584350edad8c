/* The byte stream under every importer; see source.h.
 *
 * Raw bytes are read into `raw`, unpacked by zlib if the file begins with gzip's magic, and laid
 * into `window`. Several gzip members in a row are one stream, as for gzip itself. */
#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "mnist_dist/base/memory.h"

enum { RAW_BYTES = 65536, WINDOW_BYTES = 4 * SOURCE_PEEK };

struct Source {
    const char *path;
    int descriptor;
    void (*progress)(const char *path, double share);
    uint64_t size, taken; /* raw bytes: of the file, 0 for a pipe; read so far */
    bool started, gzip;   /* the first bytes have been seen; they are gzip's */
    bool raw_ended;       /* the file's end has been read */
    bool ended;           /* so has the last of the data */
    z_stream stream;      /* next_in, avail_in: what is left in raw, gzip or not */
    size_t begin, end;    /* of the unread bytes in the window */
    uint64_t line;
    uint8_t raw[RAW_BYTES];
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
    source->stream.next_in = source->raw;
    TRY(open_descriptor(source));
    *out = source;
    source = NULL;
cleanup:
    source_close(source);
    return status;
}

void source_close(Source *source) {
    if (source == NULL) return;
    if (source->gzip) inflateEnd(&source->stream);
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

/* Adds raw bytes behind those that are left, until `want` are there or the file ends. */
static Status fill_raw(Source *source, size_t want) {
    z_stream *stream = &source->stream;
    memmove(source->raw, stream->next_in, stream->avail_in);
    stream->next_in = source->raw;
    while (stream->avail_in < want && !source->raw_ended) {
        ssize_t got =
            read(source->descriptor, source->raw + stream->avail_in, RAW_BYTES - stream->avail_in);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return status_fail_errno(STATUS_DATA, "%s: cannot be read", source->path);
        if (got == 0) source->raw_ended = true;
        stream->avail_in += (unsigned)got;
        source->taken += (uint64_t)got;
        report_progress(source);
    }
    return STATUS_OK;
}

static bool at_gzip_magic(const Source *source) {
    return source->stream.avail_in >= 2 && source->stream.next_in[0] == 0x1f &&
           source->stream.next_in[1] == 0x8b;
}

/* Looks at the first bytes: gzip or plain. */
static Status start(Source *source) {
    Status status = fill_raw(source, 2);
    if (status != STATUS_OK) return status;
    source->started = true;
    if (!at_gzip_magic(source)) return STATUS_OK;
    if (inflateInit2(&source->stream, 15 + 16) != Z_OK)
        return status_fail(STATUS_FAILED, "%s: zlib has no memory", source->path);
    source->gzip = true;
    return STATUS_OK;
}

/* After the last byte of a gzip member: the file ends, or another member begins. */
static Status finish_member(Source *source) {
    Status status = fill_raw(source, 2);
    if (status != STATUS_OK) return status;
    source->ended = source->stream.avail_in == 0;
    if (source->ended) return STATUS_OK;
    if (!at_gzip_magic(source))
        return status_fail(STATUS_DATA,
                           "%s: something that is no gzip follows the gzip data; fetch the file "
                           "again",
                           source->path);
    inflateReset(&source->stream);
    return STATUS_OK;
}

static Status inflate_failure(const Source *source, int code) {
    if (code == Z_MEM_ERROR)
        return status_fail(STATUS_FAILED, "%s: zlib has no memory", source->path);
    if (code == Z_OK || code == Z_BUF_ERROR)
        return status_fail(STATUS_DATA,
                           "%s: truncated: the file ends within its gzip data; fetch it again",
                           source->path);
    return status_fail(STATUS_DATA, "%s: damaged gzip data (%s); fetch the file again",
                       source->path, source->stream.msg != NULL ? source->stream.msg : "no reason");
}

/* Unpacks into `space` bytes at the window's end. */
static Status add_unpacked(Source *source, size_t space) {
    z_stream *stream = &source->stream;
    if (stream->avail_in == 0) {
        Status status = fill_raw(source, 1);
        if (status != STATUS_OK) return status;
    }
    stream->next_out = source->window + source->end;
    stream->avail_out = (unsigned)space;
    int code = inflate(stream, Z_NO_FLUSH);
    source->end += space - stream->avail_out;
    if (code == Z_STREAM_END) return finish_member(source);
    bool starved = source->raw_ended && stream->avail_in == 0 && stream->avail_out > 0;
    return code != Z_OK || starved ? inflate_failure(source, code) : STATUS_OK;
}

/* Copies plain bytes to the window's end. */
static Status add_plain(Source *source, size_t space) {
    z_stream *stream = &source->stream;
    if (stream->avail_in == 0) {
        Status status = fill_raw(source, 1);
        if (status != STATUS_OK) return status;
    }
    size_t count = stream->avail_in < space ? stream->avail_in : space;
    memcpy(source->window + source->end, stream->next_in, count);
    stream->next_in += count;
    stream->avail_in -= (unsigned)count;
    source->end += count;
    source->ended = source->raw_ended && stream->avail_in == 0;
    return STATUS_OK;
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
        TRY(source->gzip ? add_unpacked(source, space) : add_plain(source, space));
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
