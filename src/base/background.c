/* A thread that sleeps until it is given a task; see background.h. */
#include "mnist_dist/base/background.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/thread.h"
#include "mnist_dist/base/timeline.h"

enum { LINE_CAPACITY = 2048 };

struct Background {
    pthread_t thread;
    bool started;
    atomic_bool busy;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t work;   /* there is a task, or the thread is to end */
    pthread_cond_t done;
    Status (*task)(void *context); /* NULL if none is under way */
    void *context;
    bool closing;
    Status outcome;
    char line[LINE_CAPACITY];
};

/* Runs the task under way and takes its outcome. Called with the mutex locked, and returns so. */
static void run_task(Background *background) {
    Status (*task)(void *context) = background->task;
    void *context = background->context;
    pthread_mutex_unlock(&background->mutex);
    double since = clock_seconds();
    Status outcome = task(context);
    timeline_add(TIMELINE_WRITE, 0, since, clock_seconds());
    pthread_mutex_lock(&background->mutex);
    background->outcome = outcome;
    snprintf(background->line, sizeof background->line, "%s", status_message());
    status_clear();
    background->task = NULL;
    atomic_store(&background->busy, false);
    pthread_cond_signal(&background->done);
}

static void *work(void *argument) {
    Background *background = argument;
    timeline_enter("writer", 0);
    pthread_mutex_lock(&background->mutex);
    while (!background->closing || background->task != NULL) {
        if (background->task != NULL)
            run_task(background);
        else
            pthread_cond_wait(&background->work, &background->mutex);
    }
    pthread_mutex_unlock(&background->mutex);
    return NULL;
}

static Status start_thread(Background *background) {
    int code = thread_start(&background->thread, work, background);
    background->started = code == 0;
    if (code == 0) return STATUS_OK;
    return status_fail(STATUS_FAILED, "cannot start a thread: %s", strerror(code));
}

Status background_new(Background **out) {
    Background *background = NULL;
    Status status;
    *out = NULL;
    TRY(MEMORY_NEW(&background, 1));
    pthread_mutex_init(&background->mutex, NULL);
    pthread_cond_init(&background->work, NULL);
    pthread_cond_init(&background->done, NULL);
    TRY(start_thread(background));
    *out = background;
    return status;

cleanup:
    background_destroy(background);
    return status;
}

void background_destroy(Background *background) {
    if (background == NULL) return;
    pthread_mutex_lock(&background->mutex);
    background->closing = true;
    pthread_cond_signal(&background->work);
    pthread_mutex_unlock(&background->mutex);
    if (background->started) pthread_join(background->thread, NULL);
    pthread_cond_destroy(&background->work);
    pthread_cond_destroy(&background->done);
    pthread_mutex_destroy(&background->mutex);
    free(background);
}

void background_start(Background *background, Status (*task)(void *context), void *context) {
    pthread_mutex_lock(&background->mutex);
    background->task = task;
    background->context = context;
    atomic_store(&background->busy, true);
    pthread_cond_signal(&background->work);
    pthread_mutex_unlock(&background->mutex);
}

bool background_is_idle(const Background *background) {
    return !atomic_load(&background->busy);
}

Status background_wait(Background *background) {
    pthread_mutex_lock(&background->mutex);
    while (background->task != NULL) pthread_cond_wait(&background->done, &background->mutex);
    Status outcome = background->outcome;
    background->outcome = STATUS_OK;
    if (outcome != STATUS_OK) status_fail(outcome, "%s", background->line);
    pthread_mutex_unlock(&background->mutex);
    return outcome;
}
