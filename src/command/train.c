/* `mnist_dist train`: a run from its configuration, and its page. */
#include "command/command.h"
#include "command/run_events.h"
#include "command/run_page.h"
#include "command/time_limit.h"
#include "mnist_dist/train/run.h"

Status command_train(Comm *comm, const Arguments *arguments) {
    RunRequest request = {.directory = arguments->out,
                          .resume = arguments->resume,
                          .timeline = arguments->timeline,
                          .report = run_page_make,
                          .events = run_events_write};
    Status status = time_limit_find(&request.seconds, arguments);
    status = comm_agree(comm, status);
    return status == STATUS_OK ? run_train(comm, &arguments->config, &request) : status;
}
