/* The pool runs each task once, on its own threads and at the same time. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "mnist_dist/base/pool.h"

enum { MOST_TASKS = 100, MOST_THREADS = 9 };

typedef struct Record {
    int runs[MOST_TASKS];         /* not atomic: each task has its own */
    size_t thread_of[MOST_TASKS]; /* likewise */
    pthread_t id_of[MOST_TASKS];
} Record;

static void nap(long milliseconds) {
    nanosleep(&(struct timespec){.tv_nsec = milliseconds * 1000000}, NULL);
}

static void record_task(void *context, size_t i, size_t thread) {
    Record *record = context;
    record->runs[i]++;
    record->thread_of[i] = thread;
    record->id_of[i] = pthread_self();
}

static Pool *new_pool(size_t threads) {
    Pool *pool = NULL;
    assert_int_equal(pool_new(&pool, threads), STATUS_OK);
    assert_int_equal(pool_threads(pool), threads);
    return pool;
}

static void each_task_runs_once(void **state) {
    (void)state;
    for (size_t threads = 1; threads <= MOST_THREADS; threads++) {
        Pool *pool = new_pool(threads);
        for (size_t tasks = 0; tasks <= MOST_TASKS; tasks++) {
            Record record = {0};
            pool_run(pool, tasks, record_task, &record);
            for (size_t i = 0; i < MOST_TASKS; i++) {
                assert_int_equal(record.runs[i], i < tasks ? 1 : 0);
                assert_true(record.thread_of[i] < threads);
            }
        }
        pool_destroy(pool);
    }
}

static void record_slowly(void *context, size_t i, size_t thread) {
    nap(1);
    record_task(context, i, thread);
}

static void a_thread_number_belongs_to_one_thread(void **state) {
    (void)state;
    Pool *pool = new_pool(4);
    Record record = {0};
    pool_run(pool, MOST_TASKS, record_slowly, &record);
    for (size_t i = 0; i < MOST_TASKS; i++) {
        for (size_t j = 0; j < i; j++) {
            bool same_number = record.thread_of[i] == record.thread_of[j];
            assert_true(same_number == (pthread_equal(record.id_of[i], record.id_of[j]) != 0));
        }
    }
    pool_destroy(pool);
}

static void pool_of_one_runs_on_the_caller_in_order(void **state) {
    (void)state;
    Pool *pool = new_pool(1);
    Record record = {0};
    pool_run(pool, 10, record_task, &record);
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(record.thread_of[i], 0);
        assert_true(pthread_equal(record.id_of[i], pthread_self()));
    }
    pool_destroy(pool);
}

typedef struct Meeting {
    atomic_int present;
    atomic_bool all_met;
} Meeting;

/* Waits, ten seconds at most, for three tasks to be under way at once. */
static void meet(void *context, size_t i, size_t thread) {
    Meeting *meeting = context;
    (void)i, (void)thread;
    atomic_fetch_add(&meeting->present, 1);
    for (int n = 0; n < 10000 && atomic_load(&meeting->present) < 3; n++) nap(1);
    if (atomic_load(&meeting->present) >= 3) atomic_store(&meeting->all_met, true);
}

static void tasks_run_at_the_same_time(void **state) {
    (void)state;
    Pool *pool = new_pool(3);
    for (int run = 0; run < 2; run++) {
        Meeting meeting = {0};
        nap(20); /* so that the threads are asleep */
        pool_run(pool, 3, meet, &meeting);
        assert_true(atomic_load(&meeting.all_met));
    }
    pool_destroy(pool);
}

static void count_late(void *context, size_t i, size_t thread) {
    atomic_int *finished = context;
    (void)i;
    nap(thread == 0 ? 1 : 50);
    atomic_fetch_add(finished, 1);
}

static void run_returns_when_all_tasks_are_finished(void **state) {
    (void)state;
    Pool *pool = new_pool(4);
    for (int run = 0; run < 3; run++) {
        atomic_int finished = 0;
        pool_run(pool, 8, count_late, &finished);
        assert_int_equal(atomic_load(&finished), 8);
    }
    pool_destroy(pool);
}

static void note_signals(void *context, size_t i, size_t thread) {
    atomic_int *open_on_workers = context;
    sigset_t blocked;
    (void)i;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    if (thread > 0 && sigismember(&blocked, SIGUSR1) == 0) atomic_fetch_add(open_on_workers, 1);
}

static void signals_are_left_to_the_caller(void **state) {
    (void)state;
    sigset_t blocked;
    Pool *pool = new_pool(4);
    atomic_int open_on_workers = 0;
    pool_run(pool, 1000, note_signals, &open_on_workers);
    assert_int_equal(atomic_load(&open_on_workers), 0);
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    assert_int_equal(sigismember(&blocked, SIGUSR1), 0);
    pool_destroy(pool);
}

static void idle_pool_uses_no_time(void **state) {
    (void)state;
    Pool *pool = new_pool(4);
    struct timespec before, after;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    nap(200);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    double used =
        (double)(after.tv_sec - before.tv_sec) + (double)(after.tv_nsec - before.tv_nsec) * 1e-9;
    assert_true(used < 0.05);
    pool_destroy(pool);
}

static void destroying_nothing_is_fine(void **state) {
    (void)state;
    pool_destroy(NULL);
    pool_destroy(new_pool(3));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_task_runs_once),
        cmocka_unit_test(a_thread_number_belongs_to_one_thread),
        cmocka_unit_test(pool_of_one_runs_on_the_caller_in_order),
        cmocka_unit_test(tasks_run_at_the_same_time),
        cmocka_unit_test(run_returns_when_all_tasks_are_finished),
        cmocka_unit_test(signals_are_left_to_the_caller),
        cmocka_unit_test(idle_pool_uses_no_time),
        cmocka_unit_test(destroying_nothing_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
