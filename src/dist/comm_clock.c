/* How far the ranks' clocks are apart; see comm.h.
 *
 * A rank asks another one for the time: at some moment between its question and the answer's
 * arrival the other's clock stood so. Each question bounds the difference from both sides, and the
 * bounds of all questions hold at once (Marzullo and Owicki, 1983; NTP, RFC 5905). Where 0 is
 * within them the clocks are taken for one: ranks of a host have one clock, and those of two hosts
 * have begun to count at different times. Ranks ask in a tree, in as many rounds as the logarithm
 * of their number. */
#include <math.h>
#include <mpi.h>

#include "dist/comm_parts.h"
#include "mnist_dist/base/clock.h"
#include "mnist_dist/base/heartbeat.h"

enum { QUESTIONS = 16, TAG = 32001 };

/* Of clock_seconds, in terms of rank 0's clock. */
static void answer(MPI_Comm world, int asker, double ahead) {
    for (int i = 0; i < QUESTIONS; i++) {
        MPI_Recv(NULL, 0, MPI_BYTE, asker, TAG, world, MPI_STATUS_IGNORE);
        double time = clock_seconds() - ahead;
        MPI_Send(&time, 1, MPI_DOUBLE, asker, TAG, world);
    }
}

static double ask(MPI_Comm world, int rank) {
    double low = -INFINITY, high = INFINITY, time = 0.0;
    for (int i = 0; i < QUESTIONS; i++) {
        double before = clock_seconds();
        MPI_Send(NULL, 0, MPI_BYTE, rank, TAG, world);
        MPI_Recv(&time, 1, MPI_DOUBLE, rank, TAG, world, MPI_STATUS_IGNORE);
        low = fmax(low, before - time);
        high = fmin(high, clock_seconds() - time);
    }
    return low <= 0.0 && high >= 0.0 ? 0.0 : 0.5 * (low + high);
}

double comm_clock_ahead(Comm *comm) {
    double ahead = 0.0;
    heartbeat_waits();
    for (int known = 1; known < comm->size; known *= 2) {
        if (comm->rank < known && comm->rank + known < comm->size)
            answer(comm->world, comm->rank + known, ahead);
        else if (comm->rank >= known && comm->rank < 2 * known)
            ahead = ask(comm->world, comm->rank - known);
    }
    heartbeat_goes_on();
    return ahead;
}
