/* Ranks over MPI-3: how MPI is started, and how ranks agree on a failure. */
#include <limits.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dist/comm_limit.h"
#include "dist/comm_parts.h"
#include "mnist_dist/base/heartbeat.h"
#include "mnist_dist/base/memory.h"

enum {
    MESSAGE_LIMIT = 1 << 30, /* bytes; below INT_MAX, and a multiple of any element's size */
    LINE_CAPACITY = 2048
};

/* What one rank tells the others about its failure. */
typedef struct Failure {
    int code;
    char line[LINE_CAPACITY];
} Failure;

/* A waiting rank of Open MPI polls without pause unless told to yield, and so takes the core from
 * the rank or thread that it waits for. Other MPIs ignore the variable; a user's choice stands. */
static void ask_mpi_to_yield(void) {
    setenv("OMPI_MCA_mpi_yield_when_idle", "1", 0);
}

/* Open MPI looks for the networks that its `cm` layer drives before it starts, which on one machine
 * is of no use: MPI_Init of 8 ranks on 2 cores took 430 ms with it and 220 without. mpirun tells
 * how many ranks there are, and how many on this machine. */
static void ask_mpi_to_start_fast(void) {
    const char *all = getenv("OMPI_COMM_WORLD_SIZE");
    const char *here = getenv("OMPI_COMM_WORLD_LOCAL_SIZE");
    bool one_machine = all != NULL && here != NULL && strcmp(all, here) == 0;
    if (one_machine) setenv("OMPI_MCA_pml", "^cm", 0);
}

/* Over TCP Open MPI asks before it sends more than 64 kB, and each answer waits until somebody
 * calls MPI: between 4 hosts at 1 Gbit/s a sum and gathering of 3.7 MB took 70 ms so, and 54 where
 * what is sent at once is as long as most of our messages. */
static void ask_mpi_for_long_messages(void) {
    setenv("OMPI_MCA_btl_tcp_eager_limit", "262144", 0);
    setenv("OMPI_MCA_btl_tcp_max_send_size", "262144", 0);
}

/* How many ranks may share memory; 0 is any number. */
static int node_limit(void) {
    const char *text = getenv("MNIST_DIST_NODE_RANKS");
    long limit = text != NULL ? strtol(text, NULL, 10) : 0;
    return limit > 0 && limit < INT_MAX ? (int)limit : 0;
}

static Status comm_fill(Comm *comm) {
    Status status = STATUS_OK;
    MPI_Comm_rank(comm->world, &comm->rank);
    MPI_Comm_size(comm->world, &comm->size);
    TRY(comm_join_node(comm, node_limit()));
    TRY(comm_agree(comm, comm_flight_new(&comm->messages, comm, COMM_RANKS)));
cleanup:
    return status;
}

Status comm_start(Comm **out, int *argc, char ***argv) {
    Status status = STATUS_OK;
    Comm *comm = NULL;
    int provided = MPI_THREAD_SINGLE;

    *out = NULL;
    ask_mpi_to_yield();
    ask_mpi_to_start_fast();
    ask_mpi_for_long_messages();
    MPI_Init_thread(argc, argv, MPI_THREAD_MULTIPLE, &provided);
    TRY(provided >= MPI_THREAD_FUNNELED
            ? STATUS_OK
            : status_fail(STATUS_FAILED, "this MPI was built without threads (MPI_THREAD_FUNNELED)"
                                         ": install one with them"));
    TRY(MEMORY_NEW(&comm, 1));
    *comm = (Comm){.world = MPI_COMM_WORLD,
                   .node = MPI_COMM_NULL,
                   .leaders = MPI_COMM_NULL,
                   .threaded = provided == MPI_THREAD_MULTIPLE,
                   .most_peers = COMM_MOST_PEERS,
                   .message_limit = MESSAGE_LIMIT};
    TRY(comm_fill(comm));
    *out = comm;
    return status;

cleanup:
    comm_finish(comm);
    return status;
}

void comm_finish(Comm *comm) {
    if (comm == NULL) return;
    comm_flight_destroy(comm->messages);
    comm_leave_node(comm);
    if (comm->world != MPI_COMM_WORLD) MPI_Comm_free(&comm->world);
    free(comm);
    MPI_Finalize();
}

void comm_abort(Comm *comm, int code) {
    (void)comm;
    MPI_Abort(MPI_COMM_WORLD, code);
    _Exit(code);
}

int comm_rank(const Comm *comm) {
    return comm->rank;
}

int comm_size(const Comm *comm) {
    return comm->size;
}

bool comm_is_threaded(const Comm *comm) {
    return comm->threaded;
}

MPI_Comm comm_of(const Comm *comm, CommScope scope) {
    return scope == COMM_RANKS ? comm->world : comm->leaders;
}

void comm_limit_messages(Comm *comm, size_t bytes) {
    comm->message_limit = bytes;
}

void comm_mute(Comm *comm, bool mute) {
    comm->mute = mute;
}

void comm_limit_peers(Comm *comm, int peers) {
    comm->most_peers = peers;
}

int comm_most_peers(const Comm *comm) {
    return comm->most_peers;
}

/* Open MPI says "Open MPI v4.1.4, package: ...", MPICH "MPICH Version:\t4.0.2\nMPICH ...". */
void comm_describe(char text[64]) {
    char library[MPI_MAX_LIBRARY_VERSION_STRING];
    int length = 0;
    MPI_Get_library_version(library, &length);
    library[strcspn(library, ",\n")] = '\0';
    int name = (int)strcspn(library, "0123456789");
    const char *version = library + name;
    const char *label = strstr(library, " Version");
    if (label != NULL && label < version) name = (int)(label - library);
    while (name > 0 && strchr("v \t", library[name - 1]) != NULL) name--;
    snprintf(text, 64, "%.*s %s", name, library, version);
}

static const char *name_threads(int level) {
    return level == MPI_THREAD_MULTIPLE     ? "multiple"
           : level == MPI_THREAD_SERIALIZED ? "serialized"
           : level == MPI_THREAD_FUNNELED   ? "funneled"
                                            : "single";
}

void comm_library(CommLibrary *library) {
    int version = 0, subversion = 0, threads = 0;
    MPI_Get_version(&version, &subversion);
    MPI_Query_thread(&threads);
    comm_describe(library->name);
    snprintf(library->standard, sizeof library->standard, "%d.%d", version, subversion);
    library->threads = name_threads(threads);
}

/* Everyone takes the failure's code and line for its own. */
static Status spread_failure(Comm *comm, Status mine, int culprit) {
    Failure failure = {.code = (int)mine};
    if (comm->rank == culprit) {
        snprintf(failure.line, sizeof failure.line, "%s", status_message());
    }
    heartbeat_waits();
    MPI_Bcast(&failure, (int)sizeof failure, MPI_BYTE, culprit, comm->world);
    heartbeat_goes_on();
    status_clear();
    if (culprit == 0) return status_fail((Status)failure.code, "%s", failure.line);
    return status_fail((Status)failure.code, "rank %d: %s", culprit, failure.line);
}

Status comm_agree_on(Comm *comm, Status mine) {
    int failed = mine == STATUS_OK ? comm->size : comm->rank;
    int culprit = comm->size;
    heartbeat_waits();
    MPI_Allreduce(&failed, &culprit, 1, MPI_INT, MPI_MIN, comm->world);
    heartbeat_goes_on();
    if (culprit == comm->size) return STATUS_OK;
    return spread_failure(comm, mine, culprit);
}
