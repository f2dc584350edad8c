/* `mnist_dist bench`: how fast this machine is, and how near to that the program comes, in one run.
 *
 * The table of benches; each is a file of its own, and what they share is in bench_measure.c. */
#include "command/bench.h"

#include <string.h>

#include "command/command.h"
#include "mnist_dist/base/log.h"
#include "mnist_dist/nn/model.h"

/* One row of the table of benches; their words stand in arguments_table.c too. */
typedef struct BenchRow {
    const char *word;
    bool unasked; /* part of what `bench` without a word does */
    Status (*run)(const BenchSetting *setting);
} BenchRow;

static const BenchRow rows[] = {
    {"peak", true, bench_peak},           {"gemm", true, bench_gemm},
    {"conv", true, bench_conv},           {"step", true, bench_step},
    {"allreduce", true, bench_allreduce}, {"import", false, bench_import},
    {"overlap", false, bench_overlap},    {"scaling", false, bench_scaling},
};

static void print_title(const BenchSetting *setting) {
    char kernels[128];
    int ranks = comm_size(setting->comm);
    long long threads = (long long)setting->config->training.threads;
    KernelOptions options = model_kernels(&setting->config->model);
    kernels_describe(kernels, &options);
    if (!setting->json)
        log_line("%s; %d rank%s, %lld thread%s each, %d rounds", kernels, ranks,
                 ranks > 1 ? "s" : "", threads, threads > 1 ? "s" : "", BENCH_ROUNDS);
}

static bool is_asked(const BenchRow *row, const Arguments *arguments) {
    if (arguments->file_count == 0) return row->unasked;
    return strcmp(row->word, arguments->files[0]) == 0;
}

Status command_bench(Comm *comm, const Arguments *arguments) {
    BenchSetting setting = {.comm = comm,
                            .config = &arguments->config,
                            .json = arguments->json,
                            .output = arguments->output,
                            .model = arguments->model};
    if (arguments->file_count > 1) {
        setting.file = arguments->files[1];
        if (strcmp(arguments->files[0], "import") != 0)
            return status_fail(
                STATUS_USAGE,
                "command line: unexpected word %.300s; only bench import takes a file",
                setting.file);
    }
    if ((setting.model || setting.output != NULL) &&
        (arguments->file_count == 0 || strcmp(arguments->files[0], "scaling") != 0))
        return status_fail(STATUS_USAGE, "command line: --model and -o go with bench scaling only");
    if (setting.output != NULL && !setting.model)
        return status_fail(STATUS_USAGE, "command line: -o goes with bench scaling --model only");
    Status status = STATUS_OK;
    print_title(&setting);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (is_asked(&rows[i], arguments)) TRY(rows[i].run(&setting));
cleanup:
    return status;
}
