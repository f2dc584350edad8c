/* `mnist_dist report RUN... [-o report.html]`: the page of a run, or of several side by side. */
#include "mnist_dist/report/report.h"

#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "command/command.h"
#include "command/run_page.h"
#include "mnist_dist/base/log.h"
#include "mnist_dist/base/memory.h"
#include "mnist_dist/report/plots.h"

static bool same_folder(const char *a, const char *b) {
    struct stat one, other;
    return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev &&
           one.st_ino == other.st_ino;
}

/* The folders that were named, each once: among all of runs/, the newest is there as runs/latest,
 * too. */
static Status choose_runs(const char ***runs, size_t *count, const Arguments *arguments) {
    Status status = MEMORY_NEW(runs, arguments->file_count);
    *count = 0;
    for (size_t i = 0; status == STATUS_OK && i < arguments->file_count; i++) {
        size_t k = 0;
        while (k < *count && !same_folder((*runs)[k], arguments->files[i])) k++;
        if (k == *count) (*runs)[(*count)++] = arguments->files[i];
    }
    return status;
}

/* A run's own page, and its pictures beside it unless the page goes elsewhere. */
static Status write_one(const RunRecord *record, const char *output) {
    char path[PATH_MAX];
    Status status;
    run_page_path(path, record->directory);
    TRY(report_write(output != NULL ? output : path, record, 1));
    if (output == NULL) TRY(plots_write(record));
    log_line("%s: the page of %s", output != NULL ? output : path, record->directory);
cleanup:
    return status;
}

static Status write_several(const RunRecord records[], size_t count, const char *output) {
    const char *path = output != NULL ? output : "report.html";
    Status status = report_write(path, records, count);
    if (status == STATUS_OK) log_line("%s: the page of %zu runs", path, count);
    return status;
}

Status command_report(Comm *comm, const Arguments *arguments) {
    (void)comm;
    const char **runs = NULL;
    size_t count = 0;
    RunRecord *records = NULL;
    Status status;
    TRY(choose_runs(&runs, &count, arguments));
    TRY(report_read(&records, runs, count));
    status = count == 1 ? write_one(&records[0], arguments->output)
                        : write_several(records, count, arguments->output);
cleanup:
    report_free(&records, count);
    free(runs);
    return status;
}
