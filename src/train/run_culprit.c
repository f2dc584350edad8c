/* Which held-out digits the network says no numbers of; see run_parts.h. As with a step, what a
 * good epoch does not need is computed after a bad one. */
#include <math.h>
#include <stdlib.h>

#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/shard.h"
#include "run_parts.h"
#include "suspects.h"

/* Probabilities (images->count, 10). *first is the index of the first suspect. */
static Suspects find(const float *probabilities, const EvaluationImages *images, size_t *first) {
    Suspects suspects = {.all = images->count};
    for (size_t i = 0; i < images->count; i++) {
        if (isfinite(probabilities[i * DIGIT_CLASSES])) continue;
        if (suspects.count == 0) *first = i;
        suspects_add(&suspects, images->rows != NULL ? images->rows[i] : (uint32_t)i);
    }
    return suspects;
}

/* The rank that evaluates an image. */
static int owner_of(const Run *run, const EvaluationImages *images, size_t image) {
    size_t blocks = shard_capacity(images->count, EVALUATION_BLOCK);
    size_t ranks = (size_t)comm_size(run->comm), rank = 0;
    while (shard_begin(rank + 1, blocks, ranks) <= image / EVALUATION_BLOCK) rank++;
    return (int)rank;
}

Status run_name_digits(Run *run) {
    EvaluationImages images = workload_validation(&run->workload);
    float *probabilities = NULL;
    Tally tally;
    Status status = MEMORY_NEW(&probabilities, images.count * DIGIT_CLASSES);
    TRY(comm_agree(run->comm, status));
    TRY(evaluator_run(run->evaluator, &tally, probabilities, trainer_weights(run->trainer),
                      &images));
    char rows[SUSPECTS_TEXT];
    size_t first = 0;
    Suspects suspects = find(probabilities, &images, &first);
    suspects_text(rows, &suspects);
    status = status_fail(STATUS_DIVERGED,
                         "epoch %llu: the validation loss is not finite for %zu of %zu held-out "
                         "digits, first on rank %d: %s",
                         (unsigned long long)run->trainer->progress.epoch + 1, suspects.count,
                         suspects.all, owner_of(run, &images, first), rows);
cleanup:
    free(probabilities);
    return status;
}
