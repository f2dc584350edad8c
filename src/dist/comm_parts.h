/* What comm.c (ranks and messages) and comm_node.c (a node's ranks and their memory) share. */
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
    int rank, size;
    MPI_Comm node;
    int node_rank, node_size;
    NodeBarrier *barrier;
    size_t message_limit;
    MPI_Request *requests;
    size_t request_count, request_capacity;
    Window *windows;
};

/* **Collective.** Finds the ranks that share memory with this one, at most `limit` of them (0: any
 * number), and leaves them again, with all memory of comm_shared. */
Status comm_join_node(Comm *comm, int limit);
void comm_leave_node(Comm *comm);
