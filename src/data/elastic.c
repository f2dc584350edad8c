/* Elastic distortion: displacements that vary smoothly over the image; see augment.h.
 *
 * Each of the two fields is noise, one number a pixel, seen through a Gaussian, which is a product
 * with the same small matrix from the left and from the right. All 28 terms are added, in their
 * order, for a line of columns at a time: the loops are whole vectors, and there is nothing to cut
 * off. Beyond the image there is no noise, as in Simard's and in common implementations. */
#include <math.h>

#include "mnist_dist/base/clones.h"
#include "mnist_dist/base/digits.h"
#include "mnist_dist/data/augment.h"

enum {
    FIRST_GROUP = 4,           /* of the stream's: those before are augment_draw's ... */
    GROUPS = DIGIT_PIXELS / 4, /* ... and one word a pixel, half of it for each field */
    LINES = DIGIT_SIDE,
    COLUMNS = AUGMENT_COLUMNS
};

/* -1 to 1, from 16 bits. */
static float noise(uint32_t bits) {
    return ((float)(bits & 0xffff) + 0.5f) * 0x1p-15f - 1.0f;
}

static void draw_noise(Displacement *noises, const RngStream *stream) {
    uint32_t words[4][RNG_BLOCK];
    for (uint32_t first = 0; first < GROUPS; first += RNG_BLOCK) {
        const uint32_t left = GROUPS - first, count = left < RNG_BLOCK ? left : RNG_BLOCK;
        rng_block(words, stream, FIRST_GROUP + first, count);
        for (uint32_t i = 0; i < 4 * count; i++) {
            const uint32_t word = words[i % 4][i / 4], pixel = 4 * first + i;
            noises->rows[pixel / DIGIT_SIDE][pixel % DIGIT_SIDE] = noise(word);
            noises->columns[pixel / DIGIT_SIDE][pixel % DIGIT_SIDE] = noise(word >> 16);
        }
    }
}

/* matrix (28, 28): entry (i, j) is the Gaussian's weight at distance i - j; all weights together
 * are 1. Columns beyond are 0. */
static void make_gaussian(float matrix[LINES][COLUMNS], double sigma) {
    double weights[LINES], sum = -1.0;
    for (int i = 0; i < LINES; i++) {
        weights[i] = exp(-0.5 * i * i / (sigma * sigma));
        sum += 2.0 * weights[i];
    }
    for (int i = 0; i < LINES; i++)
        for (int j = 0; j < COLUMNS; j++)
            matrix[i][j] = j < LINES ? (float)(weights[i < j ? j - i : i - j] / sum) : 0.0f;
}

/* out = factor * left right. */
VECTOR_CLONES static void multiply(float (*restrict out)[COLUMNS],
                                   const float (*restrict left)[COLUMNS],
                                   const float (*restrict right)[COLUMNS], float factor) {
    for (int i = 0; i < LINES; i++) {
        float line[COLUMNS] = {0};
        for (int k = 0; k < LINES; k++)
            for (int j = 0; j < COLUMNS; j++) line[j] += left[i][k] * right[k][j];
        for (int j = 0; j < COLUMNS; j++) out[i][j] = factor * line[j];
    }
}

void augment_displace(Displacement *out, const AugmentOptions *options, const RngStream *stream) {
    float gaussian[LINES][COLUMNS], half[LINES][COLUMNS];
    const float alpha = (float)options->elastic_alpha;
    Displacement noises = {{{0}}, {{0}}};
    draw_noise(&noises, stream);
    make_gaussian(gaussian, options->elastic_sigma);
    multiply(half, gaussian, noises.rows, alpha);
    multiply(out->rows, half, gaussian, 1.0f);
    multiply(half, gaussian, noises.columns, alpha);
    multiply(out->columns, half, gaussian, 1.0f);
}
