/* `mnist_dist info`: what a report of a bug needs. `mnist_dist info FILE`: what a file holds, and
 * whether it is whole. */
#include "command/info.h"

#include "command/command.h"

/* **Collective.** */
static Status describe_surroundings(Facts *facts, Comm *comm, const Arguments *arguments) {
    if (facts != NULL) {
        info_program(facts);
        info_libraries(facts);
        info_kernels(facts, &arguments->config);
        info_machine(facts);
    }
    Status status = info_ranks(facts, comm, &arguments->config);
    if (status != STATUS_OK || facts == NULL) return status;
    info_folders(facts, arguments);
    info_environment(facts);
    return STATUS_OK;
}

/* On rank 0 alone. */
static Status describe_file(Facts *facts, const Arguments *arguments) {
    return facts != NULL ? info_file(facts, arguments->files[0]) : STATUS_OK;
}

Status command_info(Comm *comm, const Arguments *arguments) {
    Facts facts = {0}, *mine = comm_rank(comm) == 0 ? &facts : NULL;
    Status status = mine != NULL ? facts_new(mine) : STATUS_OK;
    TRY(comm_agree(comm, status));
    TRY(comm_agree(comm, arguments->file_count > 0 ? describe_file(mine, arguments)
                                                   : describe_surroundings(mine, comm, arguments)));
    if (mine != NULL) status = facts_show(mine, arguments->json);
    status = comm_agree(comm, status);
cleanup:
    facts_destroy(&facts);
    return status;
}
