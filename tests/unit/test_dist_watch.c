/* Who is taken to hang, and when: heartbeats and time are the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>

#include "dist/watch.h"

enum { RANKS = 3 };
static const double LIMIT = 10.0, GAP = 1.0, LOOK = 0.25;

typedef struct Node {
    Heartbeat beats[RANKS];
    Sight sights[RANKS];
    Watch watch;
    double now;
    size_t culprit;
    double silent;
} Node;

static void set_up(Node *node) {
    memset(node, 0, sizeof *node);
    node->watch = (Watch){.sights = node->sights, .count = RANKS, .last = -1.0};
    node->now = 1000.0;
}

static Verdict look(Node *node) {
    node->now += LOOK;
    return watch_look(&node->watch, node->beats, node->now, LIMIT, GAP, &node->culprit,
                      &node->silent);
}

/* All watchdogs look; ranks from `first_idle` on make no progress. */
static void go_on(Node *node, size_t first_idle) {
    for (size_t i = 0; i < RANKS; i++) node->beats[i].looks++;
    for (size_t i = 0; i < first_idle; i++) node->beats[i].beats++;
}

/* Looks until there is a verdict, for so many seconds at most; *after is when it came. */
static Verdict look_for(Node *node, double seconds, size_t first_idle, double *after) {
    double begin = node->now;
    Verdict verdict = VERDICT_FINE;
    while (verdict == VERDICT_FINE && node->now - begin < seconds) {
        go_on(node, first_idle);
        verdict = look(node);
    }
    *after = node->now - begin;
    return verdict;
}

static void who_goes_on_is_fine(void **state) {
    (void)state;
    Node node;
    double after;
    set_up(&node);
    assert_int_equal(look_for(&node, 10 * LIMIT, RANKS, &after), VERDICT_FINE);
}

/* A rank that works on and on without a beat, for which the others wait. */
static void stuck_rank_is_named_not_those_who_wait(void **state) {
    (void)state;
    Node node;
    double after;
    set_up(&node);
    node.beats[0].waiting = node.beats[2].waiting = 1;
    assert_int_equal(look_for(&node, 10 * LIMIT, 0, &after), VERDICT_STUCK);
    assert_int_equal(node.culprit, 1);
    assert_true(after > LIMIT && after < LIMIT + 3 * LOOK);
    assert_true(node.silent > LIMIT && node.silent < LIMIT + 3 * LOOK);
}

static void one_beat_is_enough(void **state) {
    (void)state;
    Node node;
    double after;
    set_up(&node);
    assert_int_equal(look_for(&node, LIMIT - 1.0, 0, &after), VERDICT_FINE);
    for (size_t i = 0; i < RANKS; i++) node.beats[i].beats++;
    assert_int_equal(look_for(&node, LIMIT - 1.0, 0, &after), VERDICT_FINE);
}

/* Its watchdog does not look any more, whatever it was doing. */
static void halted_process_is_named(void **state) {
    (void)state;
    Node node;
    set_up(&node);
    for (size_t i = 0; i < RANKS; i++) node.beats[i].waiting = 1;
    Verdict verdict = VERDICT_FINE;
    double begin = node.now;
    while (verdict == VERDICT_FINE && node.now - begin < 10 * LIMIT) {
        node.beats[0].looks++;
        node.beats[1].looks++;
        verdict = look(&node);
    }
    assert_int_equal(verdict, VERDICT_HALTED);
    assert_int_equal(node.culprit, 2);
    assert_true(node.now - begin < LIMIT + 3 * LOOK);
}

static void who_is_silent_for_longest_is_named(void **state) {
    (void)state;
    Node node;
    double after;
    set_up(&node);
    look_for(&node, 1.0, 2, &after); /* rank 2 has stopped a second before the others */
    assert_int_equal(look_for(&node, 10 * LIMIT, 0, &after), VERDICT_STUCK);
    assert_int_equal(node.culprit, 2);
}

/* The fault is on another node, which shall speak first. */
static void all_who_wait_say_so_later(void **state) {
    (void)state;
    Node node;
    double after;
    set_up(&node);
    for (size_t i = 0; i < RANKS; i++) node.beats[i].waiting = 1;
    assert_int_equal(look_for(&node, 10 * LIMIT, 0, &after), VERDICT_WAITS);
    assert_true(after > 1.5 * LIMIT && after < 2 * LIMIT);
}

static void who_waits_for_a_reader_may(void **state) {
    (void)state;
    Node node;
    double after;
    set_up(&node);
    node.beats[0].speaking = 1;
    node.beats[1].waiting = node.beats[2].waiting = 1;
    assert_int_equal(look_for(&node, 10 * LIMIT, 0, &after), VERDICT_FINE);
}

static void who_has_left_is_not_looked_at(void **state) {
    (void)state;
    Node node;
    set_up(&node);
    node.beats[1].left = 1;
    for (double begin = node.now; node.now - begin < 10 * LIMIT;) {
        for (size_t i = 0; i < RANKS; i += 2) node.beats[i].looks++;
        for (size_t i = 0; i < RANKS; i += 2) node.beats[i].beats++;
        assert_int_equal(look(&node), VERDICT_FINE);
    }
}

/* The whole job was stopped and continued: nobody has hung. */
static void who_did_not_look_begins_anew(void **state) {
    (void)state;
    Node node;
    double after;
    set_up(&node);
    assert_int_equal(look_for(&node, LIMIT - 1.0, 0, &after), VERDICT_FINE);
    node.now += 100 * LIMIT;
    assert_int_equal(look_for(&node, LIMIT - 1.0, 0, &after), VERDICT_FINE);
    assert_int_equal(look_for(&node, LIMIT, 0, &after), VERDICT_STUCK);
}

/* ---- Beats ----------------------------------------------------------------------------------- */

static Heartbeat first, second;

static void *beat_often(void *unused) {
    for (uint64_t i = 0; i < 20000; i++) {
        heartbeat_step(i);
        heartbeat_phase(PHASE_FORWARD);
        heartbeat_waits();
        heartbeat_goes_on();
        heartbeat_speaks();
        heartbeat_has_spoken();
    }
    return unused;
}

/* Threads beat while another looks and the place changes: for ThreadSanitizer as well. */
static void beats_of_threads_are_counted(void **state) {
    (void)state;
    pthread_t threads[2];
    Sight sight = {0};
    Watch watch = {.sights = &sight, .count = 1, .last = -1.0};
    size_t culprit;
    double silent;
    heartbeat_use(&first);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, beat_often, NULL), 0);
    for (int i = 0; i < 40; i++)
        assert_int_not_equal(watch_look(&watch, &first, i * LOOK, LIMIT, GAP, &culprit, &silent),
                             VERDICT_STUCK);
    for (size_t i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    assert_int_equal(first.beats, 3 * 2 * 20000);
    assert_int_equal(first.waiting, 0);
    assert_int_equal(first.speaking, 0);
    assert_int_equal(first.phase, PHASE_FORWARD);
    heartbeat_use(&second);
    assert_int_equal(second.phase, PHASE_FORWARD);
    assert_int_equal(second.step, first.step);
    heartbeat_beat();
    heartbeat_use(NULL);
    heartbeat_beat();
    assert_int_equal(second.beats, 1);
    assert_int_equal(first.beats, 3 * 2 * 20000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_goes_on_is_fine),
        cmocka_unit_test(stuck_rank_is_named_not_those_who_wait),
        cmocka_unit_test(one_beat_is_enough),
        cmocka_unit_test(halted_process_is_named),
        cmocka_unit_test(who_is_silent_for_longest_is_named),
        cmocka_unit_test(all_who_wait_say_so_later),
        cmocka_unit_test(who_waits_for_a_reader_may),
        cmocka_unit_test(who_has_left_is_not_looked_at),
        cmocka_unit_test(who_did_not_look_begins_anew),
        cmocka_unit_test(beats_of_threads_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
