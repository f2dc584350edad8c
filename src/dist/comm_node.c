/* The ranks of one node: who they are, the memory that they share, and their barrier.
 *
 * Shared memory is MPI's (a shared window), since any MPI knows how to have it between its ranks.
 * Each rank zeroes its own part of it, so that on a machine of several sockets the pages of what a
 * rank fills lie near that rank.
 * Refused: a window made without asking for space first. Where space is lacking, Open MPI 4.1 fails
 * on one rank of the node and leaves the others waiting, or a page fault ends the run later on. */
#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "dist/comm_limit.h"
#include "dist/comm_parts.h"
#include "mnist_dist/base/heartbeat.h"
#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/shard.h"

enum { PAGE = 4096 };

int comm_node_rank(const Comm *comm) {
    return comm->node_rank;
}

int comm_node_size(const Comm *comm) {
    return comm->node_size;
}

int comm_node_processors(Comm *comm) {
    cpu_set_t mine, all;
    CPU_ZERO(&mine);
    sched_getaffinity(0, sizeof mine, &mine);
    heartbeat_waits();
    MPI_Allreduce(&mine, &all, (int)sizeof mine, MPI_BYTE, MPI_BOR, comm->node);
    heartbeat_goes_on();
    return CPU_COUNT(&all);
}

/* Open MPI keeps shared windows in files here; MPICH always in /dev/shm. */
const char *comm_shared_folder(void) {
    const char *folder = getenv("OMPI_MCA_osc_sm_backing_directory");
    return folder != NULL ? folder : "/dev/shm";
}

static Status check_space(const Comm *comm, size_t bytes) {
    struct statvfs space;
    const char *folder = comm_shared_folder();
    if (comm->node_rank != 0) return STATUS_OK;
    if (statvfs(folder, &space) != 0)
        return status_fail(STATUS_FAILED,
                           "%s: %s; the ranks of a node share memory in this folder: make it, or "
                           "name another one in OMPI_MCA_osc_sm_backing_directory",
                           folder, strerror(errno));
    double there = (double)space.f_bavail * (double)space.f_frsize;
    if ((double)bytes <= there) return STATUS_OK;
    return status_fail(STATUS_FAILED,
                       "%s has %.0f MB free, but the ranks of a node share %.0f MB there: enlarge "
                       "it (mount -o remount,size=SIZE; docker run --shm-size=SIZE) or name "
                       "another folder in OMPI_MCA_osc_sm_backing_directory",
                       folder, there / 1e6, (double)bytes / 1e6);
}

static size_t part_begin(const Comm *comm, int rank, size_t bytes) {
    size_t pages = shard_capacity(bytes, PAGE);
    size_t begin = PAGE * shard_begin((size_t)rank, pages, (size_t)comm->node_size);
    return begin < bytes ? begin : bytes;
}

static void zero_part(const Comm *comm, void *memory, size_t bytes) {
    size_t begin = part_begin(comm, comm->node_rank, bytes);
    memset((char *)memory + begin, 0, part_begin(comm, comm->node_rank + 1, bytes) - begin);
}

/* Open MPI 4.1 puts 8 bytes of its own in front of a window, which lies at a page's begin: every
 * rank goes on by as much as rank 0 of the node must. */
static void *align_window(const Comm *comm, void *begin) {
    size_t over = (uintptr_t)begin % MEMORY_ALIGNMENT;
    uint64_t skip = over == 0 ? 0 : MEMORY_ALIGNMENT - over;
    MPI_Bcast(&skip, 1, MPI_UINT64_T, 0, comm->node);
    return (char *)begin + skip;
}

static void open_window(Comm *comm, Window *window, size_t bytes) {
    MPI_Aint size = comm->node_rank == 0 ? (MPI_Aint)(bytes + MEMORY_ALIGNMENT) : 0;
    int unit = 1;
    void *begin = NULL;
    heartbeat_waits();
    MPI_Win_allocate_shared(size, unit, MPI_INFO_NULL, comm->node, &begin, &window->win);
    MPI_Win_shared_query(window->win, 0, &size, &unit, &begin);
    MPI_Win_lock_all(MPI_MODE_NOCHECK, window->win);
    window->memory = align_window(comm, begin);
    heartbeat_goes_on();
    zero_part(comm, window->memory, bytes);
}

/* A rank alone on its node needs no window, and so no space in /dev/shm. */
static Status prepare_window(Window *window, const Comm *comm, size_t bytes) {
    window->win = MPI_WIN_NULL;
    if (comm->node_size > 1) return check_space(comm, bytes);
    window->memory = memory_zeroed(bytes, 1);
    return window->memory != NULL ? STATUS_OK : STATUS_FAILED;
}

static Status new_window(Window **out, const Comm *comm, size_t bytes) {
    Status status = MEMORY_NEW(out, 1);
    return status == STATUS_OK ? prepare_window(*out, comm, bytes) : status;
}

Status comm_shared(void **memory, Comm *comm, size_t bytes) {
    Status status = STATUS_OK;
    Window *window = NULL;

    *memory = NULL;
    TRY(comm_agree(comm, new_window(&window, comm, bytes)));
    if (comm->node_size > 1) open_window(comm, window, bytes > 0 ? bytes : 1);
    window->next = comm->windows;
    comm->windows = window;
    *memory = window->memory;
    comm_barrier(comm);
    return status;

cleanup:
    if (window != NULL) free(window->memory);
    free(window);
    return status;
}

static void close_window(Window *window) {
    if (window->win == MPI_WIN_NULL) {
        free(window->memory);
    } else {
        heartbeat_waits();
        MPI_Win_unlock_all(window->win);
        MPI_Win_free(&window->win);
        heartbeat_goes_on();
    }
    free(window);
}

void comm_shared_free(Comm *comm, void *memory) {
    Window **link = &comm->windows;
    if (memory == NULL) return;
    while (*link != NULL && (*link)->memory != memory) link = &(*link)->next;
    Window *window = *link;
    if (window == NULL) return;
    *link = window->next;
    close_window(window);
}

size_t comm_shared_count(const Comm *comm) {
    size_t count = 0;
    for (const Window *window = comm->windows; window != NULL; window = window->next) count++;
    return count;
}

static void find_node(Comm *comm, int limit) {
    MPI_Comm all;
    int rank = 0;
    MPI_Comm_split_type(comm->world, MPI_COMM_TYPE_SHARED, comm->rank, MPI_INFO_NULL, &all);
    MPI_Comm_rank(all, &rank);
    MPI_Comm_split(all, limit > 0 ? rank / limit : 0, rank, &comm->node);
    MPI_Comm_free(&all);
    MPI_Comm_rank(comm->node, &comm->node_rank);
    MPI_Comm_size(comm->node, &comm->node_size);
}

/* **Collective.** Numbers the ranks anew, so that those of a node are neighbours. */
static void order_ranks(Comm *comm) {
    MPI_Comm before = comm->world;
    int first = comm->rank;
    MPI_Bcast(&first, 1, MPI_INT, 0, comm->node);
    MPI_Comm_split(before, 0, first, &comm->world); /* ties keep their order */
    if (before != MPI_COMM_WORLD) MPI_Comm_free(&before);
    MPI_Comm_rank(comm->world, &comm->rank);
}

static void find_leaders(Comm *comm) {
    int place[2] = {0, 1};
    bool leads = comm->node_rank == 0;
    MPI_Comm_split(comm->world, leads ? 0 : MPI_UNDEFINED, comm->rank, &comm->leaders);
    if (leads) MPI_Comm_rank(comm->leaders, &place[0]);
    if (leads) MPI_Comm_size(comm->leaders, &place[1]);
    MPI_Bcast(place, 2, MPI_INT, 0, comm->node);
    comm->node_index = place[0];
    comm->node_count = place[1];
}

static void find_begins(Comm *comm) {
    if (comm->node_count > 1 && comm->node_rank == 0)
        MPI_Allgather(&comm->rank, 1, MPI_INT, comm->node_begins, 1, MPI_INT, comm->leaders);
    MPI_Bcast(comm->node_begins, comm->node_count, MPI_INT, 0, comm->node);
    comm->node_begins[comm->node_count] = comm->size;
}

/* **Collective.** Where all ranks are of one node, there is nothing to find out. */
static Status find_nodes(Comm *comm) {
    comm->node_index = 0;
    comm->node_count = 1;
    if (!comm_is_one_node(comm)) {
        order_ranks(comm);
        find_leaders(comm);
    }
    Status status = comm_agree(comm, MEMORY_NEW(&comm->node_begins, (size_t)comm->node_count + 1));
    if (status == STATUS_OK) find_begins(comm);
    return status;
}

int comm_node(const Comm *comm) {
    return comm->node_index;
}

int comm_node_count(const Comm *comm) {
    return comm->node_count;
}

int comm_node_begin(const Comm *comm, int node) {
    return comm->node_begins[node];
}

Status comm_join_node(Comm *comm, int limit) {
    void *memory = NULL;
    find_node(comm, limit);
    Status status = find_nodes(comm);
    if (status == STATUS_OK) status = comm_shared(&memory, comm, sizeof(NodeBarrier));
    comm->barrier = memory;
    return status;
}

void comm_leave_node(Comm *comm) {
    while (comm->windows != NULL) comm_shared_free(comm, comm->windows->memory);
    comm->barrier = NULL;
    free(comm->node_begins);
    comm->node_begins = NULL;
    if (comm->leaders != MPI_COMM_NULL) MPI_Comm_free(&comm->leaders);
    if (comm->node != MPI_COMM_NULL) MPI_Comm_free(&comm->node);
}

Status comm_limit_node(Comm *comm, int ranks) {
    comm_leave_node(comm);
    return comm_join_node(comm, ranks);
}

bool comm_is_one_node(const Comm *comm) {
    return comm->node_size == comm->size;
}

/* A message may wait for its sender to make progress, and a sender that sleeps makes none. */
static void make_progress(void) {
    int found = 0;
    MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &found, MPI_STATUS_IGNORE);
}

void comm_node_barrier(Comm *comm) {
    if (comm->node_size == 1) return;
    heartbeat_waits();
    node_barrier_wait(comm->barrier, (uint32_t)comm->node_size, make_progress);
    heartbeat_goes_on();
}
