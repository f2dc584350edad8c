/* An open digits.h5, of which chunks are read and checked: what dataset.c (all rows) and
 * row_reader.c (some) share. */
#pragma once

#include "layout.h"
#include "mnist_dist/base/h5file.h"
#include "mnist_dist/data/dataset.h"

/* One part of an open file. */
typedef struct Part {
    const char *name;
    size_t rows, chunks;
    bool labelled;
    uint64_t *digests; /* (chunks) */
} Part;

/* An open file. */
typedef struct Reader {
    const char *path;
    H5File *h5;
    Part train, test;
    uint8_t *chunk; /* ((size_t)LAYOUT_CHUNK * LAYOUT_ROW) */
} Reader;

/* Opens the file and checks all but the rows; reader_close is called whatever comes of it. */
Status reader_open(Reader *reader, DatasetInfo *info, const char *path);
void reader_close(Reader *reader);

/* The same, of a file that was inspected: STATUS_DATA if it is another by now. Its line has its
 * remedy. */
Status reader_open_again(Reader *reader, const DatasetInfo *info, const char *path);

/* Reads one chunk into reader->chunk, images and behind them the labels, and checks it. */
Status reader_read(Reader *reader, const Part *part, size_t chunk, size_t *first, size_t *count);

/* Reads some labels of a part that has them, which are digits if the file is sealed or was
 * verified. */
Status reader_read_labels(Reader *reader, const Part *part, size_t first, size_t count,
                          uint8_t *labels);

/* Ends a line about the file with what to do. */
Status reader_add_remedy(Status status);
