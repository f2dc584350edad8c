/* The page's file: a template whose markers are filled. */
#pragma once

#include <stddef.h>

#include "mnist_dist/base/status.h"

/* What a marker {{NAME}} of a template stands for. */
typedef struct PageMarker {
    const char *name;
    const char *text; /* put in as it is */
    size_t length;
} PageMarker;

/* Fills a template; a marker may stand in it several times or not at all, and what is put in is not
 * looked into. *page is freed by the caller. STATUS_FAILED for a marker that is not in the list. */
Status page_fill(char **page, size_t *length, const char *template, const PageMarker markers[],
                 size_t count);

/* For text between tags: &, <, > and quotes as entities; freed by the caller. */
Status page_escape(char **escaped, const char *text);

/* Writes the run page with this title and data (data_text_of_runs). The file appears whole or not
 * at all. */
Status page_write(const char *path, const char *title, const char *data);
