/* Collectives of all ranks, and of a scope; see comm.h.
 *
 * MPI counts in `int`, so whatever exceeds the limit of a message goes in several. Gathers are
 * messages from each to each: MPI_Allgatherv passes parts on in a ring, and where ranks outnumber
 * the cores each of its rounds waits for the scheduler (8 ranks on 2 cores: 8 against 4 ms for 3.7
 * MB). What is small is MPI's, and so is all among more than COMM_MOST_PEERS ranks, where messages
 * from each to each would be too many. */
#include <mpi.h>

#include "dist/comm_parts.h"
#include "mnist_dist/base/heartbeat.h"
#include "mnist_dist/base/minmax.h"

enum {
    FEW_BYTES = 32768,
    MOST_RANKS = 4096 /* that are handed on to MPI at once */
};

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
