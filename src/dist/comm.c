/* Ranks and their collectives, over MPI-3.
 *
 * MPI counts in `int`, so whatever exceeds MESSAGE_LIMIT goes in several messages. Gathers are
 * messages from each to each: MPI_Allgatherv passes parts on in a ring, and where ranks outnumber
 * the cores each of its rounds waits for the scheduler (8 ranks on 2 cores: 8 against 4 ms for 3.7
 * MB). What is small is MPI's, and so is all among more than COMM_MOST_PEERS ranks, where messages
 * from each to each would be too many. */
#include <limits.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dist/comm_limit.h"
#include "dist/comm_parts.h"
#include "mnist_dist/base/heartbeat.h"
#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/minmax.h"

enum {
    MESSAGE_LIMIT = 1 << 30, /* bytes; below INT_MAX, and a multiple of any element's size */
    LINE_CAPACITY = 2048,
    FEW_BYTES = 32768,
    MOST_RANKS = 4096 /* that are handed on to MPI at once */
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

int comm_max(Comm *comm, int value) {
    int largest = value;
    heartbeat_waits();
    MPI_Allreduce(&value, &largest, 1, MPI_INT, MPI_MAX, comm->world);
    heartbeat_goes_on();
    return largest;
}

int64_t comm_sum(Comm *comm, int64_t value) {
    int64_t sum = 0;
    heartbeat_waits();
    MPI_Allreduce(&value, &sum, 1, MPI_INT64_T, MPI_SUM, comm->world);
    heartbeat_goes_on();
    return sum;
}

static void broadcast(const Comm *comm, MPI_Comm among, void *bytes, size_t count, int root) {
    for (size_t done = 0; done < count; done += comm->message_limit) {
        size_t part = smaller(count - done, comm->message_limit);
        heartbeat_transfers();
        MPI_Bcast((char *)bytes + done, (int)part, MPI_BYTE, root, among);
        heartbeat_goes_on();
    }
}

void comm_broadcast(Comm *comm, void *bytes, size_t count, int root) {
    broadcast(comm, comm->world, bytes, count, root);
}

void comm_scope_broadcast(Comm *comm, CommScope scope, void *bytes, size_t count) {
    broadcast(comm, comm_of(comm, scope), bytes, count, 0);
}

/* Or-ing bits has one result in any order, unlike a sum of floats. */
void comm_merge(Comm *comm, CommScope scope, void *bytes, size_t count) {
    for (size_t done = 0; done < count; done += comm->message_limit) {
        size_t part = smaller(count - done, comm->message_limit);
        heartbeat_transfers();
        MPI_Allreduce(MPI_IN_PLACE, (char *)bytes + done, (int)part, MPI_BYTE, MPI_BOR,
                      comm_of(comm, scope));
        heartbeat_goes_on();
    }
}

static void sync_windows(const Comm *comm) {
    for (Window *window = comm->windows; window != NULL; window = window->next) {
        if (window->win != MPI_WIN_NULL) MPI_Win_sync(window->win);
    }
}

void comm_barrier(Comm *comm) {
    sync_windows(comm);
    heartbeat_waits();
    MPI_Barrier(comm->world);
    heartbeat_goes_on();
    sync_windows(comm);
}

/* Where rank r's part begins. */
static size_t part_begin(const size_t ends[], int r) {
    return r == 0 ? 0 : ends[r - 1];
}

/* MPI brings few bytes to all in a logarithm of rounds. */
static bool is_for_mpi(const Comm *comm, const size_t ends[]) {
    size_t total = ends[comm->size - 1];
    return comm->size <= MOST_RANKS && total <= comm->message_limit &&
           (total <= FEW_BYTES || comm->size > comm->most_peers);
}

static void allgather_by_mpi(const Comm *comm, char *bytes, const size_t ends[]) {
    int counts[MOST_RANKS], begins[MOST_RANKS];
    for (int r = 0; r < comm->size; r++) {
        begins[r] = (int)part_begin(ends, r);
        counts[r] = (int)ends[r] - begins[r];
    }
    heartbeat_transfers();
    MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_BYTE, bytes, counts, begins, MPI_BYTE, comm->world);
    heartbeat_goes_on();
}

static void send_part(Comm *comm, int rank, const char *bytes, const size_t ends[]) {
    size_t begin = part_begin(ends, comm->rank);
    comm_flight_send(comm->messages, rank, 0, bytes + begin, ends[comm->rank] - begin);
}

static void receive_part(Comm *comm, int rank, char *bytes, const size_t ends[]) {
    size_t begin = part_begin(ends, rank);
    comm_flight_receive(comm->messages, rank, 0, bytes + begin, ends[rank] - begin);
}

void comm_allgather(Comm *comm, void *bytes, const size_t ends[]) {
    if (is_for_mpi(comm, ends)) {
        allgather_by_mpi(comm, bytes, ends);
        return;
    }
    for (int i = 1; i < comm->size; i++)
        receive_part(comm, (comm->rank + comm->size - i) % comm->size, bytes, ends);
    for (int i = 1; i < comm->size; i++) /* not all to rank 0 first */
        send_part(comm, (comm->rank + i) % comm->size, bytes, ends);
    comm_flight_wait(comm->messages);
}

/* What stands from `begin` to `end` goes to or comes from a rank of the scope. */
static void pass_run(const Comm *comm, MPI_Comm among, bool sends, int peer, char *bytes,
                     size_t begin, size_t end) {
    for (size_t at = begin; at < end; at += comm->message_limit) {
        int part = (int)smaller(end - at, comm->message_limit);
        if (sends)
            MPI_Send(bytes + at, part, MPI_BYTE, peer, 0, among);
        else
            MPI_Recv(bytes + at, part, MPI_BYTE, peer, 0, among, MPI_STATUS_IGNORE);
    }
}

/* Up a binomial tree, each of whose branches is one run of bytes. Open MPI's MPI_Gatherv has
 * everyone send to the root. */
void comm_scope_gather(Comm *comm, CommScope scope, void *bytes, const size_t ends[]) {
    MPI_Comm among = comm_of(comm, scope);
    int rank = 0, size = 0;
    MPI_Comm_rank(among, &rank);
    MPI_Comm_size(among, &size);
    heartbeat_transfers();
    for (int step = 1; step < size; step *= 2) {
        bool sends = (rank & step) != 0; /* the parts of `step` ranks, its own the first */
        int first = sends ? rank : rank + step;
        int last = first + step < size ? first + step - 1 : size - 1;
        if (first < size)
            pass_run(comm, among, sends, sends ? rank - step : first, bytes,
                     part_begin(ends, first), ends[last]);
        if (sends) break;
    }
    heartbeat_goes_on();
}

void comm_exchange(Comm *comm, const CommPiece sends[], size_t send_count,
                   const CommPiece receives[], size_t receive_count) {
    for (size_t i = 0; i < receive_count; i++)
        comm_flight_receive(comm->messages, receives[i].rank, receives[i].tag, receives[i].values,
                            receives[i].count * sizeof(float));
    for (size_t i = 0; i < send_count; i++)
        comm_flight_send(comm->messages, sends[i].rank, sends[i].tag, sends[i].values,
                         sends[i].count * sizeof(float));
    comm_flight_wait(comm->messages);
}
