/* Loading the data once per node; see workload.h. */
#include "mnist_dist/train/workload.h"

#include "mnist_dist/base/machine.h"

/* The training rows are a prefix of the file's, so a limit only shortens the view. */
static void limit_rows(DatasetInfo *info, int64_t limit) {
    if (limit > 0 && (size_t)limit < info->train_rows) info->train_rows = (size_t)limit;
}

/* Better than being killed half-way. */
static Status check_memory(const Comm *comm, const DatasetInfo *info, const char *path) {
    const size_t bytes = dataset_bytes(info), there = machine_free_memory();
    if (comm_node_rank(comm) != 0 || bytes <= there) return STATUS_OK;
    return status_fail(STATUS_USAGE,
                       "%s: its rows take %.0f MB of memory, of which this node has %.0f MB: give "
                       "data.window=200, so that it holds so many MB of them at a time",
                       path, (double)bytes / 1e6, (double)there / 1e6);
}

static DatasetShare share_of(const Comm *comm) {
    return (DatasetShare){(size_t)comm_node_rank(comm), (size_t)comm_node_size(comm)};
}

/* **Collective.** All rows. */
static Status load_rows(Workload *workload, const DatasetInfo *info, const char *path) {
    Comm *comm = workload->comm;
    Status status = STATUS_OK;
    TRY(comm_agree(comm, check_memory(comm, info, path)));
    TRY(comm_shared(&workload->memory, comm, dataset_bytes(info)));
    TRY(comm_agree(comm, dataset_read(workload->memory, info, path, share_of(comm))));
    dataset_view(&workload->dataset, info, workload->memory);
cleanup:
    return status;
}

/* **Collective.** Labels, and what reads images. */
static Status load_labels(Workload *workload, const DatasetInfo *info, const char *path) {
    Comm *comm = workload->comm;
    Status status = STATUS_OK;
    TRY(comm_shared(&workload->memory, comm, dataset_label_bytes(info)));
    TRY(comm_agree(comm, dataset_read_labels(workload->memory, info, path, share_of(comm))));
    TRY(comm_agree(comm, row_reader_open(&workload->reader, info, path)));
    dataset_view_labels(&workload->dataset, info, workload->memory);
cleanup:
    return status;
}

/* **Collective.** The rows of either side, dealt by one rank of each node. */
static Status load_split(Workload *workload, const DataOptions *options, size_t fold) {
    const Dataset *dataset = &workload->dataset;
    const size_t folds = (size_t)options->folds;
    Split *split = &workload->split;
    Comm *comm = workload->comm;
    Status status = split_count(split, dataset->info.train_rows, folds, fold);
    TRY(comm_agree(comm, status));
    TRY(comm_shared(&workload->rows, comm, split_bytes(split)));
    split_view(split, workload->rows);
    if (comm_node_rank(comm) == 0) status = split_deal(split, dataset->train_labels, folds, fold);
    comm_node_barrier(comm);
    TRY(comm_agree(comm, status));
cleanup:
    return status;
}

Status workload_load(Workload *workload, Comm *comm, const DataOptions *options, int64_t fold) {
    *workload = (Workload){.comm = comm};
    DatasetInfo info = {0};
    Status status = STATUS_OK;
    if (comm_rank(comm) == 0) status = dataset_inspect(&info, options->path);
    TRY(comm_agree(comm, status));
    comm_broadcast(comm, &info, sizeof info, 0);
    TRY((options->window > 0 ? load_labels : load_rows)(workload, &info, options->path));
    comm_node_barrier(comm); /* what each has read, all of them see */
    limit_rows(&workload->dataset.info, options->limit);
    TRY(load_split(workload, options, (size_t)fold));
cleanup:
    if (status != STATUS_OK) workload_destroy(workload);
    return status;
}

void workload_destroy(Workload *workload) {
    row_reader_close(workload->reader);
    workload->reader = NULL;
    split_destroy(&workload->split);
    if (workload->memory != NULL) comm_shared_free(workload->comm, workload->memory);
    if (workload->rows != NULL) comm_shared_free(workload->comm, workload->rows);
    workload->memory = workload->rows = NULL;
}

EvaluationImages workload_validation(const Workload *workload) {
    return (EvaluationImages){.images = workload->dataset.train_images,
                              .labels = workload->dataset.train_labels,
                              .reader = workload->reader,
                              .part = DATA_TRAIN,
                              .rows = workload->split.validation,
                              .count = workload->split.validation_count};
}

EvaluationImages workload_labelled(const Workload *workload) {
    return (EvaluationImages){.images = workload->dataset.train_images,
                              .labels = workload->dataset.train_labels,
                              .reader = workload->reader,
                              .part = DATA_TRAIN,
                              .count = workload->dataset.info.train_rows};
}

EvaluationImages workload_test(const Workload *workload) {
    return (EvaluationImages){.images = workload->dataset.test_images,
                              .labels = workload->dataset.test_labels,
                              .reader = workload->reader,
                              .part = DATA_TEST,
                              .count = workload->dataset.info.test_rows};
}
