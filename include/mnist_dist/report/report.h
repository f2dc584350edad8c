/* The page of one run or of several: one HTML file that needs no other and no network. */
#pragma once

#include <stddef.h>

#include "mnist_dist/base/status.h"
#include "mnist_dist/report/record.h"

/* Reads the runs of these directories, and warns of what they lack; of runs with one name, each is
 * called by its path. On failure *records is NULL. */
Status report_read(RunRecord **records, const char *const directories[], size_t count);
void report_free(RunRecord **records, size_t count);

/* Writes the page: of one run its own, of several their comparison. */
Status report_write(const char *path, const RunRecord records[], size_t count);

/* The comparison's figures as a table in Markdown, freed by the caller: a line for each group of
 * runs that differ by their seed alone. */
Status report_table(char **text, const RunRecord records[], size_t count);
