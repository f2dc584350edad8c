/* One affine map per sample and epoch, and the image seen through it.
 *
 * Coordinates are double, as in scipy.ndimage.affine_transform, whose work this is (order 1, mode
 * "nearest": coordinates are clamped to the image); pixels are float. A coordinate is clamped
 * before it is cut to an integer, so that the cut is a floor without a call of floor(), and the
 * upper-left neighbour stays one short of the border, so that the other three exist: at the border
 * itself the weight is 1 and, since pixels are still integers, a + 1 * (b - a) is b exactly. For
 * the same reason the division by 255 comes last: the identity gives pixel / 255 and nothing else.
 * Zeros beyond the border are a frame of them, one pixel wide, around the image, to whose border
 * coordinates are clamped in the same way.
 *
 * All but the fetching of pixels is vector code; the four neighbours are fetched as one word (1.4
 * us an image on Zen 4, against 2.7 pixel by pixel). That is a five-hundredth of a training step,
 * so that no thread works ahead of it. */
#include "mnist_dist/data/augment.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "mnist_dist/base/clones.h"
#include "mnist_dist/base/digits.h"

static const double CENTRE = DIGIT_SIDE / 2.0 - 0.5;
static const double DEGREE = 3.14159265358979323846 / 180.0;

/* Uniform in [-largest, largest). */
static double draw_around_zero(uint32_t word, double largest) {
    return largest * (2.0 * (double)rng_uniform(word) - 1.0);
}

/* One of -most .. most. */
static double draw_whole(uint32_t word, int64_t most) {
    return floor((double)rng_uniform(word) * (double)(2 * most + 1)) - (double)most;
}

AugmentDraw augment_draw(const AugmentOptions *options, const RngStream *stream) {
    uint32_t words[8];
    rng_words(words, stream, 0);
    rng_words(words + 4, stream, 1);
    return (AugmentDraw){
        .theta = draw_around_zero(words[0], options->rotation * DEGREE),
        .tx = draw_around_zero(words[1], options->shift * DIGIT_SIDE) +
              draw_whole(words[6], options->translate),
        .ty = draw_around_zero(words[2], options->shift * DIGIT_SIDE) +
              draw_whole(words[7], options->translate),
        .zx = 1.0 + draw_around_zero(words[3], options->zoom),
        .zy = 1.0 + draw_around_zero(words[4], options->zoom),
        .shear = draw_around_zero(words[5], options->shear),
    };
}

AffineMap augment_map(const AugmentDraw *draw) {
    const double c = cos(draw->theta), s = sin(draw->theta), k = draw->shear * draw->zy;
    const double rows[2][3] = {
        {c * draw->zy + s * k, s * draw->zx, s * draw->tx + c * draw->ty},
        {-s * draw->zy + c * k, c * draw->zx, c * draw->tx - s * draw->ty},
    };
    AffineMap map;
    for (int i = 0; i < 2; i++) {
        map.matrix[i][0] = rows[i][0];
        map.matrix[i][1] = rows[i][1];
        map.matrix[i][2] = rows[i][2] + CENTRE - (rows[i][0] + rows[i][1]) * CENTRE;
    }
    return map;
}

AffineMap augment_view(size_t view) {
    static const AugmentDraw views[AUGMENT_VIEWS] = {
        {.zx = 1.0, .zy = 1.0},
        {.zx = 1.0, .zy = 1.0, .tx = 1.0},
        {.zx = 1.0, .zy = 1.0, .tx = -1.0},
        {.zx = 1.0, .zy = 1.0, .ty = 1.0},
        {.zx = 1.0, .zy = 1.0, .ty = -1.0},
        {.zx = 1.0, .zy = 1.0, .theta = 5.0 * 3.14159265358979323846 / 180.0},
        {.zx = 1.0, .zy = 1.0, .theta = -5.0 * 3.14159265358979323846 / 180.0},
        {.zx = 1.05, .zy = 1.05},
        {.zx = 0.95, .zy = 0.95},
    };
    return augment_map(&views[view]);
}

/* Columns that are computed. What is more than the image's is clamped like the others and then left
 * behind. */
enum { COLUMNS = AUGMENT_COLUMNS };

enum { FRAMED = DIGIT_SIDE + 2 }; /* the side with a frame of one pixel */

/* Where one coordinate of a line of output pixels falls: upper-left neighbours and the weights of
 * the lower-right ones. */
typedef struct LineCut {
    int32_t floor[COLUMNS];
    float weight[COLUMNS];
} LineCut;

/* Coordinates of a line of pixels, `offsets` from the map's unless NULL. Two loops: within one, gcc
 * joins the two clamps into branches, and those into costly masks. */
static inline void cut_line(LineCut *cut, double start, double step, const float *restrict offsets,
                            int32_t side) {
    double at[COLUMNS];
    for (int32_t i = 0; i < COLUMNS; i++) {
        const double free = start + step * i + (offsets != NULL ? (double)offsets[i] : 0.0);
        at[i] = free > 0.0 ? free : 0.0;
    }
    for (int32_t i = 0; i < COLUMNS; i++) {
        const double within = at[i] < side - 1.0 ? at[i] : side - 1.0;
        const int32_t whole = (int32_t)within;
        cut->floor[i] = whole < side - 2 ? whole : side - 2;
        cut->weight[i] = (float)(within - cut->floor[i]);
    }
}

/* The four neighbours of which pixel i is the upper left one, as the bytes of quads[i]; the last
 * line and the last column are no one's upper left. */
static inline void make_quads(uint32_t *restrict quads, const uint8_t *restrict field,
                              int32_t side) {
    for (int32_t i = 0; i < side * side - side - 1; i++)
        quads[i] = field[i] | (uint32_t)field[i + 1] << 8 | (uint32_t)field[i + side] << 16 |
                   (uint32_t)field[i + side + 1] << 24;
}

static inline void sample_line(float *restrict line, const uint32_t *restrict quads,
                               const LineCut *restrict rows, const LineCut *restrict columns,
                               int32_t side) {
    for (int32_t i = 0; i < COLUMNS; i++) {
        const uint32_t quad = quads[rows->floor[i] * side + columns->floor[i]];
        const float corner[4] = {(float)(int32_t)(quad & 0xff), (float)(int32_t)(quad >> 8 & 0xff),
                                 (float)(int32_t)(quad >> 16 & 0xff), (float)(int32_t)(quad >> 24)};
        const float upper = corner[0] + columns->weight[i] * (corner[1] - corner[0]);
        const float lower = corner[2] + columns->weight[i] * (corner[3] - corner[2]);
        line[i] = upper + rows->weight[i] * (lower - upper);
    }
}

/* The image through the map, from a field (side, side) in which it begins at (margin, margin). */
static inline __attribute__((always_inline)) void
sample_field(float *restrict out, const uint8_t *restrict field, const AffineMap *map,
             const Displacement *by, int32_t side, double margin) {
    const double(*m)[3] = map->matrix;
    uint32_t quads[FRAMED * FRAMED];
    float
        pixels[DIGIT_PIXELS + COLUMNS - DIGIT_SIDE]; /* each line overwrites the last one's rest */
    make_quads(quads, field, side);
    for (int r = 0; r < DIGIT_SIDE; r++) {
        LineCut rows, columns;
        cut_line(&rows, m[0][0] * r + (m[0][2] + margin), m[0][1], by != NULL ? by->rows[r] : NULL,
                 side);
        cut_line(&columns, m[1][0] * r + (m[1][2] + margin), m[1][1],
                 by != NULL ? by->columns[r] : NULL, side);
        sample_line(pixels + (size_t)r * DIGIT_SIDE, quads, &rows, &columns, side);
    }
    for (int i = 0; i < DIGIT_PIXELS; i++) out[i] = pixels[i] / 255.0f;
}

VECTOR_CLONES static void sample_nearest(float *restrict out, const uint8_t *restrict image,
                                         const AffineMap *map, const Displacement *by) {
    sample_field(out, image, map, by, DIGIT_SIDE, 0.0);
}

VECTOR_CLONES static void sample_zero(float *restrict out, const uint8_t *restrict image,
                                      const AffineMap *map, const Displacement *by) {
    uint8_t field[FRAMED * FRAMED] = {0};
    for (int r = 0; r < DIGIT_SIDE; r++)
        memcpy(field + ((r + 1) * FRAMED + 1), image + (size_t)r * DIGIT_SIDE, DIGIT_SIDE);
    sample_field(out, field, map, by, FRAMED, 1.0);
}

const char *const AUGMENT_FILL_NAMES[] = {[FILL_NEAREST] = "nearest", [FILL_ZERO] = "zero", NULL};

void augment_image(float *out, const uint8_t *image, const AffineMap *map, AugmentFill fill,
                   const Displacement *displacement) {
    if (fill == FILL_ZERO)
        sample_zero(out, image, map, displacement);
    else
        sample_nearest(out, image, map, displacement);
}

/* One of 0 .. count - 1. */
static int draw_below(uint32_t word, int64_t count) {
    return (int)((double)rng_uniform(word) * (double)count);
}

void augment_erase(float *image, const AugmentOptions *options, const RngStream *stream) {
    uint32_t words[8];
    rng_words(words, stream, 2);
    rng_words(words + 4, stream, 3);
    if ((double)rng_uniform(words[0]) >= options->erase) return;
    const int height = 1 + draw_below(words[1], options->erase_size);
    const int width = 1 + draw_below(words[2], options->erase_size);
    const int top = draw_below(words[3], DIGIT_SIDE - height + 1);
    const int left = draw_below(words[4], DIGIT_SIDE - width + 1);
    for (int r = top; r < top + height; r++)
        memset(image + (r * DIGIT_SIDE + left), 0, (size_t)width * sizeof *image);
}

void augment_sample(float *out, const uint8_t *image, const AugmentOptions *options,
                    const RngStream *stream) {
    const AugmentDraw draw = augment_draw(options, stream);
    const AffineMap map = augment_map(&draw);
    const bool elastic = options->elastic_alpha > 0.0;
    Displacement by;
    if (elastic) augment_displace(&by, options, stream);
    augment_image(out, image, &map, (AugmentFill)options->fill, elastic ? &by : NULL);
    if (options->erase > 0.0) augment_erase(out, options, stream);
}
