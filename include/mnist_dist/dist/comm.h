/* Ranks and what passes between them. mpi.h is included by src/dist/comm*.c alone.
 *
 * Calls marked **Collective** are made by all ranks, in the same order. MPI's own errors end the
 * job (MPI_ERRORS_ARE_FATAL): there is nothing useful to do with half a communicator. What can
 * fail on one rank alone is agreed on by all with comm_agree before anybody leaves. MPI's
 * reductions are not used for floating point: their order is MPI's choice. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mnist_dist/base/status.h"

typedef struct Comm Comm;

/* **Collective.** Starts MPI and ends it. Ranks are numbered node by node: where the launcher deals
 * them to the nodes in turn, a rank's number here is not the launcher's. Where
 * MNIST_DIST_NODE_RANKS=N is set in the environment, no more than N ranks of a machine take
 * themselves for a node, so that what happens between nodes can be tried on one machine. */
Status comm_start(Comm **out, int *argc, char ***argv);
void comm_finish(Comm *comm);

/* Ends all ranks at once with this exit code: for a rank that cannot reach a collective. */
void comm_abort(Comm *comm, int code) __attribute__((noreturn));

int comm_rank(const Comm *comm);
int comm_size(const Comm *comm);

/* This rank's number among those on its node; 0 fills what the node shares. */
int comm_node_rank(const Comm *comm);
int comm_node_size(const Comm *comm);

/* This rank's node, from 0; how many there are; and the first rank of a node (of node_count: the
 * number of ranks). */
int comm_node(const Comm *comm);
int comm_node_count(const Comm *comm);
int comm_node_begin(const Comm *comm, int node);

/* Whether MPI may be called by several threads at once. */
bool comm_is_threaded(const Comm *comm);

/* **Collective.** How many processors this node's ranks may run on, all together: what taskset,
 * mpirun's binding or a Slurm job left them. */
int comm_node_processors(Comm *comm);

/* Whether all ranks are of one node. */
bool comm_is_one_node(const Comm *comm);

/* "Open MPI 4.1.4": `text` holds 64 bytes. */
void comm_describe(char text[64]);

/* The MPI library: comm_describe, the standard that it keeps ("3.1"), and what it was started with
 * of threads ("multiple"). After comm_start. */
typedef struct CommLibrary {
    char name[64], standard[32];
    const char *threads;
} CommLibrary;
void comm_library(CommLibrary *library);

/* Where the memory of comm_shared lies. */
const char *comm_shared_folder(void);

/* **Collective.** The failure of the lowest failing rank, on all ranks, with its line of text (and
 * "rank R: " before it, if R is not 0); STATUS_OK if no rank failed. */
Status comm_agree_on(Comm *comm, Status mine);

/* **Collective.** comm_agree_on, with one's own failure in sight of whoever analyses the caller. */
static inline Status comm_agree(Comm *comm, Status mine) {
    Status ours = comm_agree_on(comm, mine);
    return ours != STATUS_OK ? ours : mine;
}

/* **Collective.** The largest of the ranks' values; their sum. */
int comm_max(Comm *comm, int value);
int64_t comm_sum(Comm *comm, int64_t value);

/* **Collective.** Copies root's bytes to all. */
void comm_broadcast(Comm *comm, void *bytes, size_t count, int root);

/* **Collective.** How far this rank's clock_seconds is ahead of rank 0's, to within half the time
 * that a message takes there and back; 0 if they cannot be told apart. */
double comm_clock_ahead(Comm *comm);

/* **Collective.** Waits for all. */
void comm_barrier(Comm *comm);

/* **Collective.** `bytes` holds comm_size parts one after the other, part r ending at ends[r];
 * each rank has filled its own; after the call all ranks hold all parts. */
void comm_allgather(Comm *comm, void *bytes, const size_t ends[]);

/* A run of floats to or from one rank. */
typedef struct CommPiece {
    int rank;
    int tag; /* tells apart several pieces between the same two ranks */
    float *values;
    size_t count;
} CommPiece;

/* **Collective** among those concerned. Sends and receives all pieces; returns when all have
 * arrived. */
void comm_exchange(Comm *comm, const CommPiece sends[], size_t send_count,
                   const CommPiece receives[], size_t receive_count);

/* How many ranks, or nodes, may each send messages to each of the others: unless a test limits it,
 * COMM_MOST_PEERS. */
enum { COMM_MOST_PEERS = 64 };
int comm_most_peers(const Comm *comm);

/* Those who call, and by what numbers: all ranks, or the nodes, for each of which its first rank
 * acts. */
typedef enum CommScope { COMM_RANKS, COMM_NODES } CommScope;

/* **Collective** in the scope. Copies the bytes of rank 0 to all. */
void comm_scope_broadcast(Comm *comm, CommScope scope, void *bytes, size_t count);

/* **Collective** in the scope. As comm_allgather, but only number 0 is sure to have all parts; what
 * others get beside their own is right. Costs a logarithm of messages. */
void comm_scope_gather(Comm *comm, CommScope scope, void *bytes, const size_t ends[]);

/* **Collective** in the scope. Of each byte at most one of them has what is not 0; after the call
 * all have it. Costs a logarithm of messages. */
void comm_merge(Comm *comm, CommScope scope, void *bytes, size_t count);

/* Messages that are under way while their owner does other things. */
typedef struct CommFlight CommFlight;

/* With others of the scope. The comm must outlive it, and all must have landed before the end. */
Status comm_flight_new(CommFlight **out, Comm *comm, CommScope scope);
void comm_flight_destroy(CommFlight *flight);

/* Sends to, or receives from, number `peer`; what has the same tag arrives in the order in which it
 * is sent. The bytes are MPI's until the flight has landed. */
void comm_flight_send(CommFlight *flight, int peer, int tag, const void *bytes, size_t count);
void comm_flight_receive(CommFlight *flight, int peer, int tag, void *bytes, size_t count);

/* Flights carry nothing from now on, or again: what a step takes then is the time of everything
 * else, meetings included. For benches. */
void comm_mute(Comm *comm, bool mute);

/* Whether all messages have arrived. Brings on those of other flights, too. */
bool comm_flight_has_landed(CommFlight *flight);

/* **Collective.** Memory that all ranks of a node see, aligned to 64 bytes: zeroed, and freed by
 * comm_shared_free (NULL is fine) or comm_finish. After filling, call comm_barrier or
 * comm_node_barrier before reading. */
Status comm_shared(void **memory, Comm *comm, size_t bytes);
void comm_shared_free(Comm *comm, void *memory);

/* **Collective.** Waits for the ranks of this node. What they wrote into shared memory before, all
 * of them see after. */
void comm_node_barrier(Comm *comm);
