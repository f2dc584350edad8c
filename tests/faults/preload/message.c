/* A message that arrives with another bit, as from a bad network card, or memory that errs after it
 * came: the FAULTS_MESSAGE-th large one that this rank receives under a tag of gatherings between
 * nodes (dist/gradsync_post.c), which is a part of a vector. Declared without mpi.h: the library is
 * loaded into programs that may have no MPI, and passes the arguments on as they are. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "faults.h"

enum {
    LARGE = 1024, /* bytes */
    TAGS = 32,    /* of a bucket ... */
    GATHERING = 3 /* ... and that of its gathering, where that has one level */
};

typedef int Receive(void *buffer, int count, void *type, int source, int tag, void *comm,
                    void *request);
typedef int Test(int count, void *requests, int *flag, void *statuses);

Receive MPI_Irecv;
Test MPI_Testall;

static char *struck; /* the buffer, from its receive on until it has arrived ... */
static char *ticket; /* ... and the place of its request, as large as a pointer in Open MPI */

static bool is_struck_rank(void) {
    const char *wanted = getenv("FAULTS_RANK"), *rank = getenv("OMPI_COMM_WORLD_RANK");
    return wanted != NULL && rank != NULL && strcmp(wanted, rank) == 0;
}

int MPI_Irecv(void *buffer, int count, void *type, int source, int tag, void *comm, void *request) {
    static long messages;
    Receive *original = NULL;
    const char *at = getenv("FAULTS_MESSAGE");
    *(void **)&original = faults_original("MPI_Irecv");
    bool counts = at != NULL && is_struck_rank() && tag % TAGS == GATHERING && count >= LARGE;
    if (counts && ++messages == strtol(at, NULL, 10)) {
        struck = buffer;
        ticket = request;
    }
    return original(buffer, count, type, source, tag, comm, request);
}

int MPI_Testall(int count, void *requests, int *flag, void *statuses) {
    char *first = requests, *end = first + (size_t)count * sizeof(void *);
    Test *original = NULL;
    *(void **)&original = faults_original("MPI_Testall");
    int result = original(count, requests, flag, statuses);
    if (struck == NULL || !*flag || ticket < first || ticket >= end) return result;
    struck[LARGE / 2 + 3] ^= 1; /* of a float, its exponent */
    struck = NULL;
    return result;
}
