/* `mnist_dist report RUN... [-o report.html]`: the page of a run, or of several side by side. */
#include "mnist_dist/report/report.h"

#include <limits.h>
#include <stdio.h>

#include "command/command.h"
#include "command/run_page.h"
#include "mnist_dist/base/log.h"
#include "mnist_dist/report/plots.h"

Status command_report(Comm *comm, const Arguments *arguments) {
    (void)comm;
    const char *const *runs = (const char *const *)arguments->files;
    size_t count = arguments->file_count;
    RunRecord *records = NULL;
    char path[PATH_MAX] = "report.html";
    Status status = report_read(&records, runs, count);
    if (status != STATUS_OK) return status;
    if (arguments->output != NULL)
        snprintf(path, sizeof path, "%s", arguments->output);
    else if (count == 1)
        run_page_path(path, records[0].directory);
    status = report_write(path, records, count);
    if (status == STATUS_OK && count == 1) status = plots_write(&records[0]);
    if (status == STATUS_OK && count == 1)
        log_line("%s: the page of %s", path, records[0].directory);
    else if (status == STATUS_OK)
        log_line("%s: the page of %zu runs", path, count);
    report_free(&records, count);
    return status;
}
