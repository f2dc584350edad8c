/* Whether all ranks' parameters are the same, and whether the state is made of numbers; see
 * trainer.h.
 *
 * Ranks hold a digest, 8 bytes, against rank 0's, which reaches them by a tree; only where one
 * differs do all get those of all, and whoever is not with the majority is named with its host: a
 * machine to be taken out. Refused: a vote that mends the odd copy, since a machine that erred once
 * has erred in gradients, too. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mnist_dist/base/digest.h"
#include "mnist_dist/base/memory.h"
#include "trainer_parts.h"

enum { RANKS_NAMED = 8, HOST = 64 };

struct Replicas {
    uint64_t *digests; /* (ranks) */
    size_t *ends;      /* (ranks): of the digests, in bytes */
};

Status replicas_new(Trainer *trainer) {
    size_t ranks = (size_t)comm_size(trainer->comm);
    Status status;
    TRY(MEMORY_NEW(&trainer->replicas, 1));
    TRY(MEMORY_NEW(&trainer->replicas->digests, ranks));
    TRY(MEMORY_NEW(&trainer->replicas->ends, ranks));
    for (size_t r = 0; r < ranks; r++) trainer->replicas->ends[r] = (r + 1) * sizeof(uint64_t);
cleanup:
    return status;
}

void replicas_destroy(Replicas *replicas) {
    if (replicas == NULL) return;
    free(replicas->digests);
    free(replicas->ends);
    free(replicas);
}

static int votes_for(const uint64_t *digests, int ranks, uint64_t digest) {
    int votes = 0;
    for (int r = 0; r < ranks; r++) votes += digests[r] == digest;
    return votes;
}

/* The rank whose digest most have. */
static int most_common(const uint64_t *digests, int ranks) {
    int best = 0;
    for (int r = 1; r < ranks; r++)
        if (votes_for(digests, ranks, digests[r]) > votes_for(digests, ranks, digests[best]))
            best = r;
    return best;
}

/* **Collective.** Adds "rank 2 (host n3)" to the text. */
static void add_rank(Comm *comm, char *text, size_t size, int rank) {
    char host[HOST] = "";
    size_t used = strlen(text);
    gethostname(host, sizeof host - 1);
    comm_broadcast(comm, host, sizeof host, rank);
    snprintf(text + used, size - used, "%srank %d (host %s)", used > 0 ? ", " : "", rank, host);
}

/* **Collective.** Those who differ from the majority; all, if there is none. */
static void list_odd(const Trainer *trainer, char *text, size_t size, bool outvoted,
                     uint64_t majority) {
    const uint64_t *digests = trainer->replicas->digests;
    int named = 0, odd = 0;
    text[0] = '\0';
    for (int r = 0; r < comm_size(trainer->comm); r++) {
        if (outvoted && digests[r] == majority) continue;
        if (odd++ >= RANKS_NAMED) continue;
        add_rank(trainer->comm, text, size, r);
        named++;
    }
    size_t used = strlen(text);
    if (odd > named) snprintf(text + used, size - used, " and %d more", odd - named);
}

/* **Collective.** */
static Status name_odd(const Trainer *trainer) {
    const uint64_t *digests = trainer->replicas->digests;
    int ranks = comm_size(trainer->comm), best = most_common(digests, ranks);
    bool outvoted = 2 * votes_for(digests, ranks, digests[best]) > ranks;
    char odd[RANKS_NAMED * (HOST + 32)];
    list_odd(trainer, odd, sizeof odd, outvoted, digests[best]);
    return status_fail(STATUS_HUNG,
                       "after step %llu: the parameters of %s differ from %s: bad memory or a bad "
                       "core; nothing was written since; run the same command without that machine "
                       "to go on from the last checkpoint",
                       (unsigned long long)trainer->progress.step, odd,
                       outvoted ? "those of all other ranks" : "one another's");
}

Status trainer_compare_replicas(Trainer *trainer) {
    trainer_settle(trainer);
    Comm *comm = trainer->comm;
    uint64_t *digests = trainer->replicas->digests;
    uint64_t mine =
        digest64(trainer->params, model_parameter_count(trainer->model) * sizeof(float));
    uint64_t first = mine;
    comm_broadcast(comm, &first, sizeof first, 0);
    if (comm_max(comm, mine != first) == 0) return STATUS_OK;
    digests[comm_rank(comm)] = mine;
    comm_allgather(comm, digests, trainer->replicas->ends);
    return name_odd(trainer);
}

bool replicas_are_due(const Trainer *trainer, bool finite) {
    uint64_t every = (uint64_t)trainer->config->training.check_replicas;
    return every > 0 && (!finite || (trainer->progress.step + 1) % every == 0);
}

/* This rank's slices of a vector. */
static Status check_slice(const Trainer *trainer, const float *vector, const char *name) {
    for (size_t k = 0; k < gradsync_slice_count(trainer->sync); k++) {
        Range slice = gradsync_slice(trainer->sync, k);
        size_t count = slice.end - slice.begin, i = first_not_finite(vector + slice.begin, count);
        if (i < count)
            return status_fail(STATUS_DIVERGED, "after step %llu: %s: number %zu is not finite",
                               (unsigned long long)trainer->progress.step, name, slice.begin + i);
    }
    return STATUS_OK;
}

static Status check_slices(const Trainer *trainer) {
    const OptimizerOptions *options = &trainer->config->optimizer;
    char name[64];
    Status status;
    TRY(check_slice(trainer, trainer->params, "the parameters"));
    for (int i = 0; i < optimizer_slot_count(options); i++) {
        snprintf(name, sizeof name, "the optimizer's %s", optimizer_slot_name(options, i));
        TRY(check_slice(trainer, trainer->slots[i], name));
    }
    if (trainer_averages(trainer))
        TRY(check_slice(trainer, trainer->average, "the average of the parameters"));
cleanup:
    return status;
}

Status trainer_check(Trainer *trainer) {
    Status status = STATUS_OK;
    if (trainer->config->training.check_replicas > 0) status = trainer_compare_replicas(trainer);
    return status == STATUS_OK ? comm_agree(trainer->comm, check_slices(trainer)) : status;
}
