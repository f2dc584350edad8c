/* `mnist_dist import TRAIN [TEST] -o digits.h5`. */
#include <stdio.h>

#include "command/command.h"
#include "mnist_dist/base/log.h"
#include "mnist_dist/data/import.h"

static void show_progress(const char *path, double share) {
    log_progress("%s: %.0f %%", path, 100.0 * share);
}

static void show_summary(const ImportSummary *summary, const char *path) {
    char labels[256] = "";
    int used = 0;
    for (int label = 0; label < 10; label++)
        used += snprintf(labels + used, sizeof labels - (size_t)used, "%s%d: %llu",
                         label > 0 ? ", " : "", label,
                         (unsigned long long)summary->train_labels[label]);
    log_line("%s: %llu training rows (%s)", path, (unsigned long long)summary->train_rows, labels);
    if (summary->test_rows > 0)
        log_line("%s: %llu test rows %s labels", path, (unsigned long long)summary->test_rows,
                 summary->test_labelled ? "with" : "without");
}

Status command_import(Comm *comm, const Arguments *arguments) {
    (void)comm;
    ImportSummary summary;
    const char *test = arguments->file_count > 1 ? arguments->files[1] : NULL;
    Status status =
        import_files(&summary, arguments->files[0], test, arguments->output, show_progress);
    if (status == STATUS_OK) show_summary(&summary, arguments->output);
    return status;
}
