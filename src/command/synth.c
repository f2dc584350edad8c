/* `mnist_dist synth --rows N [--test M] [--seed S] -o digits.h5`. */
#include <stdio.h>

#include "command/command.h"
#include "mnist_dist/base/log.h"
#include "mnist_dist/base/machine.h"
#include "mnist_dist/data/synth.h"

static void show_progress(const char *path, double share) {
    log_progress("%s: %.0f %%", path, 100.0 * share);
}

Status command_synth(Comm *comm, const Arguments *arguments) {
    (void)comm;
    size_t rows = 0, test = 0, seed = 0;
    Status status = STATUS_OK;
    TRY(arguments_count(&rows, "--rows", arguments->rows, 1, UINT32_MAX));
    TRY(arguments_count(&test, "--test", arguments->test, 0, UINT32_MAX));
    TRY(arguments_count(&seed, "--seed", arguments->seed, 0, 9007199254740991));
    if (rows == 0) TRY(status_fail(STATUS_USAGE, "command line: synth: --rows N is missing"));
    SynthOptions options = {seed, rows, test, machine_processors()};
    TRY(synth_write(arguments->output, &options, show_progress));
    log_line("%s: %zu training rows and %zu test rows of drawn digits", arguments->output, rows,
             test);
cleanup:
    return status;
}
