/* Files that the tests of data make, in the test's own folder. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "work_folder.h"

/* A growing run of bytes. */
typedef struct Bytes {
    uint8_t *data;
    size_t count, capacity;
} Bytes;

static inline void bytes_add(Bytes *bytes, const void *data, size_t count) {
    if (bytes->count + count >= bytes->capacity) {
        bytes->capacity = 2 * bytes->capacity + count + 1;
        bytes->data = realloc(bytes->data, bytes->capacity);
    }
    memcpy(bytes->data + bytes->count, data, count);
    bytes->count += count;
}

__attribute__((format(printf, 2, 3))) static inline void bytes_print(Bytes *bytes,
                                                                     const char *format, ...) {
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    bytes_add(bytes, text, (size_t)length);
}

static inline void bytes_free(Bytes *bytes) {
    free(bytes->data);
    *bytes = (Bytes){0};
}

static inline void write_file(const char *path, const void *data, size_t count) {
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(data, 1, count, file) != count || fclose(file) != 0) abort();
}

/* Packs bytes as one gzip member. */
static inline Bytes pack(const void *data, size_t count) {
    Bytes packed = {.data = malloc(count + 1024), .capacity = count + 1024};
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)data, .avail_in = (unsigned)count};
    stream.next_out = packed.data;
    stream.avail_out = (unsigned)count + 1024;
    if (deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) abort();
    if (deflate(&stream, Z_FINISH) != Z_STREAM_END) abort();
    packed.count = stream.total_out;
    deflateEnd(&stream);
    return packed;
}

/* The pixel of a made-up row: some zeros, all lengths of numbers. */
static inline unsigned made_pixel(size_t row, size_t pixel) {
    uint64_t mixed = (row * 784 + pixel + 1) * 0x9e3779b97f4a7c15u;
    mixed ^= mixed >> 32;
    return mixed % 7 < 4 ? 0 : (unsigned)(mixed / 7 % 256);
}

static inline unsigned made_label(size_t row) {
    return (unsigned)(row * 7 % 10);
}

/* How a made-up CSV file is written. */
typedef struct CsvStyle {
    bool headless, unlabelled, quoted, no_last_newline;
    const char *line_end; /* NULL: "\n" */
    size_t first_name;    /* of the pixels: 0 or 1 */
} CsvStyle;

static inline void csv_header(Bytes *csv, const CsvStyle *style) {
    const char *quote = style->quoted ? "\"" : "";
    if (!style->unlabelled) bytes_print(csv, "%slabel%s,", quote, quote);
    for (size_t i = 0; i < 784; i++)
        bytes_print(csv, "%s%spixel%zu%s", i > 0 ? "," : "", quote, i + style->first_name, quote);
}

static inline Bytes made_csv(size_t rows, CsvStyle style) {
    Bytes csv = {0};
    const char *line_end = style.line_end != NULL ? style.line_end : "\n";
    if (!style.headless) {
        csv_header(&csv, &style);
        bytes_print(&csv, "%s", line_end);
    }
    for (size_t row = 0; row < rows; row++) {
        if (!style.unlabelled) bytes_print(&csv, "%u,", made_label(row));
        for (size_t i = 0; i < 784; i++)
            bytes_print(&csv, "%s%u", i > 0 ? "," : "", made_pixel(row, i));
        if (row + 1 < rows || !style.no_last_newline) bytes_print(&csv, "%s", line_end);
    }
    return csv;
}

static inline void write_csv(const char *path, size_t rows, CsvStyle style) {
    Bytes csv = made_csv(rows, style);
    write_file(path, csv.data, csv.count);
    bytes_free(&csv);
}
