/* The messages between units, and the thread that brings them on; see gradsync.h.
 *
 * All that the leader of a unit has under way is a small state per bucket: which level of the sum
 * it waits for, which level of the gathering. `progress` takes each as far as it goes. Where
 * messages overlap with computing a thread calls it every NAP, since MPI moves data only while
 * somebody calls it, and sooner when there is something new; else the leader does while it waits.
 * Who waits for the thread sleeps: where ranks outnumber the cores, one that polls takes the core
 * from those that compute. Refused: to make progress between the layers, which are as far apart as
 * they please; Open MPI's own thread for TCP (btl_tcp_progress_thread), which is for TCP alone. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dist/futex.h"
#include "dist/gradsync_parts.h"
#include "mnist_dist/base/heartbeat.h"
#include "mnist_dist/base/log.h"
#include "mnist_dist/base/thread.h"
#include "mnist_dist/base/timeline.h"

enum {
    NAP = 1000000,         /* nanoseconds */
    SHORT_NAP = 100000,    /* likewise, while somebody waits */
    LONGEST_NAP = 5000000, /* likewise, of who is woken */
    YIELDS = 2             /* before that */
};

/* Whether the unit's own ranks have added up all of the bucket. */
static bool is_summed(const GradSync *sync, const Bucket *bucket) {
    return atomic_load_explicit(&bucket->state->summed, memory_order_acquire) ==
           sync->group.members;
}

/* Whether a flight has landed. Each question costs a system call or more; while one flight is in
 * the air, those that set out after it are not asked after. */
static bool has_landed(CommFlight *flight, bool *stuck) {
    if (!*stuck) *stuck = !comm_flight_has_landed(flight);
    return !*stuck;
}

static void tell(_Atomic uint32_t *counter, uint32_t value) {
    atomic_store_explicit(counter, value, memory_order_release);
    futex_wake(counter);
}

/* Takes a bucket's sum as far as it goes. */
static void advance(GradSync *sync, Bucket *bucket, bool *stuck) {
    for (; bucket->next < sync->level_count; bucket->next++) {
        Stage *stage = &bucket->stages[bucket->next];
        if (!stage->sent && bucket->next == 1 && !is_summed(sync, bucket)) return;
        if (!stage->sent) gradsync_send_level(sync, bucket, bucket->next);
        if (!has_landed(stage->in, stuck)) return;
        gradsync_unpack_level(stage);
        if (bucket->next + 1 < sync->level_count) gradsync_sum_level(sync, bucket, bucket->next);
        if (bucket->next + 1 < sync->level_count) continue;
        timeline_add_in(bucket->row, TIMELINE_SUM, sync->step, bucket->since, clock_seconds());
        tell(&bucket->state->arrived, sync->step);
    }
}

/* Takes a bucket's gathering as far as it goes. */
static void advance_gathering(GradSync *sync, Bucket *bucket, bool *stuck) {
    for (; bucket->turn > 0; bucket->turn--) {
        Stage *stage = &bucket->stages[bucket->turn];
        if (!stage->given) gradsync_gather_level(sync, bucket, bucket->turn, true);
        if (!has_landed(stage->gather_in, stuck)) return;
        if (bucket->turn > 1) continue;
        timeline_add_in(bucket->row, TIMELINE_GATHER, 0, bucket->since, clock_seconds());
        tell(&bucket->state->gathered, sync->gathers);
    }
}

/* Whether all that was sent of a bucket has gone. */
static bool is_gone(const GradSync *sync, const Bucket *bucket, bool *stuck) {
    bool gone = true;
    for (size_t l = 1; l < sync->level_count; l++) {
        const Stage *stage = &bucket->stages[l];
        gone = gone && has_landed(stage->out, stuck) && has_landed(stage->gather_out, stuck);
    }
    return gone;
}

/* Called with the mutex locked, as what follows. */
static bool all_is_gone(const GradSync *sync) {
    bool gone = true, stuck = false;
    for (size_t b = 0; gone && b < sync->bucket_count; b++)
        gone = is_gone(sync, &sync->buckets[b], &stuck);
    return gone;
}

/* Sums from the last bucket to the first, as backward makes them; parameters from the first on. */
static void progress(GradSync *sync) {
    bool gathering_stuck = false, sum_stuck = false, awaited = false;
    for (size_t b = 0; b < sync->bucket_count; b++) {
        Bucket *bucket = &sync->buckets[b], *last = &sync->buckets[sync->bucket_count - 1 - b];
        advance_gathering(sync, bucket, &gathering_stuck);
        advance(sync, last, &sum_stuck);
    }
    for (size_t b = 0; b < sync->bucket_count; b++)
        awaited |= sync->buckets[b].turn > 0 || sync->buckets[b].next < sync->level_count;
    sync->in_air = gathering_stuck || sum_stuck || !all_is_gone(sync);
    sync->active = awaited || sync->in_air;
}

/* Sleeps for so long, or until there is something new. */
static void nap(GradSync *sync, long nanoseconds) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += nanoseconds;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&sync->work, &sync->mutex, &until);
}

/* Where nothing is in the air, a rank alone on its node is told of what there is to send. */
static long nap_length(const GradSync *sync) {
    if (atomic_load(&sync->waiting) > 0) return SHORT_NAP;
    return sync->in_air || sync->group.members > 1 ? NAP : LONGEST_NAP;
}

static void *carry(void *context) {
    GradSync *sync = context;
    pthread_mutex_lock(&sync->mutex);
    while (!sync->closing) {
        if (sync->active) progress(sync);
        if (sync->active)
            nap(sync, nap_length(sync));
        else if (!sync->closing)
            pthread_cond_wait(&sync->work, &sync->mutex);
    }
    pthread_mutex_unlock(&sync->mutex);
    return NULL;
}

void gradsync_exchange_init(GradSync *sync) {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&sync->mutex, NULL);
    pthread_cond_init(&sync->work, &attributes);
    pthread_condattr_destroy(&attributes);
}

/* **Collective.** Where one rank has no thread, none has: it is slower, and as right. */
Status gradsync_exchange_new(GradSync *sync) {
    for (size_t b = 0; b < sync->bucket_count && sync->level_count > 1 && gradsync_leads(sync); b++)
        sync->buckets[b].row = timeline_row("bucket", b + 1);
    bool wanted = sync->shape.overlaps && sync->level_count > 1;
    if (!wanted) return STATUS_OK;
    sync->overlaps = comm_is_threaded(sync->comm);
    if (!sync->overlaps)
        log_warning("this MPI was built without MPI_THREAD_MULTIPLE: messages between nodes do not "
                    "travel while ranks compute, which is slower");
    if (!sync->overlaps || !gradsync_leads(sync)) return STATUS_OK;
    int code = thread_start(&sync->thread, carry, sync);
    if (code == 0) return STATUS_OK;
    sync->overlaps = false;
    return status_fail(STATUS_FAILED, "cannot start a thread: %s", strerror(code));
}

void gradsync_exchange_destroy(GradSync *sync) {
    pthread_mutex_lock(&sync->mutex);
    sync->closing = true;
    pthread_cond_signal(&sync->work);
    pthread_mutex_unlock(&sync->mutex);
    if (sync->overlaps && gradsync_leads(sync)) pthread_join(sync->thread, NULL);
    pthread_cond_destroy(&sync->work);
    pthread_mutex_destroy(&sync->mutex);
}

void gradsync_exchange_begin(GradSync *sync) {
    if (!gradsync_leads(sync) || sync->level_count == 1) return;
    pthread_mutex_lock(&sync->mutex);
    for (size_t b = sync->bucket_count; b-- > 0;) {
        Bucket *bucket = &sync->buckets[b];
        bucket->next = 1;
        for (size_t l = 1; l < sync->level_count; l++) {
            bucket->stages[l].sent = false;
            gradsync_receive_level(sync, bucket, l);
        }
    }
    sync->active = true;
    pthread_cond_signal(&sync->work);
    pthread_mutex_unlock(&sync->mutex);
}

void gradsync_exchange_gather(GradSync *sync, float *vector) {
    if (!gradsync_leads(sync)) return;
    pthread_mutex_lock(&sync->mutex);
    sync->gathering = vector;
    for (size_t b = 0; b < sync->bucket_count; b++) {
        Bucket *bucket = &sync->buckets[b];
        bucket->turn = sync->level_count - 1;
        bucket->since = clock_seconds();
        for (size_t l = bucket->turn; l > 0; l--) gradsync_gather_level(sync, bucket, l, false);
    }
    progress(sync);
    sync->active = true;
    pthread_cond_signal(&sync->work);
    pthread_mutex_unlock(&sync->mutex);
}

void gradsync_exchange_wake(GradSync *sync) {
    if (!sync->overlaps || !gradsync_leads(sync)) return;
    pthread_mutex_lock(&sync->mutex);
    pthread_cond_signal(&sync->work);
    pthread_mutex_unlock(&sync->mutex);
}

/* Whether this rank must bring the messages on by itself while it waits. */
static bool must_help(const GradSync *sync) {
    return gradsync_leads(sync) && !sync->overlaps;
}

static void help(GradSync *sync) {
    pthread_mutex_lock(&sync->mutex);
    progress(sync);
    pthread_mutex_unlock(&sync->mutex);
    sched_yield();
}

static void sleep_or_help(GradSync *sync, _Atomic uint32_t *counter, uint32_t value) {
    for (int round = 0;; round++) {
        uint32_t now = atomic_load_explicit(counter, memory_order_acquire);
        if (now == value) return;
        if (must_help(sync))
            help(sync);
        else if (round < YIELDS)
            sched_yield();
        else
            futex_sleep(counter, now, LONGEST_NAP);
    }
}

static void wait_for(GradSync *sync, _Atomic uint32_t *counter, uint32_t value) {
    if (atomic_load_explicit(counter, memory_order_acquire) == value) return;
    heartbeat_transfers();
    atomic_fetch_add(&sync->waiting, 1);
    gradsync_exchange_wake(sync);
    sleep_or_help(sync, counter, value);
    atomic_fetch_sub(&sync->waiting, 1);
    heartbeat_goes_on();
}

void gradsync_arrived(GradSync *sync, const Bucket *bucket) {
    wait_for(sync, &bucket->state->arrived, sync->step);
}

void gradsync_gathered(GradSync *sync, const Bucket *bucket) {
    wait_for(sync, &bucket->state->gathered, sync->gathers);
}

static bool check_gone(GradSync *sync) {
    pthread_mutex_lock(&sync->mutex);
    bool gone = all_is_gone(sync);
    pthread_mutex_unlock(&sync->mutex);
    return gone;
}

void gradsync_exchange_settle(GradSync *sync) {
    for (size_t b = 0; b < sync->bucket_count; b++) gradsync_gathered(sync, &sync->buckets[b]);
    if (!gradsync_leads(sync) || check_gone(sync)) return;
    heartbeat_transfers();
    while (!check_gone(sync)) sched_yield();
    heartbeat_goes_on();
}
