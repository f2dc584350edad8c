/* Whether the ranks have processors enough; see run_parts.h.
 *
 * More threads than processors is no error: the bits are the same and on one machine it costs
 * little, so it is how many ranks are tried where there are few processors. But it is often not
 * what was meant, and a rank that was bound to one processor with all its threads is never. */
#include <stdio.h>
#include <unistd.h>

#include "mnist_dist/base/heartbeat.h"
#include "mnist_dist/base/log.h"
#include "run_parts.h"

/* What a node lacks: its threads, and its processors. */
typedef struct Want {
    int threads, processors;
} Want;

/* **Collective.** Rank 0 hears of the node that lacks most. */
static Want find_want(const Run *run) {
    Comm *comm = run->comm;
    Want want = {comm_node_size(comm) * (int)pool_threads(run->pool), comm_node_processors(comm)};
    int lack = want.threads - want.processors;
    int most = comm_max(comm, lack);
    want.threads = comm_max(comm, lack == most ? want.threads : 0);
    want.processors = want.threads - most;
    return want;
}

void run_warn_of_processors(const Run *run) {
    Want want = find_want(run);
    char bound[96] = "";
    if (want.threads > want.processors) heartbeat_shares_processors();
    if (comm_rank(run->comm) != 0 || want.threads <= want.processors) return;
    if (want.processors < sysconf(_SC_NPROCESSORS_ONLN))
        snprintf(bound, sizeof bound, " that they are bound to (mpirun --bind-to none frees them)");
    log_warning("%d threads of the ranks of a node take turns on %d processor%s%s: fewer ranks "
                "(mpirun -np) or training.threads give the same bits, mostly sooner",
                want.threads, want.processors, want.processors > 1 ? "s" : "", bound);
}
