/* Loading the data once per node; see workload.h. */
#include "mnist_dist/train/workload.h"

/* The training rows are a prefix of the file's, so a limit only shortens the view. */
static void limit_rows(DatasetInfo *info, int64_t limit) {
    if (limit > 0 && (size_t)limit < info->train_rows) info->train_rows = (size_t)limit;
}

Status workload_load(Workload *workload, Comm *comm, const DataOptions *options, int64_t fold) {
    *workload = (Workload){.comm = comm};
    DatasetInfo info = {0};
    Status status = STATUS_OK;
    if (comm_rank(comm) == 0) status = dataset_inspect(&info, options->path);
    TRY(comm_agree(comm, status));
    comm_broadcast(comm, &info, sizeof info, 0);

    TRY(comm_shared(&workload->memory, comm, dataset_bytes(&info)));
    if (comm_node_rank(comm) == 0) status = dataset_read(workload->memory, &info, options->path);
    comm_node_barrier(comm); /* where the others sleep, and leave the reader their cores */
    TRY(comm_agree(comm, status));
    dataset_view(&workload->dataset, &info, workload->memory);
    limit_rows(&workload->dataset.info, options->limit);
    TRY(comm_agree(comm, split_new(&workload->split, workload->dataset.train_labels,
                                   workload->dataset.info.train_rows, (size_t)options->folds,
                                   (size_t)fold)));
cleanup:
    if (status != STATUS_OK) workload_destroy(workload);
    return status;
}

void workload_destroy(Workload *workload) {
    split_destroy(&workload->split);
    if (workload->memory != NULL) comm_shared_free(workload->comm, workload->memory);
    workload->memory = NULL;
}

EvaluationImages workload_validation(const Workload *workload) {
    return (EvaluationImages){.images = workload->dataset.train_images,
                              .labels = workload->dataset.train_labels,
                              .rows = workload->split.validation,
                              .count = workload->split.validation_count};
}

EvaluationImages workload_labelled(const Workload *workload) {
    return (EvaluationImages){.images = workload->dataset.train_images,
                              .labels = workload->dataset.train_labels,
                              .count = workload->dataset.info.train_rows};
}

EvaluationImages workload_test(const Workload *workload) {
    return (EvaluationImages){.images = workload->dataset.test_images,
                              .labels = workload->dataset.test_labels,
                              .count = workload->dataset.info.test_rows};
}
