/* The affine map against hand-computed points, and against Keras's own lines run by numpy and
 * scipy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "mnist_dist/base/digits.h"
#include "mnist_dist/data/augment.h"

static const double PI = 3.14159265358979323846;

/* cmocka's own comparison is in float. */
static void assert_close(double got, double expected, double tolerance) {
    assert_true(fabs(got - expected) <= tolerance);
}

/* An image without symmetry. */
static void make_image(uint8_t image[DIGIT_PIXELS]) {
    for (int r = 0; r < DIGIT_SIDE; r++) {
        for (int c = 0; c < DIGIT_SIDE; c++) {
            image[r * DIGIT_SIDE + c] = (uint8_t)(r * r * 7 + c * c * 3 + r * c);
        }
    }
}

static int clamp(int i) {
    return i < 0 ? 0 : i >= DIGIT_SIDE ? DIGIT_SIDE - 1 : i;
}

static double pixel(const uint8_t *image, int row, int column) {
    return image[clamp(row) * DIGIT_SIDE + clamp(column)] / 255.0;
}

static void see_through(float out[DIGIT_PIXELS], const uint8_t *image, AugmentDraw draw) {
    const AffineMap map = augment_map(&draw);
    augment_image(out, image, &map, FILL_NEAREST, NULL);
}

static void the_identity_gives_pixels_by_255_exactly(void **state) {
    (void)state;
    const AugmentOptions none = {0};
    const AugmentOptions zero = {.fill = FILL_ZERO};
    uint8_t image[DIGIT_PIXELS];
    float out[DIGIT_PIXELS], other[DIGIT_PIXELS];
    make_image(image);
    for (uint32_t sample = 0; sample < 20; sample++) {
        const RngStream stream = {1, RNG_AUGMENT, 0, 0, sample};
        augment_sample(out, image, &none, &stream);
        augment_sample(other, image, &zero, &stream);
        for (int i = 0; i < DIGIT_PIXELS; i++) assert_true(out[i] == (float)image[i] / 255.0f);
        assert_memory_equal(out, other, sizeof out);
    }
}

/* in_row = out_column, in_column = 27 - out_row: the digit turns anticlockwise. */
static void ninety_degrees_turn_the_image(void **state) {
    (void)state;
    uint8_t image[DIGIT_PIXELS];
    float out[DIGIT_PIXELS];
    make_image(image);
    see_through(out, image, (AugmentDraw){.theta = PI / 2, .zx = 1.0, .zy = 1.0});
    for (int r = 0; r < DIGIT_SIDE; r++) {
        for (int c = 0; c < DIGIT_SIDE; c++) {
            assert_close(out[r * DIGIT_SIDE + c], pixel(image, c, 27 - r), 1e-6);
        }
    }
}

/* Output looks up input at + (ty, tx): the digit moves up by 3 and right by 2. */
static void whole_shifts_move_whole_pixels(void **state) {
    (void)state;
    uint8_t image[DIGIT_PIXELS];
    float out[DIGIT_PIXELS];
    make_image(image);
    see_through(out, image, (AugmentDraw){.tx = -2.0, .ty = 3.0, .zx = 1.0, .zy = 1.0});
    for (int r = 0; r < DIGIT_SIDE; r++) {
        for (int c = 0; c < DIGIT_SIDE; c++) {
            assert_close(out[r * DIGIT_SIDE + c], pixel(image, r + 3, c - 2), 1e-6);
        }
    }
}

static void half_shifts_average_neighbours(void **state) {
    (void)state;
    uint8_t image[DIGIT_PIXELS];
    float out[DIGIT_PIXELS];
    make_image(image);
    see_through(out, image, (AugmentDraw){.tx = 0.5, .ty = 0.5, .zx = 1.0, .zy = 1.0});
    for (int r = 0; r < DIGIT_SIDE; r++) {
        for (int c = 0; c < DIGIT_SIDE; c++) {
            const double mean = (pixel(image, r, c) + pixel(image, r, c + 1) +
                                 pixel(image, r + 1, c) + pixel(image, r + 1, c + 1)) /
                                4;
            assert_close(out[r * DIGIT_SIDE + c], mean, 1e-6);
        }
    }
}

/* A scale of 2 looks twice as far from the centre: at row 13.5 + 2 (r - 13.5). */
static void zoom_is_about_the_centre(void **state) {
    (void)state;
    uint8_t image[DIGIT_PIXELS];
    float out[DIGIT_PIXELS];
    make_image(image);
    see_through(out, image, (AugmentDraw){.zx = 1.0, .zy = 2.0});
    for (int c = 0; c < DIGIT_SIDE; c++) {
        const double between = (pixel(image, 12, c) + pixel(image, 13, c)) / 2;
        assert_close(out[13 * DIGIT_SIDE + c], between, 1e-6);
        assert_close(out[c], pixel(image, 0, c), 1e-6);
        assert_close(out[27 * DIGIT_SIDE + c], pixel(image, 27, c), 1e-6);
    }
}

/* Row r looks up columns c + k (r - 13.5). */
static void shear_moves_each_row_by_its_distance(void **state) {
    (void)state;
    uint8_t image[DIGIT_PIXELS];
    float out[DIGIT_PIXELS];
    make_image(image);
    see_through(out, image, (AugmentDraw){.zx = 1.0, .zy = 1.0, .shear = 2.0});
    for (int r = 0; r < DIGIT_SIDE; r++)
        for (int c = 0; c < DIGIT_SIDE; c++)
            assert_close(out[r * DIGIT_SIDE + c], pixel(image, r, c + 2 * r - 27), 1e-6);
}

/* 0 beyond the border. */
static double pixel_or_zero(const uint8_t *image, int row, int column) {
    bool inside = row >= 0 && row < DIGIT_SIDE && column >= 0 && column < DIGIT_SIDE;
    return inside ? image[row * DIGIT_SIDE + column] / 255.0 : 0.0;
}

/* By (2.5, -1): half of the last row is still to be seen at row 25, and nothing at row 26. */
static void zeros_lie_beyond_the_border(void **state) {
    (void)state;
    const AugmentDraw draw = {.tx = -1.0, .ty = 2.5, .zx = 1.0, .zy = 1.0};
    const AffineMap map = augment_map(&draw);
    uint8_t image[DIGIT_PIXELS];
    float out[DIGIT_PIXELS];
    make_image(image);
    augment_image(out, image, &map, FILL_ZERO, NULL);
    for (int r = 0; r < DIGIT_SIDE; r++) {
        for (int c = 0; c < DIGIT_SIDE; c++) {
            const double mean =
                (pixel_or_zero(image, r + 2, c - 1) + pixel_or_zero(image, r + 3, c - 1)) / 2;
            assert_close(out[r * DIGIT_SIDE + c], mean, 1e-6);
        }
    }
}

/* Every shift of up to two pixels comes, equally often, and is exact. */
static void whole_pixels_are_drawn_and_moved_exactly(void **state) {
    (void)state;
    const AugmentOptions options = {.translate = 2, .fill = FILL_ZERO};
    uint8_t image[DIGIT_PIXELS];
    float out[DIGIT_PIXELS];
    int seen[5][5] = {{0}};
    make_image(image);
    for (uint32_t sample = 0; sample < 5000; sample++) {
        const RngStream stream = {5, RNG_AUGMENT, 0, 1, sample};
        const AugmentDraw draw = augment_draw(&options, &stream);
        const int down = (int)draw.ty, right = (int)draw.tx;
        assert_true(draw.ty == down && draw.tx == right);
        assert_in_range(down + 2, 0, 4);
        assert_in_range(right + 2, 0, 4);
        seen[down + 2][right + 2]++;
        augment_sample(out, image, &options, &stream);
        for (int i = 0; i < DIGIT_PIXELS; i++) {
            const double there =
                pixel_or_zero(image, i / DIGIT_SIDE + down, i % DIGIT_SIDE + right);
            assert_true(out[i] == (float)there);
        }
    }
    for (int i = 0; i < 25; i++) assert_in_range(seen[i / 5][i % 5], 150, 250);
}

static const AugmentDraw MIXED = {
    .theta = 10.0 * 3.14159265358979323846 / 180.0, .tx = 1.3, .ty = -2.1, .zx = 0.93, .zy = 1.07};

/* numpy 2, by the lines of Keras's apply_affine_transform(theta=10, tx=1.3, ty=-2.1, zx=.93,
 * zy=1.07). */
static void the_map_is_that_of_keras(void **state) {
    (void)state;
    const double expected[2][3] = {{1.0537442957230627, 0.16149280523024523, -4.748054513228286},
                                   {-0.18580355010361546, 0.9158712103013535, 5.28899783934696}};
    const AffineMap map = augment_map(&MIXED);
    for (int i = 0; i < 2; i++) {
        for (int j = 0; j < 3; j++) assert_close(map.matrix[i][j], expected[i][j], 1e-12);
    }
}

/* The product of the four matrices and the centre's, by plain loops in Python. */
static void the_shear_comes_between_shift_and_zoom(void **state) {
    (void)state;
    const double expected[2][3] = {{1.0909050057437857, 0.16149280523024523, -5.249724098508041},
                                   {0.02494530904099707, 0.9158712103013535, 2.4438882408946903}};
    AugmentDraw draw = MIXED;
    draw.shear = 0.2;
    const AffineMap map = augment_map(&draw);
    for (int i = 0; i < 2; i++) {
        for (int j = 0; j < 3; j++) assert_close(map.matrix[i][j], expected[i][j], 1e-12);
    }
}

/* scipy.ndimage.affine_transform with that map, order 1, mode "nearest". */
static void pixels_are_those_of_scipy(void **state) {
    (void)state;
    const struct {
        int row, column;
        double value;
    } expected[] = {{0, 0, 84.53693},   {5, 20, 192.27734},  {13, 13, 128.23389},
                    {14, 3, 150.23767}, {27, 27, 228.93733}, {20, 9, 174.4428},
                    {0, 27, 139.0}};
    uint8_t image[DIGIT_PIXELS];
    float out[DIGIT_PIXELS];
    make_image(image);
    see_through(out, image, MIXED);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        const float got = out[expected[i].row * DIGIT_SIDE + expected[i].column];
        assert_close(got, expected[i].value / 255.0, 1e-6);
    }
}

/* Bilinear interpolation is exact on a plane, so each pixel shows its own coordinates. */
static void a_plane_stays_a_plane_within_the_border(void **state) {
    (void)state;
    const AugmentOptions options = {.rotation = 30.0, .zoom = 0.3, .shift = 0.2};
    uint8_t image[DIGIT_PIXELS];
    float out[DIGIT_PIXELS];
    for (int i = 0; i < DIGIT_PIXELS; i++) {
        image[i] = (uint8_t)(3 * (i / DIGIT_SIDE) + 5 * (i % DIGIT_SIDE));
    }
    for (uint32_t sample = 0; sample < 50; sample++) {
        const RngStream stream = {1, RNG_AUGMENT, 0, 0, sample};
        const AugmentDraw draw = augment_draw(&options, &stream);
        const AffineMap map = augment_map(&draw);
        augment_image(out, image, &map, FILL_NEAREST, NULL);
        for (int i = 0; i < DIGIT_PIXELS; i++) {
            const double r = i / DIGIT_SIDE, c = i % DIGIT_SIDE;
            const double(*m)[3] = map.matrix;
            const double row = fmin(fmax(m[0][0] * r + m[0][1] * c + m[0][2], 0.0), 27.0);
            const double column = fmin(fmax(m[1][0] * r + m[1][1] * c + m[1][2], 0.0), 27.0);
            assert_close(out[i], (3 * row + 5 * column) / 255.0, 1e-6);
        }
    }
}

/* One output pixel in the plainest way, with the roundings that augment.c promises. */
static float plain_pixel(const uint8_t image[DIGIT_PIXELS], const AffineMap *map, int r, int c) {
    int corner[2];
    float weight[2];
    for (int i = 0; i < 2; i++) {
        const double *m = map->matrix[i];
        const double at = fmin(fmax(m[0] * r + m[2] + m[1] * c, 0.0), 27.0);
        corner[i] = (int)fmin(floor(at), 26.0);
        weight[i] = (float)(at - corner[i]);
    }
    const uint8_t *p = image + corner[0] * DIGIT_SIDE + corner[1];
    const float upper = (float)p[0] + weight[1] * ((float)p[1] - (float)p[0]);
    const float lower = (float)p[28] + weight[1] * ((float)p[29] - (float)p[28]);
    return (upper + weight[0] * (lower - upper)) / 255.0f;
}

/* Far beyond what is used, so that all four borders are met. */
static void every_pixel_is_that_of_the_plain_way_to_the_bit(void **state) {
    (void)state;
    const AugmentOptions options[] = {{.rotation = 10.0, .zoom = 0.1, .shift = 0.1},
                                      {.rotation = 180.0, .zoom = 0.9, .shift = 0.8}};
    uint8_t image[DIGIT_PIXELS];
    for (int i = 0; i < DIGIT_PIXELS; i++)
        image[i] = (uint8_t)((uint32_t)(i * i) * 2654435761u >> 13);
    for (uint32_t sample = 0; sample < 400; sample++) {
        const RngStream stream = {5, RNG_AUGMENT, 0, 1, sample};
        const AugmentDraw draw = augment_draw(&options[sample % 2], &stream);
        const AffineMap map = augment_map(&draw);
        float out[DIGIT_PIXELS + 1];
        out[DIGIT_PIXELS] = 7.0f; /* nothing is written beyond the image */
        augment_image(out, image, &map, FILL_NEAREST, NULL);
        for (int i = 0; i < DIGIT_PIXELS; i++)
            assert_true(out[i] == plain_pixel(image, &map, i / DIGIT_SIDE, i % DIGIT_SIDE));
        assert_true(out[DIGIT_PIXELS] == 7.0f);
    }
}

/* As the header says, with the Gaussian in two dimensions at once. */
static void displacements_are_noise_through_a_gaussian(void **state) {
    (void)state;
    const AugmentOptions options = {.elastic_alpha = 34.0, .elastic_sigma = 4.0};
    const RngStream stream = {5, RNG_AUGMENT, 0, 1, 3};
    Displacement by;
    double all = 0.0;
    augment_displace(&by, &options, &stream);
    for (int i = -40; i <= 40; i++)
        for (int j = -40; j <= 40; j++) all += exp(-(i * i + j * j) / 32.0);
    for (int r = 0; r < DIGIT_SIDE; r += 3) {
        for (int c = 0; c < DIGIT_SIDE; c += 3) {
            double rows = 0.0, columns = 0.0;
            for (int p = 0; p < DIGIT_PIXELS; p++) {
                const int down = p / DIGIT_SIDE - r, right = p % DIGIT_SIDE - c;
                const double weight = exp(-(down * down + right * right) / 32.0) / all;
                uint32_t words[4];
                rng_words(words, &stream, (uint32_t)(4 + p / 4));
                rows += weight * ((words[p % 4] & 0xffff) / 32767.5 - 1.0);
                columns += weight * ((words[p % 4] >> 16) / 32767.5 - 1.0);
            }
            assert_close(by.rows[r][c], 34.0 * rows, 2e-3);
            assert_close(by.columns[r][c], 34.0 * columns, 2e-3);
        }
    }
}

/* By (1, -2) pixels throughout, and by nothing. */
static void a_displacement_is_added_to_the_map(void **state) {
    (void)state;
    Displacement by;
    uint8_t image[DIGIT_PIXELS];
    float out[DIGIT_PIXELS], plain[DIGIT_PIXELS];
    const AugmentDraw still = {.zx = 1.0, .zy = 1.0};
    const AffineMap identity = augment_map(&still), mixed = augment_map(&MIXED);
    make_image(image);
    for (int r = 0; r < DIGIT_SIDE; r++)
        for (int c = 0; c < AUGMENT_COLUMNS; c++) by.rows[r][c] = 1.0f, by.columns[r][c] = -2.0f;
    augment_image(out, image, &identity, FILL_NEAREST, &by);
    for (int i = 0; i < DIGIT_PIXELS; i++)
        assert_close(out[i], pixel(image, i / DIGIT_SIDE + 1, i % DIGIT_SIDE - 2), 1e-6);
    memset(&by, 0, sizeof by);
    augment_image(out, image, &mixed, FILL_ZERO, &by);
    augment_image(plain, image, &mixed, FILL_ZERO, NULL);
    assert_memory_equal(out, plain, sizeof out);
}

/* Every second white image loses one rectangle of up to 5 by 5. */
static void erasing_takes_rectangles_of_all_sizes(void **state) {
    (void)state;
    const AugmentOptions options = {.erase = 0.5, .erase_size = 5};
    int erased = 0, sizes[6][6] = {{0}}, everywhere[DIGIT_PIXELS] = {0};
    for (uint32_t sample = 0; sample < 5000; sample++) {
        const RngStream stream = {5, RNG_AUGMENT, 0, 1, sample};
        float image[DIGIT_PIXELS];
        int top = DIGIT_SIDE, bottom = -1, left = DIGIT_SIDE, right = -1, count = 0;
        for (int i = 0; i < DIGIT_PIXELS; i++) image[i] = 1.0f;
        augment_erase(image, &options, &stream);
        for (int i = 0; i < DIGIT_PIXELS; i++) {
            const int r = i / DIGIT_SIDE, c = i % DIGIT_SIDE;
            if (image[i] == 1.0f) continue;
            assert_true(image[i] == 0.0f);
            if (r < top) top = r;
            if (r > bottom) bottom = r;
            if (c < left) left = c;
            if (c > right) right = c;
            count++;
            everywhere[i]++;
        }
        if (count == 0) continue;
        assert_int_equal(count, (bottom - top + 1) * (right - left + 1));
        assert_true(bottom - top < 5 && right - left < 5);
        sizes[bottom - top + 1][right - left + 1]++;
        erased++;
    }
    assert_in_range(erased, 2350, 2650);
    for (int i = 0; i < 25; i++) assert_in_range(sizes[i / 5 + 1][i % 5 + 1], 60, 140);
    for (int i = 0; i < DIGIT_PIXELS; i++) assert_true(everywhere[i] > 0);
}

/* The first is the image; the next four move it by a pixel, to the left, right, up and down; all
 * nine are different. */
static void views_are_the_image_and_its_neighbours(void **state) {
    (void)state;
    const int down[] = {0, 0, 0, 1, -1}, right[] = {0, 1, -1, 0, 0};
    uint8_t image[DIGIT_PIXELS];
    float out[AUGMENT_VIEWS][DIGIT_PIXELS];
    make_image(image);
    for (size_t view = 0; view < AUGMENT_VIEWS; view++) {
        const AffineMap map = augment_view(view);
        augment_image(out[view], image, &map, FILL_ZERO, NULL);
        for (size_t other = 0; other < view; other++)
            assert_memory_not_equal(out[view], out[other], sizeof out[view]);
        for (int i = 0; view < 5 && i < DIGIT_PIXELS; i++)
            assert_true(out[view][i] == (float)pixel_or_zero(image, i / DIGIT_SIDE + down[view],
                                                             i % DIGIT_SIDE + right[view]));
    }
}

static void draws_use_the_words_that_the_header_says(void **state) {
    (void)state;
    const AugmentOptions options = {.rotation = 10.0, .zoom = 0.1, .shift = 0.2};
    const RngStream stream = {5, RNG_AUGMENT, 0, 6, 7};
    uint32_t words[8];
    rng_words(words, &stream, 0);
    rng_words(words + 4, &stream, 1);
    double around[8];
    for (int i = 0; i < 8; i++) around[i] = 2.0 * (double)rng_uniform(words[i]) - 1.0;
    const AugmentDraw draw = augment_draw(&options, &stream);
    assert_close(draw.theta, 10.0 * PI / 180.0 * around[0], 1e-15);
    assert_close(draw.tx, 28 * 0.2 * around[1], 1e-14);
    assert_close(draw.ty, 28 * 0.2 * around[2], 1e-14);
    assert_close(draw.zx, 1.0 + 0.1 * around[3], 1e-15);
    assert_close(draw.zy, 1.0 + 0.1 * around[4], 1e-15);
    const AugmentOptions more = {.shear = 0.3, .translate = 4};
    const AugmentDraw other = augment_draw(&more, &stream);
    assert_close(other.shear, 0.3 * around[5], 1e-15);
    assert_close(other.tx, floor(4.5 * (around[6] + 1.0)) - 4.0, 0.0);
    assert_close(other.ty, floor(4.5 * (around[7] + 1.0)) - 4.0, 0.0);
}

static void draws_fill_their_ranges(void **state) {
    (void)state;
    const AugmentOptions options = {.rotation = 10.0, .zoom = 0.1, .shift = 0.1};
    double least[5] = {9, 9, 9, 9, 9}, most[5] = {-9, -9, -9, -9, -9};
    for (uint32_t sample = 0; sample < 5000; sample++) {
        const RngStream stream = {5, RNG_AUGMENT, 0, 1, sample};
        const AugmentDraw d = augment_draw(&options, &stream);
        const double shares[5] = {d.theta / (10.0 * PI / 180.0), d.tx / 2.8, d.ty / 2.8,
                                  (d.zx - 1.0) / 0.1, (d.zy - 1.0) / 0.1};
        for (int i = 0; i < 5; i++) {
            least[i] = fmin(least[i], shares[i]);
            most[i] = fmax(most[i], shares[i]);
        }
    }
    for (int i = 0; i < 5; i++) {
        assert_true(least[i] > -1.0 - 1e-12 && least[i] < -0.99);
        assert_true(most[i] < 1.0 + 1e-12 && most[i] > 0.99);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_identity_gives_pixels_by_255_exactly),
        cmocka_unit_test(ninety_degrees_turn_the_image),
        cmocka_unit_test(whole_shifts_move_whole_pixels),
        cmocka_unit_test(half_shifts_average_neighbours),
        cmocka_unit_test(zoom_is_about_the_centre),
        cmocka_unit_test(shear_moves_each_row_by_its_distance),
        cmocka_unit_test(zeros_lie_beyond_the_border),
        cmocka_unit_test(whole_pixels_are_drawn_and_moved_exactly),
        cmocka_unit_test(the_map_is_that_of_keras),
        cmocka_unit_test(the_shear_comes_between_shift_and_zoom),
        cmocka_unit_test(pixels_are_those_of_scipy),
        cmocka_unit_test(a_plane_stays_a_plane_within_the_border),
        cmocka_unit_test(every_pixel_is_that_of_the_plain_way_to_the_bit),
        cmocka_unit_test(displacements_are_noise_through_a_gaussian),
        cmocka_unit_test(a_displacement_is_added_to_the_map),
        cmocka_unit_test(erasing_takes_rectangles_of_all_sizes),
        cmocka_unit_test(views_are_the_image_and_its_neighbours),
        cmocka_unit_test(draws_use_the_words_that_the_header_says),
        cmocka_unit_test(draws_fill_their_ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
