/* `mnist_dist train`: a run from its configuration, and its page. */
#include "command/command.h"
#include "command/run_page.h"
#include "mnist_dist/train/run.h"

Status command_train(Comm *comm, const Arguments *arguments) {
    RunRequest request = {
        .directory = arguments->out, .resume = arguments->resume, .report = run_page_make};
    return run_train(comm, &arguments->config, &request);
}
