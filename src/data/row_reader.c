/* Rows as they are needed; see row_reader.h. The chunk that was read last stays, so that whoever
 * goes through rows in their order reads each chunk once. */
#include "mnist_dist/data/row_reader.h"

#include <stdlib.h>
#include <string.h>

#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/shard.h"
#include "reader.h"

struct RowReader {
    Reader reader;
    char path[sizeof((DataOptions *)0)->path];
    const Part *part;    /* of the chunk that is held; NULL if none is */
    size_t first, count; /* its rows */
};

Status row_reader_open(RowReader **out, const DatasetInfo *info, const char *path) {
    RowReader *reader = NULL;
    *out = NULL;
    Status status = MEMORY_NEW(&reader, 1);
    if (status != STATUS_OK) return status;
    snprintf(reader->path, sizeof reader->path, "%s", path);
    status = reader_open_again(&reader->reader, info, reader->path);
    if (status == STATUS_OK)
        *out = reader;
    else
        row_reader_close(reader);
    return status;
}

void row_reader_close(RowReader *reader) {
    if (reader == NULL) return;
    reader_close(&reader->reader);
    free(reader);
}

/* Brings the chunk that holds a row. */
static Status hold_row(RowReader *reader, const Part *part, size_t row) {
    if (reader->part == part && row >= reader->first && row - reader->first < reader->count)
        return STATUS_OK;
    reader->part = NULL;
    Status status =
        reader_read(&reader->reader, part, row / LAYOUT_CHUNK, &reader->first, &reader->count);
    if (status == STATUS_OK) reader->part = part;
    return reader_add_remedy(status);
}

/* An image of the chunk that is held. */
static const uint8_t *held_image(const RowReader *reader, size_t row) {
    return reader->reader.chunk + (row - reader->first) * DIGIT_PIXELS;
}

Status row_reader_images(RowReader *reader, DataPart part, uint8_t *images, const uint32_t *rows,
                         size_t first, size_t count) {
    const Part *from = part == DATA_TRAIN ? &reader->reader.train : &reader->reader.test;
    for (size_t i = 0; i < count; i++) {
        const size_t row = rows != NULL ? rows[i] : first + i;
        Status status = hold_row(reader, from, row);
        if (status != STATUS_OK) return status;
        memcpy(images + i * DIGIT_PIXELS, held_image(reader, row), DIGIT_PIXELS);
    }
    return STATUS_OK;
}

/* The first of the block's rows that is not before `row`. */
static size_t find_row(const RowBlock *block, size_t row) {
    size_t low = 0, high = block->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (block->rows[middle] < row)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void row_block_share(size_t *begin, size_t *end, const RowBlock *block, DatasetShare share) {
    const size_t first = block->rows[0] / LAYOUT_CHUNK;
    const size_t chunks = block->rows[block->count - 1] / LAYOUT_CHUNK + 1 - first;
    *begin = find_row(block, (first + shard_begin(share.i, chunks, share.of)) * LAYOUT_CHUNK);
    *end = find_row(block, (first + shard_begin(share.i + 1, chunks, share.of)) * LAYOUT_CHUNK);
}

Status row_reader_block(RowReader *reader, const RowBlock *block, DatasetShare share) {
    size_t begin = 0, end = 0;
    row_block_share(&begin, &end, block, share);
    return row_reader_images(reader, DATA_TRAIN, block->images + begin * DIGIT_PIXELS,
                             block->rows + begin, 0, end - begin);
}
