/* `mnist_dist export CHECKPOINT --to FORMAT -o FILE`: the network for other programs. */
#include "mnist_dist/export/export.h"
#include "command/command.h"
#include "mnist_dist/base/log.h"

Status command_export(Comm *comm, const Arguments *arguments) {
    Checkpoint checkpoint = {0};
    (void)comm;
    Status status;
    if (arguments->to == NULL)
        return status_fail(STATUS_USAGE, "command line: --to FORMAT is missing; the form is: "
                                         "mnist_dist export CHECKPOINT --to FORMAT -o FILE");
    TRY(checkpoint_read(&checkpoint, arguments->files[0]));
    TRY(export_write(&checkpoint, arguments->to, arguments->output));
    log_line("%s: the network of %s, as %s", arguments->output, arguments->files[0], arguments->to);
cleanup:
    checkpoint_free(&checkpoint);
    return status;
}
