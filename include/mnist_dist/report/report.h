/* The page of one run or of several: one HTML file that needs no other and no network. */
#pragma once

#include <stddef.h>

#include "mnist_dist/base/status.h"
#include "mnist_dist/report/record.h"
#include "mnist_dist/report/statistics.h"

/* Reads the runs and writes their page: of one run its own, of several their comparison. What a run
 * lacks is warned of and said on the page. */
Status report_write(const char *path, const char *const directories[], size_t count);

/* The comparison's figures as a table of text (Markdown), freed by the caller. */
Status report_table(char **text, const RunRecord records[], size_t count);
