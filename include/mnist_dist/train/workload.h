/* The data of a run, one copy per node: digits.h5 in memory that the node's ranks share, or its
 * labels alone where images are read as they are needed, and the split into training and validation
 * rows. */
#pragma once

#include "mnist_dist/base/status.h"
#include "mnist_dist/data/dataset.h"
#include "mnist_dist/data/row_reader.h"
#include "mnist_dist/data/split.h"
#include "mnist_dist/dist/comm.h"
#include "mnist_dist/train/evaluate.h"

typedef struct Workload {
    Dataset dataset;
    Split split;
    RowReader *reader; /* of images, if the dataset has none; else NULL */
    Comm *comm;        /* of the memory below */
    void *memory;      /* comm_shared: what the dataset looks at; NULL if that is somebody else's */
    void *rows;        /* comm_shared: what the split looks at; likewise */
} Workload;

/* **Collective.** Reads options->path, on each node by all its ranks, deals the rows and holds out
 * part `fold`. With options->window only labels are read. STATUS_DATA on all ranks if it fails on
 * any; STATUS_USAGE if the rows are more than a node has memory for. */
Status workload_load(Workload *workload, Comm *comm, const DataOptions *options, int64_t fold);
/* **Collective.** */
void workload_destroy(Workload *workload);

/* The held-out rows, all labelled rows, and the test part; `count` is 0 where there are none. */
EvaluationImages workload_validation(const Workload *workload);
EvaluationImages workload_labelled(const Workload *workload);
EvaluationImages workload_test(const Workload *workload);
