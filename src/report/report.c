/* From run directories to a page; see report.h. */
#include "mnist_dist/report/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mnist_dist/base/log.h"
#include "mnist_dist/base/memory.h"
#include "report/data.h"
#include "report/page.h"

static void warn_of_missing(const RunRecord *record) {
    const char *line = record->missing;
    while (*line != '\0') {
        size_t length = strcspn(line, "\n");
        log_warning("%.*s", (int)length, line);
        line += length + (line[length] == '\n');
    }
}

static bool shares_name(const RunRecord records[], size_t count, size_t run) {
    for (size_t i = 0; i < count; i++)
        if (i != run && strcmp(records[i].name, records[run].name) == 0) return true;
    return false;
}

/* Runs of several folders may have one name: then each is called by its path. All are found before
 * the first is called otherwise, or the last of a name would keep it. */
static Status tell_apart(RunRecord records[], size_t count) {
    bool *shares = NULL;
    Status status = MEMORY_NEW(&shares, count);
    if (status != STATUS_OK) return status;
    for (size_t i = 0; i < count; i++) shares[i] = shares_name(records, count, i);
    for (size_t i = 0; i < count; i++)
        if (shares[i])
            snprintf(records[i].name, sizeof records[i].name, "%.255s", records[i].directory);
    free(shares);
    return status;
}

Status report_read(RunRecord **records, const char *const directories[], size_t count) {
    Status status;
    TRY(MEMORY_NEW(records, count));
    for (size_t i = 0; i < count; i++) {
        TRY(run_record_read(&(*records)[i], directories[i]));
        warn_of_missing(&(*records)[i]);
    }
    TRY(tell_apart(*records, count));
cleanup:
    if (status != STATUS_OK) report_free(records, count);
    return status;
}

void report_free(RunRecord **records, size_t count) {
    for (size_t i = 0; *records != NULL && i < count; i++) run_record_free(&(*records)[i]);
    free(*records);
    *records = NULL;
}

Status report_write(const char *path, const RunRecord records[], size_t count) {
    char title[320], *data = NULL;
    Status status;
    TRY(data_text_of_runs(&data, records, count));
    if (count == 1)
        snprintf(title, sizeof title, "%s: mnist_dist", records[0].name);
    else
        snprintf(title, sizeof title, "%zu runs: mnist_dist", count);
    TRY(page_write(path, title, data));
cleanup:
    free(data);
    return status;
}
