/* An epoch's order: every row once, block by block, another one each epoch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "mnist_dist/data/sampler.h"

enum { MOST = 3 * SAMPLER_BLOCK + 17 };

static uint8_t seen[MOST];

static void check_epoch(uint64_t count, uint32_t epoch) {
    const Sampler sampler = {42, count};
    memset(seen, 0, sizeof seen);
    for (uint64_t position = 0; position < count; position++) {
        const uint64_t row = sampler_row(&sampler, epoch, position);
        assert_true(row < count);
        assert_false(seen[row]);
        seen[row] = 1;
    }
}

static void each_row_comes_once_an_epoch(void **state) {
    (void)state;
    const uint64_t counts[] = {
        1, 2, 17, 86, 1000, SAMPLER_BLOCK - 1, SAMPLER_BLOCK, SAMPLER_BLOCK + 1, 2 * SAMPLER_BLOCK};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) check_epoch(counts[i], 3);
}

/* The block of each of the four runs of an epoch over MOST rows, read off each run's first row. */
static void visited_blocks(uint64_t blocks[4], uint32_t epoch) {
    const Sampler sampler = {42, MOST};
    uint64_t position = 0;
    for (int i = 0; i < 4; i++) {
        blocks[i] = sampler_row(&sampler, epoch, position) / SAMPLER_BLOCK;
        position += blocks[i] == 3 ? 17 : SAMPLER_BLOCK;
    }
}

/* Four epochs that find the short block first, within, and last. */
static void the_short_block_may_come_anywhere(void **state) {
    (void)state;
    unsigned places_met = 0;
    for (uint32_t epoch = 0; epoch < 100 && places_met != 15; epoch++) {
        uint64_t blocks[4];
        unsigned place = 0;
        visited_blocks(blocks, epoch);
        while (place < 4 && blocks[place] != 3) place++;
        assert_true(place < 4);
        if ((places_met >> place & 1) == 0) check_epoch(MOST, epoch);
        places_met |= 1u << place;
    }
    assert_int_equal(places_met, 15);
}

static void a_block_is_finished_before_the_next(void **state) {
    (void)state;
    const Sampler sampler = {42, MOST};
    uint64_t blocks[4], position = 0;
    visited_blocks(blocks, 2);
    for (int i = 0; i < 4; i++) {
        const uint64_t end = position + (blocks[i] == 3 ? 17 : SAMPLER_BLOCK);
        for (; position < end; position++) {
            assert_int_equal(sampler_row(&sampler, 2, position) / SAMPLER_BLOCK, blocks[i]);
        }
    }
}

/* Of 1000 rows, two independent orders agree at about one place. */
static void assert_orders_differ(const Sampler *a, uint32_t epoch_a, const Sampler *b,
                                 uint32_t epoch_b) {
    unsigned agree = 0;
    for (uint64_t position = 0; position < 1000; position++) {
        agree += sampler_row(a, epoch_a, position) == sampler_row(b, epoch_b, position);
    }
    assert_true(agree < 10);
}

static void epochs_and_seeds_differ(void **state) {
    (void)state;
    const Sampler sampler = {42, 1000}, other_seed = {43, 1000};
    assert_orders_differ(&sampler, 0, &sampler, 1);
    assert_orders_differ(&sampler, 0, &other_seed, 0);
}

static void the_order_of_asking_does_not_matter(void **state) {
    (void)state;
    const Sampler sampler = {42, MOST};
    uint64_t rows[100];
    for (uint64_t i = 0; i < 100; i++) rows[i] = sampler_row(&sampler, 5, i * 1900);
    for (uint64_t i = 100; i-- > 0;) {
        sampler_row(&sampler, 6, i);
        assert_int_equal(sampler_row(&sampler, 5, i * 1900), rows[i]);
    }
}

static void places_say_where_rows_are(void **state) {
    (void)state;
    const Sampler sampler = {42, MOST};
    assert_int_equal(sampler_blocks(&sampler), 4);
    for (uint64_t position = 0; position < MOST; position += 13) {
        const SamplerPlace at = sampler_place(&sampler, 5, position);
        const SamplerPlace block = sampler_block(&sampler, 5, at.place);
        assert_int_equal(at.block, block.block);
        assert_int_equal(at.rows, at.block == 3 ? 17 : SAMPLER_BLOCK);
        assert_int_equal(at.rows, block.rows);
        assert_true(at.within < at.rows);
        assert_int_equal(at.block * SAMPLER_BLOCK + at.within, sampler_row(&sampler, 5, position));
        assert_int_equal(sampler_sequence(&sampler, 5, at.place), 20 + at.place);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_say_where_rows_are),
        cmocka_unit_test(each_row_comes_once_an_epoch),
        cmocka_unit_test(the_short_block_may_come_anywhere),
        cmocka_unit_test(a_block_is_finished_before_the_next),
        cmocka_unit_test(epochs_and_seeds_differ),
        cmocka_unit_test(the_order_of_asking_does_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
