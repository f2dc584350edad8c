/* The ranks: how many, on which nodes, and whether they have processors of their own. */
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command/info.h"
#include "mnist_dist/base/memory.h"

/* What a rank tells rank 0. */
typedef struct Seat {
    char host[64];
    int node_rank, node_size, node_processors;
    int processors; /* that it may run on itself */
} Seat;

/* **Collective.** */
static Seat find_seat(Comm *comm) {
    Seat seat = {.node_rank = comm_node_rank(comm),
                 .node_size = comm_node_size(comm),
                 .node_processors = comm_node_processors(comm)};
    cpu_set_t mine;
    gethostname(seat.host, sizeof seat.host - 1);
    seat.processors = sched_getaffinity(0, sizeof mine, &mine) == 0 ? CPU_COUNT(&mine) : 0;
    return seat;
}

/* **Collective.** Rank 0 gets all seats, (comm_size). */
static Status gather_seats(Seat **seats, Comm *comm) {
    Status status;
    size_t *ends = NULL, size = (size_t)comm_size(comm);
    *seats = NULL;
    status = MEMORY_NEW(seats, size);
    if (status == STATUS_OK) status = MEMORY_NEW(&ends, size);
    TRY(comm_agree(comm, status));
    for (size_t r = 0; r < size; r++) ends[r] = (r + 1) * sizeof **seats;
    (*seats)[comm_rank(comm)] = find_seat(comm);
    comm_allgather(comm, *seats, ends);
cleanup:
    free(ends);
    return status;
}

static void add_node(Facts *facts, const Seat *seat, int64_t threads) {
    facts_add(facts, "nodes", "%s: %d rank%s on %d processor%s, %.3g threads to a processor%s",
              seat->host, seat->node_size, seat->node_size > 1 ? "s" : "", seat->node_processors,
              seat->node_processors > 1 ? "s" : "",
              (double)(seat->node_size * threads) / seat->node_processors,
              seat->processors < seat->node_processors ? "; bound" : "");
}

Status info_ranks(Facts *facts, Comm *comm, const Config *config) {
    Seat *seats = NULL;
    int64_t threads = config->training.threads;
    bool crowded = false;
    Status status = gather_seats(&seats, comm);
    if (status != STATUS_OK || facts == NULL) goto cleanup;
    facts_group(facts, "ranks");
    facts_count(facts, "ranks", comm_size(comm));
    facts_count(facts, "threads_each", threads);
    facts_truth(facts, "one_node", comm_is_one_node(comm));
    for (int r = 0; r < comm_size(comm); r++) {
        if (seats[r].node_rank != 0) continue;
        add_node(facts, &seats[r], threads);
        crowded = crowded || seats[r].node_size * threads > seats[r].node_processors;
    }
    facts_truth(facts, "oversubscribed", crowded);
cleanup:
    free(seats);
    return status;
}
