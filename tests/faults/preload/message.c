/* A message that arrives with another bit, as from a bad network card, or memory that errs after it
 * came: the FAULTS_MESSAGE-th large one that this rank receives under tag 0, which is a part of a
 * vector that all ranks gather. Declared without mpi.h: the library is loaded into programs that
 * may have no MPI, and passes the arguments on as they are. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "faults.h"

enum { LARGE = 1024 /* bytes */ };

typedef int Receive(void *buffer, int count, void *type, int source, int tag, void *comm,
                    void *request);
typedef int Wait(int count, void *requests, void *statuses);

Receive MPI_Irecv;
Wait MPI_Waitall;

static char *struck; /* the buffer, from its receive on until it has arrived */

static bool is_struck_rank(void) {
    const char *wanted = getenv("FAULTS_RANK"), *rank = getenv("OMPI_COMM_WORLD_RANK");
    return wanted != NULL && rank != NULL && strcmp(wanted, rank) == 0;
}

int MPI_Irecv(void *buffer, int count, void *type, int source, int tag, void *comm, void *request) {
    static long messages;
    Receive *original = NULL;
    const char *at = getenv("FAULTS_MESSAGE");
    *(void **)&original = faults_original("MPI_Irecv");
    bool counts = at != NULL && is_struck_rank() && tag == 0 && count >= LARGE;
    if (counts && ++messages == strtol(at, NULL, 10)) struck = buffer;
    return original(buffer, count, type, source, tag, comm, request);
}

int MPI_Waitall(int count, void *requests, void *statuses) {
    Wait *original = NULL;
    *(void **)&original = faults_original("MPI_Waitall");
    int result = original(count, requests, statuses);
    if (struck != NULL) struck[LARGE / 2 + 3] ^= 1; /* of a float, its exponent */
    struck = NULL;
    return result;
}
