/* Kernels decide bits: ranks that have others than rank 0 are refused, and a resume under others
 * than the checkpoint's is let through with a warning, since it is a sound training, though not the
 * one that was never stopped. */
#include <string.h>

#include "mnist_dist/base/log.h"
#include "run_parts.h"

static void describe(char text[128], const Run *run) {
    KernelOptions options = model_kernels(&run->config->model);
    kernels_describe(text, &options);
}

Status run_check_kernels(const Run *run) {
    char own[128] = "", first[128];
    Status status = STATUS_OK;
    describe(own, run);
    memcpy(first, own, sizeof first);
    comm_broadcast(run->comm, first, sizeof first, 0);
    if (strcmp(own, first) != 0)
        status = status_fail(STATUS_USAGE,
                             "rank %d would compute with %s and rank 0 with %s, which gives other "
                             "bits; run on nodes with the same CPU, or give model.kernels=avx2 (or "
                             "portable) and OPENBLAS_CORETYPE=Haswell for all",
                             comm_rank(run->comm), own, first);
    return comm_agree(run->comm, status);
}

void run_warn_of_kernels(const Run *run, const Checkpoint *checkpoint) {
    char own[128];
    describe(own, run);
    if (strcmp(own, checkpoint->kernels) == 0) return;
    log_warning("the checkpoint was computed with %s, and this goes on with %s: the result's bits "
                "will not be those of a run on one kind of machine",
                checkpoint->kernels, own);
}
