/* For tests: what is rare made common. Messages cut into small parts, so that the path for more
 * than 1 GiB is taken without having 1 GiB; small nodes, so that there are several on one machine;
 * and few peers, as if there were many nodes. And what memory is held. */
#pragma once

#include <stddef.h>

#include "mnist_dist/dist/comm.h"

/* No more than so many ranks, or nodes, send messages from each to each from now on. */
void comm_limit_peers(Comm *comm, int peers);

/* No message of more than `bytes` bytes from now on; the same on all ranks. */
void comm_limit_messages(Comm *comm, size_t bytes);

/* **Collective.** No more than `ranks` ranks a node from now on, 0 for any number. Memory of
 * comm_shared is freed. */
Status comm_limit_node(Comm *comm, int ranks);

/* How many pieces of memory of comm_shared have not been freed. */
size_t comm_shared_count(const Comm *comm);
