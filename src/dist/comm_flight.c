/* Messages under way; see comm.h.
 *
 * Requests are kept from flight to flight, so that a step allocates nothing after the first.
 * Refused: derived datatypes for large counts, which some MPI transports unpack element by element;
 * big-count calls, which are MPI-4; persistent requests, which gain nothing over TCP. */
#include <stdio.h>
#include <stdlib.h>

#include "dist/comm_parts.h"
#include "mnist_dist/base/heartbeat.h"
#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/minmax.h"

enum { REQUESTS_AT_FIRST = 16 };

struct CommFlight {
    Comm *comm;
    CommScope scope;
    MPI_Request *requests;
    size_t count, capacity;
};

Status comm_flight_new(CommFlight **out, Comm *comm, CommScope scope) {
    Status status = STATUS_OK;
    CommFlight *flight = NULL;
    *out = NULL;
    TRY(MEMORY_NEW(&flight, 1));
    *flight = (CommFlight){.comm = comm, .scope = scope, .capacity = REQUESTS_AT_FIRST};
    TRY(MEMORY_NEW(&flight->requests, flight->capacity));
    *out = flight;
    flight = NULL;
cleanup:
    comm_flight_destroy(flight);
    return status;
}

void comm_flight_destroy(CommFlight *flight) {
    if (flight == NULL) return;
    free(flight->requests);
    free(flight);
}

static MPI_Request *next_request(CommFlight *flight) {
    if (flight->count == flight->capacity) {
        size_t capacity = 2 * flight->capacity;
        MPI_Request *grown = realloc(flight->requests, capacity * sizeof *grown);
        if (grown == NULL) {
            fprintf(stderr, "mnist_dist: error: rank %d: out of memory for messages\n",
                    flight->comm->rank);
            comm_abort(flight->comm, STATUS_FAILED);
        }
        flight->requests = grown;
        flight->capacity = capacity;
    }
    return &flight->requests[flight->count++];
}

void comm_flight_send(CommFlight *flight, int peer, int tag, const void *bytes, size_t count) {
    const size_t limit = flight->comm->message_limit;
    for (size_t done = 0; done < count && !flight->comm->mute; done += limit)
        MPI_Isend((const char *)bytes + done, (int)smaller(count - done, limit), MPI_BYTE, peer,
                  tag, comm_of(flight->comm, flight->scope), next_request(flight));
}

void comm_flight_receive(CommFlight *flight, int peer, int tag, void *bytes, size_t count) {
    const size_t limit = flight->comm->message_limit;
    for (size_t done = 0; done < count && !flight->comm->mute; done += limit)
        MPI_Irecv((char *)bytes + done, (int)smaller(count - done, limit), MPI_BYTE, peer, tag,
                  comm_of(flight->comm, flight->scope), next_request(flight));
}

bool comm_flight_has_landed(CommFlight *flight) {
    int landed = 1;
    if (flight->count > 0)
        MPI_Testall((int)flight->count, flight->requests, &landed, MPI_STATUSES_IGNORE);
    if (landed) flight->count = 0;
    return landed;
}

void comm_flight_wait(CommFlight *flight) {
    heartbeat_transfers();
    MPI_Waitall((int)flight->count, flight->requests, MPI_STATUSES_IGNORE);
    heartbeat_goes_on();
    flight->count = 0;
}
