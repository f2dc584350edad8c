/* A run's own page; see run_page.h. */
#include "command/run_page.h"

#include <stdbool.h>
#include <stdio.h>

#include "mnist_dist/base/log.h"
#include "mnist_dist/report/plots.h"
#include "mnist_dist/report/report.h"

void run_page_path(char path[PATH_MAX], const char *directory) {
    snprintf(path, PATH_MAX, "%.*s/report.html", PATH_MAX - 16, directory);
}

void run_page_make(const char *directory) {
    char path[PATH_MAX];
    RunRecord *records = NULL;
    run_page_path(path, directory);
    Status status = report_read(&records, &directory, 1);
    if (status == STATUS_OK) status = report_write(path, records, 1);
    if (status == STATUS_OK) status = plots_write(&records[0]);
    bool finished = status == STATUS_OK && records[0].progress.status == RUN_FINISHED;
    report_free(&records, 1);
    if (finished) log_line("%s: the run's page", path);
    if (status == STATUS_OK) return;
    log_warning("%s; the run's page or its pictures are not new", status_message());
    status_clear();
}
