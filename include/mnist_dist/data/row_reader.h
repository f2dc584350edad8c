/* Rows of digits.h5 as they are needed, for data that memory does not hold: by chunks, each against
 * its digest. Every failure is STATUS_DATA with a line as dataset.h has them. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "mnist_dist/base/status.h"
#include "mnist_dist/data/dataset.h"

/* Used by one thread at a time. */
typedef struct RowReader RowReader;

typedef enum DataPart { DATA_TRAIN, DATA_TEST } DataPart;

/* Opens the file that was inspected. What has its name later is nothing to the reader. */
Status row_reader_open(RowReader **out, const DatasetInfo *info, const char *path);
void row_reader_close(RowReader *reader); /* NULL is fine */

/* images (count, 28, 28) of a part's rows[0 .. count - 1]; rows NULL means first ... first + count
 * -
 * 1. Ascending rows read each chunk once, the last one of the call before included. */
Status row_reader_images(RowReader *reader, DataPart part, uint8_t *images, const uint32_t *rows,
                         size_t first, size_t count);

/* Rows of the training part whose images stand together in memory. */
typedef struct RowBlock {
    const uint32_t *rows; /* (count), ascending; at least one */
    uint8_t *images;      /* (count, 28, 28) */
    size_t count;
} RowBlock;

/* Which of the block's rows are a share's: those in its part of the chunks that hold the block. */
void row_block_share(size_t *begin, size_t *end, const RowBlock *block, DatasetShare share);

/* Fills a share of the block. */
Status row_reader_block(RowReader *reader, const RowBlock *block, DatasetShare share);
