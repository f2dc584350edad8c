/* Drawing a digit: knots, a smooth line through them, and how far each pixel is from the line.
 *
 * A digit has some ways of being written, each a list of knots in a box of side 1. Knots are moved
 * a little, one by one; the whole is bent, slanted, turned, stretched and moved; a Catmull-Rom
 * spline goes through the knots; a pen of some width follows it. What a pixel gets depends on its
 * distance from the line alone, so that strokes may cross. Refused: distorting digits that people
 * wrote, since those are few and their rows would leak from training to validation. */
#include "drawing.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "mnist_dist/base/clones.h"
#include "mnist_dist/base/rng.h"

enum {
    MOST_KNOTS = 16,
    STEPS = 5,      /* straight pieces between two knots */
    COLUMNS = 32,   /* the image's, and some more to fill vectors */
    SHAPES_EACH = 3 /* ways to write a digit */
};

/* The line goes on smoothly, turns sharply, ends, or is the shape's last. */
typedef enum KnotKind { SMOOTH, CORNER, END, LAST } KnotKind;

/* A place in the box: right, and down. */
typedef struct Knot {
    float x, y;
    KnotKind kind;
} Knot;

static const Knot ZERO[] = {{.5F, 0, 0},     {.16F, .16F, 0}, {.05F, .52F, 0},
                            {.2F, .88F, 0},  {.5F, 1, 0},     {.84F, .82F, 0},
                            {.95F, .45F, 0}, {.8F, .1F, 0},   {.46F, .01F, LAST}};
static const Knot ZERO_OPEN[] = {{.62F, .06F, 0}, {.25F, .1F, 0},  {.06F, .5F, 0},  {.25F, .93F, 0},
                                 {.6F, .98F, 0},  {.92F, .65F, 0}, {.86F, .25F, 0}, {.5F, 0, LAST}};
static const Knot ONE[] = {{.52F, 0, 0}, {.5F, .5F, 0}, {.48F, 1, LAST}};
static const Knot ONE_FLAG[] = {
    {.28F, .26F, 0}, {.55F, 0, CORNER}, {.54F, .5F, 0}, {.53F, 1, LAST}};
static const Knot ONE_BASE[] = {{.3F, .22F, 0}, {.52F, 0, CORNER}, {.51F, .5F, 0},
                                {.5F, 1, END},  {.25F, 1, 0},      {.78F, .99F, LAST}};
static const Knot TWO[] = {{.1F, .25F, 0},  {.32F, .02F, 0},   {.7F, .03F, 0},
                           {.84F, .28F, 0}, {.58F, .62F, 0},   {.08F, .98F, CORNER},
                           {.5F, .95F, 0},  {.95F, .96F, LAST}};
static const Knot TWO_LOOP[] = {{.12F, .2F, 0},  {.42F, 0, 0},     {.8F, .16F, 0}, {.72F, .46F, 0},
                                {.42F, .78F, 0}, {.14F, .96F, 0},  {.1F, .78F, 0}, {.36F, .76F, 0},
                                {.66F, .93F, 0}, {.96F, .9F, LAST}};
static const Knot THREE[] = {{.12F, .12F, 0}, {.45F, 0, 0},         {.82F, .17F, 0},
                             {.7F, .4F, 0},   {.36F, .47F, CORNER}, {.78F, .58F, 0},
                             {.88F, .8F, 0},  {.52F, 1, 0},         {.08F, .88F, LAST}};
static const Knot THREE_FLAT[] = {{.1F, .04F, 0},   {.85F, .03F, CORNER}, {.45F, .4F, CORNER},
                                  {.82F, .55F, 0},  {.84F, .85F, 0},      {.45F, 1, 0},
                                  {.06F, .9F, LAST}};
static const Knot FOUR_OPEN[] = {{.2F, 0, 0},     {.12F, .3F, 0},    {.16F, .52F, CORNER},
                                 {.55F, .53F, 0}, {.92F, .48F, END}, {.76F, .03F, 0},
                                 {.7F, .5F, 0},   {.66F, 1, LAST}};
static const Knot FOUR_CLOSED[] = {{.64F, 1, 0},         {.67F, .5F, 0}, {.7F, 0, CORNER},
                                   {.05F, .64F, CORNER}, {.5F, .65F, 0}, {.96F, .63F, LAST}};
static const Knot FIVE[] = {{.86F, .02F, 0}, {.3F, .03F, CORNER}, {.22F, .44F, CORNER},
                            {.55F, .38F, 0}, {.88F, .6F, 0},      {.76F, .92F, 0},
                            {.42F, 1, 0},    {.08F, .88F, LAST}};
static const Knot FIVE_CAP[] = {{.3F, .03F, 0},  {.24F, .45F, CORNER}, {.6F, .4F, 0},
                                {.86F, .66F, 0}, {.66F, .97F, 0},      {.1F, .94F, END},
                                {.28F, .03F, 0}, {.9F, 0, LAST}};
static const Knot SIX[] = {{.74F, .02F, 0}, {.4F, .2F, 0},  {.16F, .58F, 0},
                           {.24F, .92F, 0}, {.56F, 1, 0},   {.84F, .78F, 0},
                           {.62F, .54F, 0}, {.32F, .6F, 0}, {.18F, .78F, LAST}};
static const Knot SIX_STRAIGHT[] = {{.5F, 0, 0},     {.26F, .4F, 0},   {.14F, .76F, 0},
                                    {.38F, .99F, 0}, {.78F, .9F, 0},   {.76F, .62F, 0},
                                    {.46F, .56F, 0}, {.2F, .72F, LAST}};
static const Knot SEVEN[] = {
    {.08F, .07F, 0}, {.5F, .05F, 0}, {.9F, .04F, CORNER}, {.62F, .48F, 0}, {.42F, 1, LAST}};
static const Knot SEVEN_BAR[] = {{.1F, .08F, 0}, {.5F, .05F, 0}, {.9F, .04F, CORNER}, {.6F, .5F, 0},
                                 {.44F, 1, END}, {.3F, .52F, 0}, {.86F, .5F, LAST}};
static const Knot SEVEN_HOOK[] = {
    {.1F, .24F, 0}, {.12F, .04F, CORNER}, {.88F, .05F, CORNER}, {.66F, .4F, 0}, {.5F, 1, LAST}};
static const Knot EIGHT[] = {{.82F, .12F, 0}, {.48F, 0, 0},    {.2F, .2F, 0},   {.48F, .46F, 0},
                             {.82F, .74F, 0}, {.5F, 1, 0},     {.16F, .78F, 0}, {.46F, .5F, 0},
                             {.8F, .24F, 0},  {.8F, .1F, LAST}};
static const Knot EIGHT_RINGS[] = {{.5F, .46F, 0},  {.24F, .26F, 0}, {.48F, 0, 0},
                                   {.76F, .22F, 0}, {.5F, .46F, 0},  {.16F, .74F, 0},
                                   {.48F, 1, 0},    {.86F, .76F, 0}, {.52F, .46F, LAST}};
static const Knot NINE[] = {{.8F, .2F, 0},   {.5F, 0, 0},         {.16F, .22F, 0}, {.34F, .5F, 0},
                            {.72F, .38F, 0}, {.82F, .1F, CORNER}, {.8F, .52F, 0},  {.7F, 1, LAST}};
static const Knot NINE_TAIL[] = {{.82F, .24F, 0}, {.52F, .01F, 0}, {.18F, .2F, 0},
                                 {.36F, .47F, 0}, {.74F, .36F, 0}, {.84F, .16F, CORNER},
                                 {.82F, .6F, 0},  {.56F, .97F, 0}, {.16F, .92F, LAST}};

static const Knot *const SHAPES[DIGIT_CLASSES][SHAPES_EACH] = {
    {ZERO, ZERO_OPEN, ZERO},    {ONE, ONE_FLAG, ONE_BASE},           {TWO, TWO_LOOP, TWO},
    {THREE, THREE_FLAT, THREE}, {FOUR_OPEN, FOUR_CLOSED, FOUR_OPEN}, {FIVE, FIVE_CAP, FIVE},
    {SIX, SIX_STRAIGHT, SIX},   {SEVEN, SEVEN_BAR, SEVEN_HOOK},      {EIGHT, EIGHT_RINGS, EIGHT},
    {NINE, NINE_TAIL, NINE}};

/* ---- Chance ---------------------------------------------------------------------------------- */

/* A row's numbers, one after the other. */
typedef struct Draws {
    RngStream stream;
    uint32_t words[4], used; /* words drawn, of which `used` of all so far are taken */
} Draws;

static uint32_t next_word(Draws *draws) {
    if (draws->used % 4 == 0) rng_words(draws->words, &draws->stream, draws->used / 4);
    return draws->words[draws->used++ % 4];
}

static uint32_t choose(Draws *draws, uint32_t count) {
    return (uint32_t)((uint64_t)next_word(draws) * count >> 32);
}

static float between(Draws *draws, float lowest, float highest) {
    return lowest + (highest - lowest) * rng_uniform(next_word(draws));
}

/* Nearer to 0 rather than to the ends -most and most. */
static float around_zero(Draws *draws, float most) {
    const float one = between(draws, -0.5F, 0.5F);
    return most * (one + between(draws, -0.5F, 0.5F));
}

/* ---- Form ------------------------------------------------------------------------------------ */

/* How a row differs from its shape; lengths in pixels but for the bend. */
typedef struct Hand {
    float matrix[2][2]; /* of the box about its middle, to pixels */
    float bend;         /* how far the middle is to the right of the ends, in boxes */
    float right, down;  /* of the drawing's middle from the image's */
    float radius, ink;  /* of the pen */
} Hand;

static Hand choose_hand(Draws *draws) {
    const float height = between(draws, 17.0F, 20.5F), width = between(draws, 11.0F, 18.0F);
    const float slant = around_zero(draws, 0.45F), angle = around_zero(draws, 0.2F);
    const float c = 1.0F - angle * angle / 2.0F, s = angle; /* of a small angle */
    Hand hand = {
        .matrix = {{c * width, (c * slant - s) * height}, {s * width, (s * slant + c) * height}}};
    hand.bend = around_zero(draws, 0.1F);
    hand.right = around_zero(draws, 1.5F);
    hand.down = around_zero(draws, 1.5F);
    hand.radius = between(draws, 0.7F, 1.7F);
    hand.ink = between(draws, 200.0F, 255.0F);
    return hand;
}

/* The shape's knots as this hand puts them, in pixels; returns how many. */
static size_t place_knots(Knot knots[MOST_KNOTS], Draws *draws, const Knot *shape,
                          const Hand *hand) {
    size_t count = 0;
    do {
        const float y = shape[count].y + around_zero(draws, 0.07F) - 0.5F;
        const float x =
            shape[count].x + around_zero(draws, 0.07F) - 0.5F + hand->bend * (1.0F - 4.0F * y * y);
        knots[count] = (Knot){hand->matrix[0][0] * x + hand->matrix[0][1] * y,
                              hand->matrix[1][0] * x + hand->matrix[1][1] * y, shape[count].kind};
    } while (shape[count++].kind != LAST);
    return count;
}

/* Moves the middle of all knots to the image's, and from there as the hand does. */
static void centre_knots(Knot *knots, size_t count, const Hand *hand) {
    float left = knots[0].x, right = left, top = knots[0].y, bottom = top;
    for (size_t i = 1; i < count; i++) {
        left = knots[i].x < left ? knots[i].x : left;
        right = knots[i].x > right ? knots[i].x : right;
        top = knots[i].y < top ? knots[i].y : top;
        bottom = knots[i].y > bottom ? knots[i].y : bottom;
    }
    const float middle = (float)(DIGIT_SIDE - 1) / 2.0F;
    for (size_t i = 0; i < count; i++) {
        knots[i].x += middle + hand->right - (left + right) / 2.0F;
        knots[i].y += middle + hand->down - (top + bottom) / 2.0F;
    }
}

/* ---- Ink ------------------------------------------------------------------------------------- */

/* Squared distances of pixels from the line. */
typedef struct Field {
    float squares[DIGIT_SIDE][COLUMNS];
} Field;

static int within_side(float row) {
    return row < 0.0F ? 0 : row > (float)DIGIT_SIDE ? DIGIT_SIDE : (int)row;
}

/* Takes the straight piece from (x, y) by (dx, dy) into the field, for rows less than `reach` away.
 */
VECTOR_CLONES
static void add_piece(Field *field, float x, float y, float dx, float dy, float reach) {
    const float length = dx * dx + dy * dy, inverse = length > 0.0F ? 1.0F / length : 0.0F;
    const int first = within_side((dy < 0.0F ? y + dy : y) - reach);
    const int end = within_side((dy < 0.0F ? y : y + dy) + reach + 1.0F);
    for (int row = first; row < end; row++) {
        float *squares = field->squares[row];
        const float down = (float)row - y;
        for (int column = 0; column < COLUMNS; column++) {
            const float right = (float)column - x;
            float along = (right * dx + down * dy) * inverse;
            along = along < 0.0F ? 0.0F : along;
            along = along > 1.0F ? 1.0F : along;
            const float a = right - along * dx, b = down - along * dy;
            const float square = a * a + b * b;
            squares[column] = square < squares[column] ? square : squares[column];
        }
    }
}

/* A coordinate of the Catmull-Rom spline from b to c, whose neighbours are a and d. */
static float spline(float a, float b, float c, float d, float t) {
    return b + 0.5F * t *
                   ((c - a) +
                    t * ((2.0F * a - 5.0F * b + 4.0F * c - d) + t * (3.0F * (b - c) + d - a)));
}

/* The line from knot i to the next. Where it turns or ends, nothing lies beyond. */
static void add_span(Field *field, const Knot *knots, size_t i, float reach) {
    const Knot *b = &knots[i], *c = b + 1;
    const bool begins = i == 0 || b->kind == CORNER || b[-1].kind == END;
    const Knot *a = begins ? b : b - 1, *d = c->kind == SMOOTH ? c + 1 : c;
    float x = b->x, y = b->y;
    for (int step = 1; step <= STEPS; step++) {
        const float t = (float)step / (float)STEPS;
        const float to_x = spline(a->x, b->x, c->x, d->x, t);
        const float to_y = spline(a->y, b->y, c->y, d->y, t);
        add_piece(field, x, y, to_x - x, to_y - y, reach);
        x = to_x, y = to_y;
    }
}

VECTOR_CLONES
static void ink_pixels(uint8_t image[DIGIT_PIXELS], const Field *field, const Hand *hand) {
    for (int row = 0; row < DIGIT_SIDE; row++) {
        for (int column = 0; column < DIGIT_SIDE; column++) {
            float cover = hand->radius + 0.5F - sqrtf(field->squares[row][column]);
            cover = cover < 0.0F ? 0.0F : cover;
            cover = cover > 1.0F ? 1.0F : cover;
            image[row * DIGIT_SIDE + column] = (uint8_t)(hand->ink * cover);
        }
    }
}

uint8_t drawing_make(uint8_t image[DIGIT_PIXELS], uint64_t seed, uint32_t part, uint32_t row) {
    Draws draws = {.stream = {.seed = seed, .purpose = RNG_DRAWING, .time = part, .sample = row}};
    const uint32_t digit = choose(&draws, DIGIT_CLASSES);
    const Knot *shape = SHAPES[digit][choose(&draws, SHAPES_EACH)];
    const Hand hand = choose_hand(&draws);
    Knot knots[MOST_KNOTS];
    Field field;
    const size_t count = place_knots(knots, &draws, shape, &hand);
    centre_knots(knots, count, &hand);
    for (size_t i = 0; i < DIGIT_SIDE * (size_t)COLUMNS; i++)
        (&field.squares[0][0])[i] = (float)(DIGIT_SIDE * DIGIT_SIDE);
    for (size_t i = 0; i + 1 < count; i++)
        if (knots[i].kind < END) add_span(&field, knots, i, hand.radius + 0.5F);
    ink_pixels(image, &field, &hand);
    return (uint8_t)digit;
}
