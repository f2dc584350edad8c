/* Drawn digits without end, for tests of scale: a digits.h5 of as many rows as are wanted.
 *
 * A row is a pure function of seed, part and number (the first rows of a longer file are those of a
 * shorter one), and so are the file's bytes, whatever the number of threads. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "mnist_dist/base/status.h"

typedef struct SynthOptions {
    uint64_t seed;
    uint64_t train_rows; /* at least 1 */
    uint64_t test_rows;  /* labelled; 0: no test part */
    size_t threads;
} SynthOptions;

/* Draws the rows and writes them to `path`, which appears whole or not at all, in memory that does
 * not grow with them. Failures of writing are STATUS_FAILED. `progress`, unless NULL, is called now
 * and then with the share of the rows that are drawn. */
Status synth_write(const char *path, const SynthOptions *options,
                   void (*progress)(const char *path, double share));
