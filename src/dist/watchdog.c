/* The thread that watches; see watchdog.h.
 *
 * It makes no MPI call, allocates nothing after its start, and ends the process by _exit, since
 * whatever hangs may hold any lock. The first who sees a culprit claims the right to speak; the
 * others of the node leave the job to it for a moment and then end themselves too, in case it was
 * stopped in between. The log may be on the file system that hangs, so that another thread writes
 * to it, which is not waited for beyond a moment. Refused: MPI_Abort, which only MPI's own thread
 * may call and which may wait; a process that watches from outside, which Slurm and mpirun count as
 * a rank or do not start; deadlines by alarm(), which know of no other rank. */
#include "mnist_dist/dist/watchdog.h"

#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dist/watch.h"
#include "mnist_dist/base/heartbeat.h"
#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/thread.h"

enum { LINE = 1024 };
static const double LOOK_SECONDS = 0.25, LEAST_GAP_SECONDS = 1.0, GRACE_SECONDS = 0.5,
                    LOG_SECONDS = 0.3;

/* What the ranks of a node share. */
typedef struct Table {
    _Atomic uint32_t spoken;
    Heartbeat beats[];
} Table;

static struct {
    pthread_t thread;
    pthread_mutex_t mutex; /* guards what follows */
    Table *table;
    size_t own; /* this rank's place in it */
    Watch watch;
    double limit;  /* 0: nobody is judged */
    double spoken; /* when another was seen to have spoken; 0: not yet */
    char log[PATH_MAX];
    char line[LINE];
    atomic_bool logged;
    Table *last; /* of this process alone, when it has left */
} dog = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* ---- The end of a job ------------------------------------------------------------------------ */

static void nap(double seconds) {
    struct timespec time = {.tv_sec = (time_t)seconds};
    time.tv_nsec = (long)((seconds - (double)time.tv_sec) * 1e9);
    nanosleep(&time, NULL);
}

/* One line, for stderr and the log. */
static void compose(Verdict verdict, const Heartbeat *beat, double silent) {
    char host[256] = "", who[512], where[64] = "before the first step";
    unsigned long long step = atomic_load(&beat->step);
    gethostname(host, sizeof host - 1);
    if (step > 0) snprintf(where, sizeof where, "of step %llu", step);
    if (verdict == VERDICT_WAITS)
        snprintf(who, sizeof who, "rank %d on host %s has waited for other ranks for %.0f s",
                 beat->rank, host, silent);
    else
        snprintf(who, sizeof who, "rank %d (process %lld on host %s%s) made no progress for %.0f s",
                 beat->rank, (long long)beat->process, host,
                 verdict == VERDICT_HALTED ? ", which does not run" : "", silent);
    snprintf(dog.line, sizeof dog.line,
             "mnist_dist: error: %s in phase %s %s, so the job ends; find out why, run again to go "
             "on from the last checkpoint, or raise training.hang_timeout\n",
             who, phase_name((Phase)atomic_load(&beat->phase)), where);
}

/* A thread of its own. */
static void *write_log(void *unused) {
    int fd = open(dog.log, O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    bool wrote = fd >= 0 && write(fd, dog.line, strlen(dog.line)) > 0;
    if (fd >= 0) close(fd);
    atomic_store(&dog.logged, wrote);
    return unused;
}

/* A reader that does not read is not waited for. */
static void speak(void) {
    struct pollfd output = {.fd = STDERR_FILENO, .events = POLLOUT};
    pthread_t writer;
    if (poll(&output, 1, 1000) == 1 && write(STDERR_FILENO, dog.line, strlen(dog.line)) < 0) return;
    if (dog.log[0] == '\0' || pthread_create(&writer, NULL, write_log, NULL) != 0) return;
    for (int naps = 0; naps < 100 * LOG_SECONDS && !atomic_load(&dog.logged); naps++) nap(0.01);
}

static void end_job(Verdict verdict, size_t culprit, double silent) {
    if (atomic_exchange(&dog.table->spoken, 1) != 0) return;
    compose(verdict, &dog.table->beats[culprit], silent);
    speak();
    _exit(STATUS_HUNG);
}

/* Another of the node has spoken. */
static void follow(double now) {
    if (dog.spoken == 0.0) dog.spoken = now;
    if (now - dog.spoken > GRACE_SECONDS) _exit(STATUS_HUNG);
}

/* ---- The thread ------------------------------------------------------------------------------ */

static void look(void) {
    size_t culprit = 0;
    double silent = 0.0, now = clock_seconds();
    atomic_fetch_add(&dog.table->beats[dog.own].looks, 1);
    Verdict verdict = VERDICT_FINE;
    if (dog.limit > 0.0)
        verdict = watch_look(&dog.watch, dog.table->beats, now, dog.limit,
                             fmax(dog.limit / 4.0, LEAST_GAP_SECONDS), &culprit, &silent);
    if (verdict != VERDICT_FINE) end_job(verdict, culprit, silent);
    if (atomic_load(&dog.table->spoken) != 0) follow(now);
}

static void *watch_ranks(void *unused) {
    for (;;) {
        nap(LOOK_SECONDS);
        pthread_mutex_lock(&dog.mutex);
        look();
        pthread_mutex_unlock(&dog.mutex);
    }
    return unused;
}

static Status start_thread(void) {
    int code = thread_start(&dog.thread, watch_ranks, NULL);
    if (code == 0) return STATUS_OK;
    return status_fail(STATUS_FAILED, "cannot start a thread: %s", strerror(code));
}

/* ---- Start and end --------------------------------------------------------------------------- */

static void enter(Table *table, size_t own, size_t count, int rank) {
    Heartbeat *beat = &table->beats[own];
    beat->rank = rank;
    beat->process = (int64_t)getpid();
    dog.table = table;
    dog.own = own;
    dog.watch.count = count;
    dog.watch.last = -1.0;
    heartbeat_use(beat);
}

static Status allocate(size_t count) {
    Status status = STATUS_OK;
    dog.last = memory_zeroed(1, sizeof(Table) + sizeof(Heartbeat));
    if (dog.last == NULL) return STATUS_FAILED;
    TRY(MEMORY_NEW(&dog.watch.sights, count));
cleanup:
    return status;
}

Status watchdog_start(Comm *comm) {
    void *memory = NULL;
    size_t count = (size_t)comm_node_size(comm);
    Status status = STATUS_OK;
    heartbeat_phase(PHASE_START);
    TRY(comm_shared(&memory, comm, sizeof(Table) + count * sizeof(Heartbeat)));
    TRY(comm_agree(comm, allocate(count)));
    enter(memory, (size_t)comm_node_rank(comm), count, comm_rank(comm));
    comm_barrier(comm);
    TRY(comm_agree(comm, start_thread()));
cleanup:
    return status;
}

void watchdog_limit(double seconds, const char *log) {
    pthread_mutex_lock(&dog.mutex);
    dog.limit = seconds;
    dog.watch.last = -1.0;
    snprintf(dog.log, sizeof dog.log, "%s", log);
    pthread_mutex_unlock(&dog.mutex);
}

void watchdog_leave(void) {
    if (dog.table == NULL) return;
    heartbeat_phase(PHASE_END);
    pthread_mutex_lock(&dog.mutex);
    atomic_store(&dog.table->beats[dog.own].left, 1);
    enter(dog.last, 0, 1, dog.table->beats[dog.own].rank);
    heartbeat_waits();
    pthread_mutex_unlock(&dog.mutex);
}
