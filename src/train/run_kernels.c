/* Kernels decide bits: ranks that have others than rank 0 are refused, and a resume under others
 * than the checkpoint's is let through with a warning, since it is a sound training, though not the
 * one that was never stopped. */
#include <string.h>

#include "mnist_dist/base/log.h"
#include "run_parts.h"

Status run_check_kernels(const Run *run) {
    char own[128] = "", first[128];
    Status status = STATUS_OK;
    model_describe_kernels(own, run->model);
    memcpy(first, own, sizeof first);
    comm_broadcast(run->comm, first, sizeof first, 0);
    if (strcmp(own, first) != 0)
        status =
            status_fail(STATUS_USAGE,
                        "computes with %s, and rank 0 with %s, which gives other bits; run on "
                        "nodes with the same CPU, or give model.kernels=avx2 or portable (and, "
                        "where OpenBLAS is named, the same OPENBLAS_CORETYPE to all)",
                        own, first);
    return comm_agree(run->comm, status);
}

void run_warn_of_kernels(const Run *run, const Checkpoint *checkpoint) {
    char own[128];
    model_describe_kernels(own, run->model);
    if (strcmp(own, checkpoint->kernels) == 0) return;
    log_warning("the checkpoint was computed with %s, and this goes on with %s: the result's bits "
                "will not be those of a run on one kind of machine",
                checkpoint->kernels, own);
}
