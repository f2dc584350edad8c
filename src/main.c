/* Prolog, command, epilog. The only place that speaks of failures and turns a status into an exit
 * code; all ranks come here together, since whatever fails on one was agreed on by all. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "command/command.h"
#include "command/show.h"
#include "mnist_dist/base/log.h"
#include "mnist_dist/dist/watchdog.h"
#include "mnist_dist/nn/blas.h"
#include "mnist_dist/train/signals.h"

/* Whether a launcher (Open MPI's or MPICH's mpirun, Slurm's srun) started this process beside
 * others, of which only one may speak. */
static bool has_launcher(void) {
    static const char *const names[] = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (getenv(names[i]) != NULL) return true;
    return false;
}

/* A rank does not outlive its launcher, which may have died while the kernel was being asked. What
 * a shell started does: nohup and the like are its user's affair. */
static void die_with_launcher(void) {
    pid_t launcher = getppid();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != launcher) (void)raise(SIGKILL);
}

static Status print_config(const Arguments *arguments) {
    char *text = NULL;
    Status status = config_write_origins(&text, &arguments->config, arguments->config_path);
    if (status == STATUS_OK) show_text(text);
    free(text);
    return status;
}

static Status print_help(const Arguments *arguments) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) return status_fail_errno(STATUS_FAILED, "help");
    Status status = arguments_help(out, arguments);
    if (fclose(out) != 0 && status == STATUS_OK) status = status_fail_errno(STATUS_FAILED, "help");
    if (status == STATUS_OK) show_text(text);
    free(text);
    return status;
}

static Status print_version(void) {
    log_line("mnist_dist %s", MNIST_DIST_VERSION);
    return STATUS_OK;
}

/* **Collective** if there are ranks. */
static Status run_command(Comm *comm, const Arguments *arguments) {
    if (arguments->help != NULL) return print_help(arguments);
    if (arguments->version) return print_version();
    if (arguments->print_config) return print_config(arguments);
    bool alone = !arguments->command->needs_ranks;
    Status status = STATUS_OK;
    if (!alone || comm == NULL || comm_rank(comm) == 0)
        status = arguments->command->run(comm, arguments);
    return alone && comm != NULL ? comm_agree(comm, status) : status;
}

/* A run that stopped as it was asked to did not fail. */
static void speak_of(Status status) {
    if (status == STATUS_STOPPED)
        log_line("%s", status_message());
    else if (status != STATUS_OK)
        log_error("%s", status_message());
}

/* **Collective.** Launchers do not always give all ranks the environment of their own. */
static Status check_environment(Comm *comm, const Arguments *arguments) {
    uint64_t mine = config_environment_digest(), first = mine;
    comm_broadcast(comm, &first, sizeof first, 0);
    if (first == mine || arguments->command->keys == KEYS_NONE) return STATUS_OK;
    return status_fail(
        STATUS_USAGE, "environment: the keys set by MNIST_DIST_... variables are not those of rank "
                      "0; have the launcher pass them on (mpirun -x NAME), or give them as "
                      "key=value");
}

/* Starts MPI if other ranks must hear of it, and agrees on what the command line said. */
static Status start_ranks(Comm **comm, const Arguments *arguments, Status status, int *argc,
                          char ***argv) {
    bool wants = status == STATUS_OK && arguments->command->needs_ranks &&
                 arguments->help == NULL && !arguments->version && !arguments->print_config;
    if (!wants && !has_launcher()) return status;
    bool trains =
        arguments->command->id == COMMAND_TRAIN || arguments->command->id == COMMAND_COMPARE;
    if (wants && trains) signals_install();
    Status started = comm_start(comm, argc, argv);
    if (*comm == NULL) return started;
    Status alike = check_environment(*comm, arguments);
    status = comm_agree(*comm, status != STATUS_OK ? status : alike);
    return status == STATUS_OK && wants && trains ? watchdog_start(*comm) : status;
}

int main(int argc, char *argv[]) {
    Comm *comm = NULL;
    Arguments arguments;
    if (has_launcher()) die_with_launcher();
    log_prepare();
    Status status = arguments_read(&arguments, argc, argv);
    status = start_ranks(&comm, &arguments, status, &argc, &argv);
    log_start(comm == NULL || comm_rank(comm) == 0);
    blas_start();
    if (status == STATUS_OK) status = run_command(comm, &arguments);
    speak_of(status);
    log_close();
    arguments_destroy(&arguments);
    if (comm != NULL) comm_barrier(comm);
    watchdog_leave();
    comm_finish(comm);
    return (int)status;
}
