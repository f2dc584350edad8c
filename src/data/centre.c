/* Size and place of a digit, as MNIST's makers had them.
 *
 * In MNIST's training rows the centre of mass lies within [13.5, 14.5) in both directions, counting
 * pixels from 0, and no digit is larger than 20 pixels: the digit was scaled on a grid of its own
 * and then moved by whole pixels. So it is done here. A pixel of the smaller grid is the average
 * over the rectangle that it covers, which is exact whatever the ratio of the sizes; points sampled
 * in between would lose thin strokes of large drawings. */
#include "mnist_dist/data/centre.h"

#include <math.h>
#include <string.h>

static const float FAINT = 0.1F;

enum { CENTRE = DIGIT_SIDE / 2 };

/* Where ink begins and ends (one after its last) along both axes. */
typedef struct Box {
    size_t top, bottom, left, right;
} Box;

static Box find_box(const float *ink, size_t h, size_t w) {
    Box box = {h, 0, w, 0};
    for (size_t y = 0; y < h; y++)
        for (size_t x = 0; x < w; x++) {
            if (!(ink[y * w + x] >= FAINT)) continue;
            if (y < box.top) box.top = y;
            if (x < box.left) box.left = x;
            if (x >= box.right) box.right = x + 1;
            box.bottom = y + 1;
        }
    return box;
}

/* A cell's line along one axis: the lines of the drawing that it covers, the first and the last of
 * them in part. */
typedef struct Cover {
    size_t first, end;
    double low, high;
} Cover;

static Cover cover_of(size_t begin, size_t end, double scale, size_t line) {
    double low = fmin((double)begin + (double)line * scale, (double)end);
    double high = fmin(low + scale, (double)end);
    return (Cover){(size_t)low, (size_t)ceil(high), low, high};
}

static double cover_share(const Cover *cover, size_t line) {
    return fmin((double)line + 1.0, cover->high) - fmax((double)line, cover->low);
}

static double sum_of(const float *ink, size_t w, const Cover *down, const Cover *across) {
    double sum = 0.0;
    for (size_t y = down->first; y < down->end; y++) {
        double row = 0.0;
        for (size_t x = across->first; x < across->end; x++)
            row += cover_share(across, x) * (double)ink[y * w + x];
        sum += cover_share(down, y) * row;
    }
    return sum;
}

static void shrink(float cell[CENTRE_BOX * CENTRE_BOX], const float *ink, size_t w, Box box) {
    double longer = fmax((double)(box.bottom - box.top), (double)(box.right - box.left));
    double scale = longer / CENTRE_BOX;
    for (size_t i = 0; i < CENTRE_BOX; i++)
        for (size_t j = 0; j < CENTRE_BOX; j++) {
            Cover down = cover_of(box.top, box.bottom, scale, i);
            Cover across = cover_of(box.left, box.right, scale, j);
            double average = sum_of(ink, w, &down, &across) / (scale * scale);
            cell[i * CENTRE_BOX + j] = (float)fmin(fmax(average, 0.0), 1.0);
        }
}

/* Ink along one axis of a cell: its sum, its first moment, its first and last line. */
typedef struct Profile {
    double mass, moment;
    int first, last;
} Profile;

static void profile_add(Profile *profile, int line, float ink) {
    if (!(ink > 0.0F)) return;
    if (profile->mass == 0.0 || line < profile->first) profile->first = line;
    if (line > profile->last) profile->last = line;
    profile->mass += (double)ink;
    profile->moment += (double)line * (double)ink;
}

/* How far to move, so that the centre of mass comes to CENTRE and no ink leaves the image. */
static int profile_shift(const Profile *profile) {
    int shift = CENTRE - (int)floor(profile->moment / profile->mass + 0.5);
    if (shift < -profile->first) return -profile->first;
    int most = DIGIT_SIDE - 1 - profile->last;
    return shift > most ? most : shift;
}

bool centre_cell(float digit[DIGIT_PIXELS], const float cell[CENTRE_BOX * CENTRE_BOX]) {
    Profile down = {0}, across = {0};
    for (int y = 0; y < CENTRE_BOX; y++)
        for (int x = 0; x < CENTRE_BOX; x++) {
            profile_add(&down, y, cell[y * CENTRE_BOX + x]);
            profile_add(&across, x, cell[y * CENTRE_BOX + x]);
        }
    memset(digit, 0, DIGIT_PIXELS * sizeof *digit);
    if (down.mass == 0.0) return false;
    float *to = digit + (profile_shift(&down) * DIGIT_SIDE + profile_shift(&across));
    for (int y = down.first; y <= down.last; y++)
        for (int x = across.first; x <= across.last; x++)
            to[y * DIGIT_SIDE + x] = cell[y * CENTRE_BOX + x];
    return true;
}

bool centre_digit(float digit[DIGIT_PIXELS], const float *ink, size_t h, size_t w) {
    float cell[CENTRE_BOX * CENTRE_BOX] = {0};
    Box box = find_box(ink, h, w);
    if (box.bottom > box.top) shrink(cell, ink, w, box);
    return centre_cell(digit, cell);
}
