/* Drawings of any size become images as MNIST has them: 20 pixels at most, aspect ratio kept, grey
 * by area, centre of mass at (14, 14). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "mnist_dist/data/centre.h"

enum { MOST = 400 };

static float ink[MOST * MOST], digit[DIGIT_PIXELS];

static void blank(void) {
    for (size_t i = 0; i < MOST * MOST; i++) ink[i] = 0.0F;
}

/* Of a drawing `w` wide: rows [top, bottom) by columns [left, right). */
static void fill(size_t w, size_t top, size_t bottom, size_t left, size_t right, float value) {
    for (size_t y = top; y < bottom; y++)
        for (size_t x = left; x < right; x++) ink[y * w + x] = value;
}

static void expect_block(int top, int bottom, int left, int right, double value) {
    for (int y = 0; y < DIGIT_SIDE; y++)
        for (int x = 0; x < DIGIT_SIDE; x++) {
            bool inside = y >= top && y < bottom && x >= left && x < right;
            double got = (double)digit[y * DIGIT_SIDE + x];
            assert_true(fabs(got - (inside ? value : 0.0)) < 1e-6);
        }
}

/* The centre of 20 pixels is between two; rounded, it is the 10th, which comes to the 14th. */
static void a_square_fills_the_box_whatever_its_size(void **state) {
    (void)state;
    static const size_t sides[] = {20, 1, 7, 50, 113, 400};
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
        blank();
        fill(MOST, 0, sides[i], MOST - sides[i], MOST, 0.75F);
        assert_true(centre_digit(digit, ink, MOST, MOST));
        expect_block(4, 24, 4, 24, 0.75);
    }
}

static void the_aspect_ratio_is_kept(void **state) {
    (void)state;
    blank();
    fill(300, 30, 230, 100, 140, 1.0F);
    assert_true(centre_digit(digit, ink, 250, 300));
    expect_block(4, 24, 12, 16, 1.0);
    blank();
    fill(300, 3, 43, 10, 210, 1.0F);
    assert_true(centre_digit(digit, ink, 60, 300));
    expect_block(12, 16, 4, 24, 1.0);
}

/* 100 to 20 is 5 to 1: 100 x 8 becomes 20 x 1.6, so the second column has 0.6. */
static void borders_are_grey_by_area(void **state) {
    (void)state;
    blank();
    fill(200, 10, 110, 50, 58, 1.0F);
    assert_true(centre_digit(digit, ink, 120, 200));
    for (int y = 0; y < DIGIT_SIDE; y++)
        for (int x = 0; x < DIGIT_SIDE; x++) {
            double inside = y >= 4 && y < 24 ? 1.0 : 0.0;
            double share = x == 14 ? 1.0 : x == 15 ? 0.6 : 0.0;
            assert_true(fabs((double)digit[y * DIGIT_SIDE + x] - inside * share) < 1e-6);
        }
}

static double centre_of_mass(bool down) {
    double mass = 0.0, moment = 0.0;
    for (int i = 0; i < DIGIT_PIXELS; i++) {
        mass += (double)digit[i];
        moment += (double)digit[i] * (down ? i / DIGIT_SIDE : i % DIGIT_SIDE);
    }
    return moment / mass;
}

/* All digits are within the box, keep their ink (as a share of the area), and lie as MNIST's do. */
static void strokes_at_any_size_are_centred(void **state) {
    (void)state;
    for (size_t side = 25; side <= MOST; side += 25) {
        blank();
        fill(side, 0, side, side / 4, side / 3, 1.0F);
        fill(side, side / 3, side / 2, 0, side, 0.5F);
        double sum = 0.0, scale = 20.0 / (double)side, got = 0.0;
        for (size_t i = 0; i < side * side; i++) sum += (double)ink[i];
        assert_true(centre_digit(digit, ink, side, side));
        for (int i = 0; i < DIGIT_PIXELS; i++) got += (double)digit[i];
        assert_true(fabs(got - sum * scale * scale) < 1e-3);
        for (int axis = 0; axis < 2; axis++) {
            double centre = centre_of_mass(axis == 0);
            assert_true(centre >= 13.5 && centre < 14.5);
        }
    }
}

/* All mass at one end: the other end would leave the image. */
static void ink_stays_within_the_image(void **state) {
    (void)state;
    float cell[CENTRE_BOX * CENTRE_BOX] = {0};
    cell[0] = 100.0F;
    cell[19 * CENTRE_BOX + 19] = 1.0F;
    assert_true(centre_cell(digit, cell));
    for (int i = 0; i < DIGIT_PIXELS; i++) {
        float expected = i == 8 * DIGIT_SIDE + 8 ? 100.0F : i == DIGIT_PIXELS - 1 ? 1.0F : 0.0F;
        assert_true(digit[i] == expected);
    }
}

static void faint_specks_do_not_count_for_the_box(void **state) {
    (void)state;
    blank();
    fill(MOST, 0, MOST, 0, MOST, 0.05F);
    fill(MOST, 100, 200, 100, 200, 1.0F);
    assert_true(centre_digit(digit, ink, MOST, MOST));
    expect_block(4, 24, 4, 24, 1.0);
}

static void nothing_is_blank(void **state) {
    (void)state;
    blank();
    assert_false(centre_digit(digit, ink, MOST, MOST));
    expect_block(0, 0, 0, 0, 0.0);
    fill(MOST, 0, MOST, 0, MOST, 0.05F);
    assert_false(centre_digit(digit, ink, MOST, MOST));
    fill(MOST, 0, MOST, 0, MOST, NAN);
    assert_false(centre_digit(digit, ink, MOST, MOST));
    assert_false(centre_digit(digit, ink, 0, 0));
    expect_block(0, 0, 0, 0, 0.0);
}

/* A digit of MNIST's size is only moved: no pixel changes. */
static void a_digit_of_twenty_pixels_keeps_its_pixels(void **state) {
    (void)state;
    blank();
    for (size_t i = 0; i < 400; i++)
        ink[(i / 20 + 3) * 28 + i % 20 + 1] = (float)(i * 7919 % 256) / 255.0F;
    fill(28, 3, 4, 1, 21, 1.0F);
    fill(28, 3, 23, 1, 2, 1.0F);
    assert_true(centre_digit(digit, ink, 28, 28));
    for (size_t i = 0; i < 400; i++)
        assert_true(digit[(i / 20 + 5) * 28 + i % 20 + 5] == ink[(i / 20 + 3) * 28 + i % 20 + 1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_square_fills_the_box_whatever_its_size),
        cmocka_unit_test(the_aspect_ratio_is_kept),
        cmocka_unit_test(borders_are_grey_by_area),
        cmocka_unit_test(strokes_at_any_size_are_centred),
        cmocka_unit_test(ink_stays_within_the_image),
        cmocka_unit_test(faint_specks_do_not_count_for_the_box),
        cmocka_unit_test(nothing_is_blank),
        cmocka_unit_test(a_digit_of_twenty_pixels_keeps_its_pixels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
