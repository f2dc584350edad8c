/* Writes digits.h5, row by row, in memory that does not grow with the rows. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "mnist_dist/base/digits.h"
#include "mnist_dist/base/status.h"

typedef struct Writer Writer;

/* What a part holds, once it is ended. */
typedef struct WriterPart {
    uint64_t rows;
    uint64_t labels[DIGIT_CLASSES]; /* rows per label */
    bool labelled;
} WriterPart;

/* Begins the file that is to be `path`. Failures of writing are STATUS_FAILED. */
Status writer_new(Writer **out, const char *path);

/* Frees; unless committed, nothing is left on the disk. NULL is fine. */
void writer_destroy(Writer *writer);

/* Begins the group "train" or "test"; `source` is the file its rows come from. */
Status writer_begin(Writer *writer, const char *part, const char *source);

/* Adds a row. Either all labels of a part are below DIGIT_CLASSES or all are DIGIT_UNLABELLED. */
Status writer_add(Writer *writer, const uint8_t image[DIGIT_PIXELS], uint8_t label);

/* Ends the part, which has at least one row. */
Status writer_end(WriterPart *part, Writer *writer);

/* Closes the file, reads it back against its digests, makes it durable and gives it its name. */
Status writer_commit(Writer *writer);
