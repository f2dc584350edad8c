/* `mnist_dist import-model MODEL -o checkpoint.h5`: a network that Keras trained. */
#include <stdlib.h>

#include "command/command.h"
#include "mnist_dist/base/log.h"
#include "mnist_dist/export/import.h"

static Status show(const Checkpoint *checkpoint, const char *notes, const Arguments *arguments) {
    char *table = NULL;
    Status status = model_summary(&table, checkpoint->model);
    if (status != STATUS_OK) return status;
    log_line("%s%s: the network of %s; train --resume %s starts with it", table, arguments->output,
             arguments->files[0], arguments->output);
    if (*notes != '\0') log_warning("%s: %s", arguments->files[0], notes);
    free(table);
    return STATUS_OK;
}

Status command_import_model(Comm *comm, const Arguments *arguments) {
    Checkpoint checkpoint = {0};
    char notes[IMPORT_NOTES] = "";
    (void)comm;
    Status status;
    TRY(import_keras(&checkpoint, notes, arguments->files[0], &arguments->config));
    TRY(checkpoint_write(&checkpoint, arguments->output));
    TRY(show(&checkpoint, notes, arguments));
cleanup:
    checkpoint_free(&checkpoint);
    return status;
}
