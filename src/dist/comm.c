/* Ranks and what passes between them, over MPI-3.
 *
 * MPI counts in `int`, so whatever exceeds MESSAGE_LIMIT goes in several messages. Requests are
 * kept from call to call, so that a step allocates nothing after the first. Gathers are messages
 * from each to each: MPI_Allgatherv passes parts on in a ring, and where ranks outnumber the cores
 * each of its rounds waits for the scheduler (8 ranks on 2 cores: 8 against 4 ms for 3.7 MB).
 * Refused: derived datatypes for large counts, which some MPI transports unpack element by element;
 * big-count calls, which are MPI-4. */
#include "mnist_dist/dist/comm.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "dist/comm_limit.h"
#include "mnist_dist/base/memory.h"

enum {
    MESSAGE_LIMIT = 1 << 30, /* bytes; below INT_MAX, and a multiple of any element's size */
    LINE_CAPACITY = 2048,
    REQUESTS_AT_FIRST = 64
};

/* Memory of one comm_shared. */
typedef struct Window {
    MPI_Win win; /* MPI_WIN_NULL if the rank is alone on its node and the memory its own */
    void *memory;
    struct Window *next;
} Window;

struct Comm {
    int rank, size;
    MPI_Comm node;
    int node_rank, node_size;
    size_t message_limit;
    MPI_Request *requests;
    size_t request_count, request_capacity;
    Window *windows;
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

static Status comm_fill(Comm *comm) {
    Status status = STATUS_OK;
    MPI_Comm_rank(MPI_COMM_WORLD, &comm->rank);
    MPI_Comm_size(MPI_COMM_WORLD, &comm->size);
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, comm->rank, MPI_INFO_NULL,
                        &comm->node);
    MPI_Comm_rank(comm->node, &comm->node_rank);
    MPI_Comm_size(comm->node, &comm->node_size);
    comm->message_limit = MESSAGE_LIMIT;
    comm->request_capacity = REQUESTS_AT_FIRST;
    TRY(MEMORY_NEW(&comm->requests, comm->request_capacity));
cleanup:
    return status;
}

Status comm_start(Comm **out, int *argc, char ***argv) {
    Status status = STATUS_OK;
    Comm *comm = NULL;
    int provided = MPI_THREAD_SINGLE;

    *out = NULL;
    ask_mpi_to_yield();
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

static void close_window(Window *window) {
    if (window->win == MPI_WIN_NULL) {
        free(window->memory);
    } else {
        MPI_Win_unlock_all(window->win);
        MPI_Win_free(&window->win);
    }
    free(window);
}

static void free_windows(Comm *comm) {
    while (comm->windows != NULL) {
        Window *window = comm->windows;
        comm->windows = window->next;
        close_window(window);
    }
}

void comm_finish(Comm *comm) {
    if (comm == NULL) return;
    free_windows(comm);
    MPI_Comm_free(&comm->node);
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

int comm_node_rank(const Comm *comm) {
    return comm->node_rank;
}

int comm_node_size(const Comm *comm) {
    return comm->node_size;
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
    while (name > 0 && strchr("v \t", library[name - 1]) != NULL) name--;
    snprintf(text, 64, "%.*s %s", name, library, version);
}

/* Everyone takes the failure's code and line for its own. */
static Status spread_failure(Comm *comm, Status mine, int culprit) {
    Failure failure = {.code = (int)mine};
    if (comm->rank == culprit) {
        snprintf(failure.line, sizeof failure.line, "%s", status_message());
    }
    MPI_Bcast(&failure, (int)sizeof failure, MPI_BYTE, culprit, MPI_COMM_WORLD);
    status_clear();
    if (culprit == 0) return status_fail((Status)failure.code, "%s", failure.line);
    return status_fail((Status)failure.code, "rank %d: %s", culprit, failure.line);
}

Status comm_agree(Comm *comm, Status mine) {
    int failed = mine == STATUS_OK ? comm->size : comm->rank;
    int culprit = comm->size;
    MPI_Allreduce(&failed, &culprit, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
    if (culprit == comm->size) return STATUS_OK;
    return spread_failure(comm, mine, culprit);
}

int comm_max(Comm *comm, int value) {
    (void)comm;
    int largest = value;
    MPI_Allreduce(&value, &largest, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
    return largest;
}

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

void comm_broadcast(Comm *comm, void *bytes, size_t count, int root) {
    for (size_t done = 0; done < count; done += comm->message_limit) {
        size_t part = smaller(count - done, comm->message_limit);
        MPI_Bcast((char *)bytes + done, (int)part, MPI_BYTE, root, MPI_COMM_WORLD);
    }
}

static void sync_windows(Comm *comm) {
    for (Window *window = comm->windows; window != NULL; window = window->next) {
        if (window->win != MPI_WIN_NULL) MPI_Win_sync(window->win);
    }
}

void comm_barrier(Comm *comm) {
    sync_windows(comm);
    MPI_Barrier(MPI_COMM_WORLD);
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
    MPI_Waitall((int)comm->request_count, comm->requests, MPI_STATUSES_IGNORE);
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

/* Open MPI keeps shared windows in files here. */
static const char *window_folder(void) {
    const char *folder = getenv("OMPI_MCA_osc_sm_backing_directory");
    return folder != NULL ? folder : "/dev/shm";
}

/* To be asked before MPI is: where space is lacking, Open MPI 4.1 fails on one rank of the node and
 * leaves the others waiting. */
static Status check_space(const Comm *comm, size_t bytes) {
    struct statvfs space;
    const char *folder = window_folder();
    if (comm->node_rank != 0 || statvfs(folder, &space) != 0) return STATUS_OK;
    double there = (double)space.f_bavail * (double)space.f_frsize;
    if ((double)bytes <= there) return STATUS_OK;
    return status_fail(STATUS_FAILED,
                       "%s has %.0f MB free, but the ranks of a node share %.0f MB there: enlarge "
                       "it (mount -o remount,size=SIZE; docker run --shm-size=SIZE) or name "
                       "another folder in OMPI_MCA_osc_sm_backing_directory",
                       folder, there / 1e6, (double)bytes / 1e6);
}

static void open_window(Comm *comm, Window *window, size_t bytes) {
    MPI_Aint size = comm->node_rank == 0 ? (MPI_Aint)bytes : 0;
    int unit = 1;
    MPI_Win_allocate_shared(size, unit, MPI_INFO_NULL, comm->node, &window->memory, &window->win);
    MPI_Win_shared_query(window->win, 0, &size, &unit, &window->memory);
    MPI_Win_lock_all(MPI_MODE_NOCHECK, window->win);
    if (comm->node_rank == 0) memset(window->memory, 0, bytes);
}

/* A rank alone on its node needs no window, and so no space in /dev/shm. */
static Status prepare_window(Window *window, const Comm *comm, size_t bytes) {
    window->win = MPI_WIN_NULL;
    if (comm->node_size > 1) return check_space(comm, bytes);
    window->memory = memory_zeroed(bytes, 1);
    return window->memory != NULL ? STATUS_OK : STATUS_FAILED;
}

static Status new_window(Window **out, const Comm *comm, size_t bytes) {
    Status status = MEMORY_NEW(out, 1);
    return status == STATUS_OK ? prepare_window(*out, comm, bytes) : status;
}

Status comm_shared(void **memory, Comm *comm, size_t bytes) {
    Status status = STATUS_OK;
    Window *window = NULL;

    *memory = NULL;
    TRY(comm_agree(comm, new_window(&window, comm, bytes)));
    if (comm->node_size > 1) open_window(comm, window, bytes > 0 ? bytes : 1);
    window->next = comm->windows;
    comm->windows = window;
    *memory = window->memory;
    comm_barrier(comm);
    return status;

cleanup:
    if (window != NULL) free(window->memory);
    free(window);
    return status;
}
