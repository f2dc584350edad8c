/* Which rank the others wait for; see run_parts.h.
 *
 * All ranks meet in every step, so what one takes longer the others wait. A rank's own time is that
 * of its steps less what it waited in them for others, messages' way included. In an epoch the
 * slowest costs what its own time exceeds the median of all by. For how much of the time it had a
 * processor is said too, since a rank may be slow by itself or because something else runs on its
 * host. Where a node's threads outnumber its processors, whose turn it is is the system's choice
 * and no rank's fault: there, what a rank waited for its turn is no time of its own (of its main
 * thread, that is: with several threads, chance may still name one).
 *
 * Refused: the processor time of a rank, which does not tell of one that is stopped or swapped out,
 * and so sees least where something is wrong; the time that others wait after each step, in which
 * whoever came last by chance is to blame; the mean in place of the median, which one slow rank of
 * three moves by a third; epochs of less than a second, in which one pause of the system is a
 * tenth. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "mnist_dist/base/heartbeat.h"
#include "mnist_dist/base/log.h"
#include "mnist_dist/base/memory.h"
#include "run_parts.h"

enum { HOST = 64 };
static const double LEAST_SECONDS = 1.0, WORTH_NAMING = 0.1;

/* What rank 0 finds out. */
typedef struct Verdict {
    int rank; /* -1: none is slow */
    double cost, ran;
    int shards; /* if it has more than others; else 0 */
} Verdict;

void run_pace_start(Run *run) {
    run->pace = (Pace){.ran = -clock_processor_seconds(), .began = clock_seconds()};
}

void run_pace_add(Run *run, double seconds, double waited) {
    run->pace.seconds += seconds;
    run->pace.own += seconds - waited;
}

static int compare_own(const void *a, const void *b) {
    double x = ((const Pace *)a)->own, y = ((const Pace *)b)->own;
    return (x > y) - (x < y);
}

/* Of several ranks, whose paces are put in the order of their own times. */
static Verdict judge(Pace paces[], int count) {
    qsort(paces, (size_t)count, sizeof *paces, compare_own);
    const Pace *slowest = &paces[count - 1], *median = &paces[(count - 1) / 2];
    double cost = (slowest->own - median->own) / slowest->seconds;
    bool judged = slowest->seconds >= LEAST_SECONDS && cost > WORTH_NAMING;
    return (Verdict){judged ? slowest->rank : -1, cost, slowest->ran,
                     slowest->shards > median->shards ? slowest->shards : 0};
}

/* **Collective.** Rank 0 judges. */
static Verdict find(const Run *run, Pace paces[], size_t ends[]) {
    int ranks = comm_size(run->comm), rank = comm_rank(run->comm);
    Range shards = gradsync_shards(run->trainer->sync);
    Verdict verdict = {.rank = -1};
    for (int r = 0; r < ranks; r++) ends[r] = (size_t)(r + 1) * sizeof *paces;
    paces[rank] = run->pace;
    paces[rank].rank = rank;
    paces[rank].shards = (int)(shards.end - shards.begin);
    paces[rank].ran += clock_processor_seconds();
    paces[rank].ran /= fmax(clock_seconds() - run->pace.began, 1e-9);
    comm_allgather(run->comm, paces, ends);
    if (rank == 0) verdict = judge(paces, ranks);
    comm_broadcast(run->comm, &verdict, sizeof verdict, 0);
    return verdict;
}

Status run_name_slowest(const Run *run) {
    Comm *comm = run->comm;
    size_t ranks = (size_t)comm_size(comm), *ends = NULL;
    Pace *paces = NULL;
    char host[HOST] = "", more[64] = "";
    Status status = MEMORY_NEW(&paces, ranks);
    if (ranks == 1) goto cleanup;
    if (status == STATUS_OK) status = MEMORY_NEW(&ends, ranks);
    TRY(comm_agree(comm, status));
    Verdict verdict = find(run, paces, ends);
    if (verdict.rank < 0) goto cleanup;
    gethostname(host, sizeof host - 1);
    comm_broadcast(comm, host, sizeof host, verdict.rank);
    if (verdict.shards > 0)
        snprintf(more, sizeof more, "; it has %d of the %lld shards", verdict.shards,
                 (long long)run->config->training.shards);
    log_line("rank %d (host %s) was the slowest: the others waited %.0f %% of the epoch for it, of "
             "which it had a processor for %.0f %%%s",
             verdict.rank, host, 100.0 * verdict.cost, 100.0 * verdict.ran, more);
cleanup:
    free(paces);
    free(ends);
    return status;
}
