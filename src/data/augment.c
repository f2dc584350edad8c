/* One affine map per sample and epoch, and the image seen through it.
 *
 * Coordinates are double, as in scipy.ndimage.affine_transform, whose work this is (order 1, mode
 * "nearest": coordinates are clamped to the image); pixels are float. A coordinate is clamped
 * before it is cut to an integer, so that the cut is a floor without a call of floor(), and the
 * upper-left neighbour stays one short of the border, so that the other three exist: at the border
 * itself the weight is 1 and, since pixels are still integers, a + 1 * (b - a) is b exactly. For
 * the same reason the division by 255 comes last: the identity gives pixel / 255 and nothing else.
 */
#include "mnist_dist/data/augment.h"

#include <math.h>

#include "mnist_dist/base/digits.h"

static const double CENTRE = DIGIT_SIDE / 2.0 - 0.5;
static const double DEGREE = 3.14159265358979323846 / 180.0;

/* Uniform in [-largest, largest). */
static double draw_around_zero(uint32_t word, double largest) {
    return largest * (2.0 * (double)rng_uniform(word) - 1.0);
}

AugmentDraw augment_draw(const AugmentOptions *options, const RngStream *stream) {
    uint32_t words[8];
    rng_words(words, stream, 0);
    rng_words(words + 4, stream, 1);
    return (AugmentDraw){
        .theta = draw_around_zero(words[0], options->rotation * DEGREE),
        .tx = draw_around_zero(words[1], options->shift * DIGIT_SIDE),
        .ty = draw_around_zero(words[2], options->shift * DIGIT_SIDE),
        .zx = 1.0 + draw_around_zero(words[3], options->zoom),
        .zy = 1.0 + draw_around_zero(words[4], options->zoom),
    };
}

AffineMap augment_map(const AugmentDraw *draw) {
    const double c = cos(draw->theta), s = sin(draw->theta);
    const double rows[2][3] = {
        {c * draw->zy, s * draw->zx, s * draw->tx + c * draw->ty},
        {-s * draw->zy, c * draw->zx, c * draw->tx - s * draw->ty},
    };
    AffineMap map;
    for (int i = 0; i < 2; i++) {
        map.matrix[i][0] = rows[i][0];
        map.matrix[i][1] = rows[i][1];
        map.matrix[i][2] = rows[i][2] + CENTRE - (rows[i][0] + rows[i][1]) * CENTRE;
    }
    return map;
}

/* Where one coordinate of a line of output pixels falls: upper-left neighbours and the weights of
 * the lower-right ones. */
typedef struct LineCut {
    int32_t floor[DIGIT_SIDE];
    float weight[DIGIT_SIDE];
} LineCut;

static void cut_line(LineCut *cut, double start, double step) {
    for (int32_t i = 0; i < DIGIT_SIDE; i++) {
        double at = start + step * i;
        at = at > 0.0 ? at : 0.0;
        at = at < DIGIT_SIDE - 1.0 ? at : DIGIT_SIDE - 1.0;
        const int32_t whole = (int32_t)at;
        cut->floor[i] = whole < DIGIT_SIDE - 2 ? whole : DIGIT_SIDE - 2;
        cut->weight[i] = (float)(at - cut->floor[i]);
    }
}

static void sample_line(float *restrict out, const float *restrict pixels,
                        const LineCut *restrict rows, const LineCut *restrict columns) {
    for (int32_t i = 0; i < DIGIT_SIDE; i++) {
        const float *corner = pixels + rows->floor[i] * DIGIT_SIDE + columns->floor[i];
        const float right = columns->weight[i];
        const float upper = corner[0] + right * (corner[1] - corner[0]);
        const float lower =
            corner[DIGIT_SIDE] + right * (corner[DIGIT_SIDE + 1] - corner[DIGIT_SIDE]);
        out[i] = upper + rows->weight[i] * (lower - upper);
    }
}

void augment_image(float *out, const uint8_t *image, const AffineMap *map) {
    const double(*m)[3] = map->matrix;
    float pixels[DIGIT_PIXELS];
    LineCut rows, columns;
    for (int i = 0; i < DIGIT_PIXELS; i++) pixels[i] = (float)image[i];
    for (int r = 0; r < DIGIT_SIDE; r++) {
        cut_line(&rows, m[0][0] * r + m[0][2], m[0][1]);
        cut_line(&columns, m[1][0] * r + m[1][2], m[1][1]);
        sample_line(out + r * DIGIT_SIDE, pixels, &rows, &columns);
    }
    for (int i = 0; i < DIGIT_PIXELS; i++) out[i] /= 255.0f;
}
