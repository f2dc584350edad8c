/* What comm.c (ranks), comm_collectives.c, comm_flight.c (messages) and comm_node.c (a node's ranks
 * and their memory) share. */
#pragma once

#include <mpi.h>

#include "dist/node_barrier.h"
#include "mnist_dist/dist/comm.h"

/* Memory of one comm_shared. */
typedef struct Window {
    MPI_Win win; /* MPI_WIN_NULL if the rank is alone on its node and the memory its own */
    void *memory;
    struct Window *next;
} Window;

struct Comm {
    MPI_Comm world; /* all ranks, those of a node one after the other */
    int rank, size;
    MPI_Comm node;
    int node_rank, node_size;
    MPI_Comm leaders; /* of the nodes; MPI_COMM_NULL at other ranks, and if there is one node */
    int node_index, node_count;
    int *node_begins; /* (node_count + 1): each node's first rank, then the size */
    NodeBarrier *barrier;
    bool threaded, mute;
    int most_peers;
    size_t message_limit;
    CommFlight *messages; /* of the calls that wait for theirs */
    Window *windows;
};

/* The MPI communicator of those in `scope`. */
MPI_Comm comm_of(const Comm *comm, CommScope scope);

/* Waits for all that was sent and received. */
void comm_flight_wait(CommFlight *flight);

/* **Collective.** Finds the ranks that share memory with this one, at most `limit` of them (0: any
 * number), and leaves them again, with all memory of comm_shared. */
Status comm_join_node(Comm *comm, int limit);
void comm_leave_node(Comm *comm);
