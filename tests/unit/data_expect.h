/* What the tests of the importers expect: a refusal, or exactly these rows. Used after cmocka.h. */
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data_files.h"
#include "mnist_dist/base/status.h"
#include "mnist_dist/data/dataset.h"
#include "mnist_dist/data/import.h"

/* The import fails with STATUS_DATA and this line, and leaves no file that was not there. */
static inline void expect_refusal(const char *train, const char *test, const char *line) {
    ImportSummary summary;
    int files = count_files();
    status_clear();
    Status status = import_files(&summary, train, test, "digits.h5", NULL);
    assert_string_equal(status_message(), line);
    assert_int_equal(status, STATUS_DATA);
    assert_int_equal(count_files(), files);
    status_clear();
}

static inline ImportSummary expect_import(const char *train, const char *test) {
    ImportSummary summary;
    int files = count_files() + (access("digits.h5", F_OK) != 0);
    Status status = import_files(&summary, train, test, "digits.h5", NULL);
    assert_string_equal(status_message(), "");
    assert_int_equal(status, STATUS_OK);
    assert_int_equal(count_files(), files);
    return summary;
}

/* Reads digits.h5; the caller frees *memory. */
static inline Dataset read_digits(void **memory) {
    Dataset dataset;
    DatasetInfo info;
    assert_int_equal(dataset_inspect(&info, "digits.h5"), STATUS_OK);
    *memory = malloc(dataset_bytes(&info));
    assert_int_equal(dataset_read(*memory, &info, "digits.h5", (DatasetShare){0, 1}), STATUS_OK);
    dataset_view(&dataset, &info, *memory);
    return dataset;
}

static inline void expect_made_rows(const uint8_t *images, const uint8_t *labels, size_t rows,
                                    bool labelled) {
    for (size_t row = 0; row < rows; row++) {
        assert_int_equal(labels[row], labelled ? made_label(row) : 255);
        for (size_t i = 0; i < 784; i++)
            assert_int_equal(images[row * 784 + i], made_pixel(row, i));
    }
}

/* Imports a training file whose rows are the made-up ones. */
static inline void expect_made_import(const char *path, size_t rows) {
    void *memory = NULL;
    ImportSummary summary = expect_import(path, NULL);
    Dataset dataset = read_digits(&memory);
    assert_int_equal(summary.train_rows, rows);
    assert_int_equal(dataset.info.train_rows, rows);
    assert_int_equal(dataset.info.test_rows, 0);
    expect_made_rows(dataset.train_images, dataset.train_labels, rows, true);
    free(memory);
}
