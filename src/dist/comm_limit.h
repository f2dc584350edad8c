/* For tests: makes comm.c cut its messages into small parts, so that the path for more than 1 GiB
 * is taken without having 1 GiB. */
#pragma once

#include <stddef.h>

#include "mnist_dist/dist/comm.h"

/* No message of more than `bytes` bytes from now on; the same on all ranks. */
void comm_limit_messages(Comm *comm, size_t bytes);
