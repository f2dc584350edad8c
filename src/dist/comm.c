/* Ranks and what passes between them, over MPI-3.
 *
 * MPI counts in `int`, so whatever exceeds MESSAGE_LIMIT goes in several messages. Requests are
 * kept from call to call, so that a step allocates nothing after the first. Gathers are messages
 * from each to each: MPI_Allgatherv passes parts on in a ring, and where ranks outnumber the cores
 * each of its rounds waits for the scheduler (8 ranks on 2 cores: 8 against 4 ms for 3.7 MB).
 * Refused: derived datatypes for large counts, which some MPI transports unpack element by element;
 * big-count calls, which are MPI-4. */
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
    REQUESTS_AT_FIRST = 64
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

/* How many ranks may share memory; 0 is any number. */
static int node_limit(void) {
    const char *text = getenv("MNIST_DIST_NODE_RANKS");
    long limit = text != NULL ? strtol(text, NULL, 10) : 0;
    return limit > 0 && limit < INT_MAX ? (int)limit : 0;
}

static Status comm_fill(Comm *comm) {
    Status status = STATUS_OK;
    comm->node = MPI_COMM_NULL;
    MPI_Comm_rank(MPI_COMM_WORLD, &comm->rank);
    MPI_Comm_size(MPI_COMM_WORLD, &comm->size);
    comm->message_limit = MESSAGE_LIMIT;
    comm->request_capacity = REQUESTS_AT_FIRST;
    TRY(comm_agree(comm, MEMORY_NEW(&comm->requests, comm->request_capacity)));
    TRY(comm_join_node(comm, node_limit()));
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
    MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided);
    TRY(provided >= MPI_THREAD_FUNNELED
            ? STATUS_OK
            : status_fail(STATUS_FAILED, "this MPI was built without threads (MPI_THREAD_FUNNELED)"
                                         ": install one with them"));
    TRY(MEMORY_NEW(&comm, 1));
    TRY(comm_fill(comm));
    *out = comm;
    return status;

cleanup:
    comm_finish(comm);
    return status;
}

void comm_finish(Comm *comm) {
    if (comm == NULL) return;
    comm_leave_node(comm);
    free(comm->requests);
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

void comm_limit_messages(Comm *comm, size_t bytes) {
    comm->message_limit = bytes;
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
    MPI_Bcast(&failure, (int)sizeof failure, MPI_BYTE, culprit, MPI_COMM_WORLD);
    heartbeat_goes_on();
    status_clear();
    if (culprit == 0) return status_fail((Status)failure.code, "%s", failure.line);
    return status_fail((Status)failure.code, "rank %d: %s", culprit, failure.line);
}

Status comm_agree_on(Comm *comm, Status mine) {
    int failed = mine == STATUS_OK ? comm->size : comm->rank;
    int culprit = comm->size;
    heartbeat_waits();
    MPI_Allreduce(&failed, &culprit, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
    heartbeat_goes_on();
    if (culprit == comm->size) return STATUS_OK;
    return spread_failure(comm, mine, culprit);
}

int comm_max(Comm *comm, int value) {
    (void)comm;
    int largest = value;
    heartbeat_waits();
    MPI_Allreduce(&value, &largest, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
    heartbeat_goes_on();
    return largest;
}

int64_t comm_sum(Comm *comm, int64_t value) {
    (void)comm;
    int64_t sum = 0;
    heartbeat_waits();
    MPI_Allreduce(&value, &sum, 1, MPI_INT64_T, MPI_SUM, MPI_COMM_WORLD);
    heartbeat_goes_on();
    return sum;
}

void comm_broadcast(Comm *comm, void *bytes, size_t count, int root) {
    for (size_t done = 0; done < count; done += comm->message_limit) {
        size_t part = smaller(count - done, comm->message_limit);
        heartbeat_transfers();
        MPI_Bcast((char *)bytes + done, (int)part, MPI_BYTE, root, MPI_COMM_WORLD);
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
    MPI_Barrier(MPI_COMM_WORLD);
    heartbeat_goes_on();
    sync_windows(comm);
}

static MPI_Request *next_request(Comm *comm) {
    if (comm->request_count == comm->request_capacity) {
        size_t capacity = 2 * comm->request_capacity;
        MPI_Request *grown = realloc(comm->requests, capacity * sizeof *grown);
        if (grown == NULL) {
            fprintf(stderr, "mnist_dist: error: rank %d: out of memory for messages\n", comm->rank);
            comm_abort(comm, STATUS_FAILED);
        }
        comm->requests = grown;
        comm->request_capacity = capacity;
    }
    return &comm->requests[comm->request_count++];
}

typedef enum Direction { SEND, RECEIVE } Direction;

/* Starts the messages of one run of bytes. Those of one tag between two ranks arrive in order. */
static void post(Comm *comm, Direction direction, int rank, int tag, void *bytes, size_t count) {
    for (size_t done = 0; done < count; done += comm->message_limit) {
        int part = (int)smaller(count - done, comm->message_limit);
        char *at = (char *)bytes + done;
        MPI_Request *request = next_request(comm);
        if (direction == SEND) {
            MPI_Isend(at, part, MPI_BYTE, rank, tag, MPI_COMM_WORLD, request);
        } else {
            MPI_Irecv(at, part, MPI_BYTE, rank, tag, MPI_COMM_WORLD, request);
        }
    }
}

static void wait_for_all(Comm *comm) {
    heartbeat_transfers();
    MPI_Waitall((int)comm->request_count, comm->requests, MPI_STATUSES_IGNORE);
    heartbeat_goes_on();
    comm->request_count = 0;
}

static void post_pieces(Comm *comm, Direction direction, const CommPiece pieces[], size_t count) {
    for (size_t i = 0; i < count; i++) {
        const CommPiece *piece = &pieces[i];
        post(comm, direction, piece->rank, piece->tag, piece->values,
             piece->count * sizeof *piece->values);
    }
}

void comm_exchange(Comm *comm, const CommPiece sends[], size_t send_count,
                   const CommPiece receives[], size_t receive_count) {
    post_pieces(comm, RECEIVE, receives, receive_count);
    post_pieces(comm, SEND, sends, send_count);
    wait_for_all(comm);
}

/* Where rank r's part begins. */
static size_t part_begin(const size_t ends[], int r) {
    return r == 0 ? 0 : ends[r - 1];
}

static void post_part(Comm *comm, Direction direction, int rank, char *bytes, const size_t ends[],
                      int part) {
    size_t begin = part_begin(ends, part);
    post(comm, direction, rank, 0, bytes + begin, ends[part] - begin);
}

void comm_allgather(Comm *comm, void *bytes, const size_t ends[]) {
    for (int i = 1; i < comm->size; i++) {
        int from = (comm->rank + comm->size - i) % comm->size;
        post_part(comm, RECEIVE, from, bytes, ends, from);
    }
    for (int i = 1; i < comm->size; i++) {
        int to = (comm->rank + i) % comm->size; /* not all to rank 0 first */
        post_part(comm, SEND, to, bytes, ends, comm->rank);
    }
    wait_for_all(comm);
}

void comm_gather(Comm *comm, void *bytes, const size_t ends[]) {
    for (int r = 1; r < comm->size && comm->rank == 0; r++) {
        post_part(comm, RECEIVE, r, bytes, ends, r);
    }
    if (comm->rank != 0) post_part(comm, SEND, 0, bytes, ends, comm->rank);
    wait_for_all(comm);
}
