/* Making digits.h5 from what people have: Kaggle's CSV, MNIST's IDX, a PNG sheet; gzip or not. */
#pragma once

#include <stdint.h>

#include "mnist_dist/base/status.h"

typedef struct ImportSummary {
    uint64_t train_rows, test_rows;
    uint64_t train_labels[10]; /* rows per label */
    int test_labelled;
} ImportSummary;

/* Converts train_path and, unless it is NULL, test_path into the file out_path, which appears whole
 * or not at all. The format is told from the content: PNG signature, IDX magic (with the labels
 * file found by its name beside it), else CSV with or without a `label` column. STATUS_DATA with
 * file, row and column for bad input. `progress`, unless NULL, is called now and then with the
 * file's name and the share of its bytes that are done. Gzip is unpacked by a thread of its own,
 * which has ended on return; from then on malloc keeps up to 16 MB of what is freed. */
Status import_files(ImportSummary *summary, const char *train_path, const char *test_path,
                    const char *out_path, void (*progress)(const char *path, double share));
