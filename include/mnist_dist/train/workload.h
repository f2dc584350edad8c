/* The data of a run, one copy per node: digits.h5 in memory that the node's ranks share, and the
 * split into training and validation rows. */
#pragma once

#include "mnist_dist/base/status.h"
#include "mnist_dist/data/dataset.h"
#include "mnist_dist/data/split.h"
#include "mnist_dist/dist/comm.h"

typedef struct Workload {
    Dataset dataset;
    Split split;
} Workload;

/* **Collective.** Reads options->path on one rank of each node and deals the rows; `seed` names the
 * held-out part if options->fold is -1. STATUS_DATA on all ranks if it fails on any. */
Status workload_load(Workload *workload, Comm *comm, const DataOptions *options, uint64_t seed);
void workload_destroy(Workload *workload);
