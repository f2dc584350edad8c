/* Threads that sleep until there is work, then take task numbers from a shared counter.
 *
 * One mutex guards all that is shared. A task is a shard's worth of work, milliseconds, so a lock
 * for each costs nothing. Refused: spinning, since ranks and threads may outnumber the cores; and
 * lock-free counters, which would save nothing here. */
#include "mnist_dist/base/pool.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/thread.h"
#include "mnist_dist/base/timeline.h"

typedef void (*Task)(void *context, size_t i, size_t thread);

typedef struct Worker {
    Pool *pool;
    size_t thread; /* its number, from 1: the caller is thread 0 */
    pthread_t id;
} Worker;

struct Pool {
    size_t threads;
    Worker *workers; /* (threads - 1) */
    size_t started;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t work;   /* there are tasks to take, or the pool is closing */
    pthread_cond_t done;   /* no task is left */
    Task task;
    void *context;
    size_t next, tasks; /* tasks next .. tasks - 1 are not taken yet */
    size_t unfinished;
    bool closing;
};

/* Takes tasks until none is left to take. Called with the mutex locked, and returns so. */
static void take_tasks(Pool *pool, size_t thread) {
    while (pool->next < pool->tasks) {
        size_t i = pool->next++;
        Task task = pool->task;
        void *context = pool->context;
        pthread_mutex_unlock(&pool->mutex);
        task(context, i, thread);
        pthread_mutex_lock(&pool->mutex);
        if (--pool->unfinished == 0) pthread_cond_signal(&pool->done);
    }
}

static void *work(void *argument) {
    Worker *worker = argument;
    Pool *pool = worker->pool;
    timeline_enter("worker", worker->thread);
    pthread_mutex_lock(&pool->mutex);
    while (!pool->closing) {
        double since = clock_seconds();
        if (pool->next < pool->tasks) {
            take_tasks(pool, worker->thread);
            timeline_add(TIMELINE_WORK, 0, since, clock_seconds());
        }
        if (!pool->closing) pthread_cond_wait(&pool->work, &pool->mutex);
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

static Status start_workers(Pool *pool) {
    int code = 0;
    while (code == 0 && pool->started < pool->threads - 1) {
        Worker *worker = &pool->workers[pool->started];
        *worker = (Worker){.pool = pool, .thread = pool->started + 1};
        code = thread_start(&worker->id, work, worker);
        if (code == 0) pool->started++;
    }
    if (code == 0) return STATUS_OK;
    return status_fail(STATUS_FAILED, "cannot start thread %zu of %zu: %s", pool->started + 2,
                       pool->threads, strerror(code));
}

Status pool_new(Pool **out, size_t threads) {
    Status status = STATUS_OK;
    Pool *pool = NULL;

    *out = NULL;
    TRY(MEMORY_NEW(&pool, 1));
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->done, NULL);
    pool->threads = threads;
    TRY(MEMORY_NEW(&pool->workers, threads - 1));
    TRY(start_workers(pool));
    *out = pool;
    return status;

cleanup:
    pool_destroy(pool);
    return status;
}

void pool_destroy(Pool *pool) {
    if (pool == NULL) return;
    pthread_mutex_lock(&pool->mutex);
    pool->closing = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->mutex);
    for (size_t i = 0; i < pool->started; i++) pthread_join(pool->workers[i].id, NULL);
    pthread_cond_destroy(&pool->work);
    pthread_cond_destroy(&pool->done);
    pthread_mutex_destroy(&pool->mutex);
    free(pool->workers);
    free(pool);
}

size_t pool_threads(const Pool *pool) {
    return pool->threads;
}

void pool_run(Pool *pool, size_t tasks, void (*task)(void *context, size_t i, size_t thread),
              void *context) {
    pthread_mutex_lock(&pool->mutex);
    pool->task = task;
    pool->context = context;
    pool->next = 0;
    pool->tasks = tasks;
    pool->unfinished = tasks;
    pthread_cond_broadcast(&pool->work);
    take_tasks(pool, 0);
    while (pool->unfinished > 0) pthread_cond_wait(&pool->done, &pool->mutex);
    pthread_mutex_unlock(&pool->mutex);
}
