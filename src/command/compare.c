/* `mnist_dist compare CONFIG... --seeds N -o DIR`: trains every configuration with every seed, one
 * after the other, each in DIR/NAME-SEED, and makes the page that holds them against each other.
 *
 * A run that is finished is left as it is and one that was interrupted goes on, as `train` does it,
 * so that the same command again takes up where the last one ended. All configurations have their
 * first seed before any has its second. One that diverges is said to have, and the others go on. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/command.h"
#include "command/run_events.h"
#include "command/run_page.h"
#include "mnist_dist/base/log.h"
#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/safefile.h"
#include "mnist_dist/report/report.h"
#include "mnist_dist/train/checkpoint.h"
#include "mnist_dist/train/run.h"

enum { MOST_SEEDS = 1000 };

typedef struct Comparison {
    Comm *comm;
    const Arguments *arguments;
    Config *configs; /* (files) */
    size_t seeds;
    char (*directories)[PATH_MAX]; /* (files * seeds) seed by seed */
    size_t diverged;
} Comparison;

/* ---- What is to be done ---------------------------------------------------------------------- */

static Status read_config(Config *config, const Arguments *arguments, const char *path) {
    Status status;
    config_defaults(config);
    TRY(config_read_file(config, path));
    TRY(arguments_override(config, arguments));
    TRY(config_check(config));
cleanup:
    return status;
}

/* Runs are told apart by name and seed. */
static Status check_names(const Comparison *comparison) {
    const Config *configs = comparison->configs;
    for (size_t i = 0; i < comparison->arguments->file_count; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(configs[i].name, configs[k].name) == 0)
                return status_fail(STATUS_USAGE,
                                   "command line: %.300s and %.300s have one name, and so would "
                                   "their runs; give one of the files another",
                                   comparison->arguments->files[k],
                                   comparison->arguments->files[i]);
    return STATUS_OK;
}

static Status check_keys(const Arguments *arguments) {
    static const char SEED[] = "training.seed=";
    for (size_t i = 0; i < arguments->assignment_count; i++)
        if (strncmp(arguments->assignments[i], SEED, strlen(SEED)) == 0)
            return status_fail(STATUS_USAGE,
                               "command line: %.300s: compare takes seeds from 0 on; "
                               "give --seeds N instead",
                               arguments->assignments[i]);
    return STATUS_OK;
}

static Status plan(Comparison *comparison) {
    const Arguments *arguments = comparison->arguments;
    size_t count = arguments->file_count;
    Status status;
    TRY(arguments_count(&comparison->seeds, "--seeds", arguments->seeds, 1, MOST_SEEDS));
    TRY(check_keys(arguments));
    TRY(MEMORY_NEW(&comparison->configs, count));
    for (size_t i = 0; i < count; i++)
        TRY(read_config(&comparison->configs[i], arguments, arguments->files[i]));
    TRY(check_names(comparison));
    TRY(MEMORY_NEW(&comparison->directories, count * comparison->seeds));
    for (size_t i = 0; i < count * comparison->seeds; i++)
        snprintf(comparison->directories[i], PATH_MAX, "%.2000s/%s-%zu", arguments->output,
                 comparison->configs[i % count].name, i / count);
cleanup:
    return status;
}

/* ---- Training -------------------------------------------------------------------------------- */

/* A line's remedy may be train's `--resume never`, which compare has not: here it is another -o. */
static Status name_remedy(Status status) {
    static const char remedy[] = "--resume never";
    char line[1024];
    const char *message = status_message(), *at = strstr(message, remedy);
    if (status == STATUS_OK || at == NULL) return status;
    snprintf(line, sizeof line, "%.*sanother -o%s", (int)(at - message), message,
             at + strlen(remedy));
    status_clear();
    return status_fail(status, "%s", line);
}

/* **Collective.** Trains one run to its end; a divergence is noted and said. */
static Status train_one(Comparison *comparison, size_t run) {
    size_t count = comparison->arguments->file_count;
    Config config = comparison->configs[run % count];
    RunRequest request = {.directory = comparison->directories[run],
                          .resume = "auto",
                          .report = run_page_make,
                          .events = run_events_write};
    config.training.seed = (int64_t)(run / count);
    log_line("%s (%zu of %zu)", request.directory, run + 1, count * comparison->seeds);
    Status status = run_train(comparison->comm, &config, &request);
    if (status == STATUS_DIVERGED) {
        log_warning("%s: %s", request.directory, status_message());
        status_clear();
        comparison->diverged++;
        status = STATUS_OK;
    }
    log_close();
    return name_remedy(status);
}

/* ---- The page -------------------------------------------------------------------------------- */

static Status write_table(const char *directory, const RunRecord records[], size_t count) {
    char path[PATH_MAX], *table = NULL;
    Status status;
    TRY(report_table(&table, records, count));
    snprintf(path, sizeof path, "%.*s/table.md", PATH_MAX - 16, directory);
    TRY(safefile_write(path, table, strlen(table), STATUS_FAILED));
    log_line("\n%s", table);
cleanup:
    free(table);
    return status;
}

/* Rank 0: of the runs that got so far as to have a checkpoint. */
static Status show(const Comparison *comparison) {
    const char *directory = comparison->arguments->output, **with = NULL;
    size_t runs = comparison->arguments->file_count * comparison->seeds, count = 0;
    char path[PATH_MAX];
    RunRecord *records = NULL;
    Status status;
    TRY(MEMORY_NEW(&with, runs));
    for (size_t i = 0; i < runs; i++) {
        snprintf(path, sizeof path, "%.*s/checkpoints", PATH_MAX - 16, comparison->directories[i]);
        if (checkpoint_has_later(path, 0)) with[count++] = comparison->directories[i];
    }
    if (count == 0) goto cleanup;
    TRY(report_read(&records, with, count));
    TRY(write_table(directory, records, count));
    run_page_path(path, directory);
    TRY(report_write(path, records, count));
    log_line("%s: the comparison of %zu run%s", path, count, count > 1 ? "s" : "");
cleanup:
    report_free(&records, count);
    free(with);
    return status;
}

Status command_compare(Comm *comm, const Arguments *arguments) {
    Comparison comparison = {.comm = comm, .arguments = arguments, .seeds = 1};
    Status status = STATUS_OK;
    TRY(comm_agree(comm, plan(&comparison)));
    for (size_t run = 0; run < arguments->file_count * comparison.seeds; run++)
        TRY(train_one(&comparison, run));
    if (comm_rank(comm) == 0) status = show(&comparison);
    TRY(comm_agree(comm, status));
    if (comparison.diverged > 0)
        TRY(status_fail(STATUS_DIVERGED,
                        "%zu of %zu runs diverged; lower their "
                        "optimizer.learning_rate",
                        comparison.diverged, arguments->file_count * comparison.seeds));
cleanup:
    free(comparison.configs);
    free(comparison.directories);
    return status;
}
