/* `mnist_dist train`: a run from its configuration. */
#include "command/command.h"
#include "mnist_dist/train/run.h"

Status command_train(Comm *comm, const Arguments *arguments) {
    RunRequest request = {.directory = arguments->out, .resume = arguments->resume};
    return run_train(comm, &arguments->config, &request);
}
