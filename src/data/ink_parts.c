/* Connected parts of the ink, and which of them make up the digit; see ink.h.
 *
 * The digit is the heaviest part that is no edge of the picture, and what lies near it: the bar of
 * a 5 that does not touch it, the pieces of a worn stroke. A part as heavy as half of it, beside it
 * and not above or below, is a digit of its own. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ink.h"
#include "mnist_dist/base/memory.h"
#include "mnist_dist/base/minmax.h"

enum { LEAST_EXTENT = 5 /* pixels of a digit's longer side */, GREY_EDGE = 2 };

static const double LEAST_SHARE = 0.02;         /* of the heaviest part; less is a speck */
static const double NEAR = 0.25, BESIDE = 0.05; /* gaps, as shares of the digit's height */

typedef struct Part {
    size_t area, top, bottom, left, right; /* bottom and right are one after the last */
    double mass;
    size_t edge[4]; /* pixels on the picture's upper, lower, left and right edge */
    bool kept;
} Part;

typedef struct Parts {
    Part *list;
    size_t count, capacity;
    uint32_t *labels; /* (height, width) 1 + the part; 0: no ink */
    uint32_t *stack;  /* (height, width) pixels whose neighbours are to be looked at */
} Parts;

static void part_add(Part *part, const Ink *ink, size_t pixel) {
    size_t x = pixel % ink->width, y = pixel / ink->width;
    part->top = smaller(part->top, y), part->bottom = larger(part->bottom, y + 1);
    part->left = smaller(part->left, x), part->right = larger(part->right, x + 1);
    part->area++;
    part->mass += (double)ink->values[pixel];
    part->edge[0] += y == 0, part->edge[1] += y + 1 == ink->height;
    part->edge[2] += x == 0, part->edge[3] += x + 1 == ink->width;
}

/* Gives the pixel the label, if it is ink and has none yet, and notes it for a visit. */
static void reach(Parts *parts, size_t *waiting, const Ink *ink, size_t pixel) {
    if (ink->values[pixel] <= ink->threshold || parts->labels[pixel] != 0) return;
    parts->labels[pixel] = (uint32_t)parts->count;
    parts->stack[(*waiting)++] = (uint32_t)pixel;
}

/* Everything that is connected with the pixel, corners included, becomes the last part. */
static void flood(Parts *parts, const Ink *ink, size_t start) {
    Part *part = &parts->list[parts->count - 1];
    size_t waiting = 0;
    reach(parts, &waiting, ink, start);
    while (waiting > 0) {
        size_t pixel = parts->stack[--waiting], x = pixel % ink->width, y = pixel / ink->width;
        part_add(part, ink, pixel);
        for (size_t v = y > 0 ? y - 1 : 0; v <= y + 1 && v < ink->height; v++)
            for (size_t u = x > 0 ? x - 1 : 0; u <= x + 1 && u < ink->width; u++)
                reach(parts, &waiting, ink, v * ink->width + u);
    }
}

static Status add_part(Parts *parts, const Ink *ink) {
    if (parts->count == parts->capacity) {
        size_t capacity = 2 * parts->capacity + 64;
        Part *list = realloc(parts->list, capacity * sizeof *list);
        if (list == NULL) return status_fail(STATUS_FAILED, "out of memory");
        parts->list = list, parts->capacity = capacity;
    }
    parts->list[parts->count++] = (Part){.top = ink->height, .left = ink->width};
    return STATUS_OK;
}

static Status find_parts(Parts *parts, const Ink *ink) {
    size_t pixels = ink->width * ink->height;
    Status status = STATUS_OK;
    if (ink->width == 0) return STATUS_OK;
    TRY(MEMORY_NEW(&parts->labels, pixels));
    TRY(MEMORY_NEW(&parts->stack, pixels));
    for (size_t i = 0; i < pixels; i++) {
        if (ink->values[i] <= ink->threshold || parts->labels[i] != 0) continue;
        TRY(add_part(parts, ink));
        flood(parts, ink, i);
    }
cleanup:
    return status;
}

static size_t extent(const Part *part) {
    return larger(part->bottom - part->top, part->right - part->left);
}

/* A table's edge, the shadow of a page: it takes up half of a side of the picture. */
static bool is_edge(const Part *part, const Ink *ink) {
    return 2 * larger(part->edge[0], part->edge[1]) > ink->width ||
           2 * larger(part->edge[2], part->edge[3]) > ink->height;
}

static Part *heaviest(const Parts *parts, const Ink *ink, bool edges) {
    Part *best = NULL;
    for (size_t i = 0; i < parts->count; i++) {
        Part *part = &parts->list[i];
        if (extent(part) < LEAST_EXTENT || (!edges && is_edge(part, ink))) continue;
        if (best == NULL || part->mass > best->mass) best = part;
    }
    return best;
}

/* Pixels between two ranges; 0 if they overlap. */
static size_t gap(size_t begin, size_t end, size_t other_begin, size_t other_end) {
    if (end < other_begin) return other_begin - end;
    return begin > other_end ? begin - other_end : 0;
}

static bool belongs(const Part *part, const Part *digit, double mass) {
    size_t across = gap(part->left, part->right, digit->left, digit->right);
    size_t down = gap(part->top, part->bottom, digit->top, digit->bottom);
    bool beside = part->left >= digit->right || part->right <= digit->left;
    double near = beside && part->mass > 0.5 * mass ? BESIDE : NEAR;
    return part->mass >= LEAST_SHARE * mass &&
           (double)larger(across, down) <= near * (double)extent(digit);
}

static void join(Part *digit, const Part *part) {
    digit->top = smaller(digit->top, part->top),
    digit->bottom = larger(digit->bottom, part->bottom);
    digit->left = smaller(digit->left, part->left);
    digit->right = larger(digit->right, part->right);
}

/* Marks what belongs to the digit, until nothing more does. */
static void gather(Parts *parts, const Ink *ink, Part *main) {
    Part digit = *main;
    bool grown = true;
    main->kept = true;
    while (grown) {
        grown = false;
        for (size_t i = 0; i < parts->count; i++) {
            Part *part = &parts->list[i];
            if (part->kept || is_edge(part, ink) || !belongs(part, &digit, main->mass)) continue;
            part->kept = grown = true;
            join(&digit, part);
        }
    }
}

/* Whether the pixel or one that is near is of a part that is kept: a stroke's grey edge is not
 * above the threshold, but is ink. */
static bool is_near_kept(const Parts *parts, const Ink *ink, size_t x, size_t y) {
    size_t left = x > GREY_EDGE ? x - GREY_EDGE : 0, top = y > GREY_EDGE ? y - GREY_EDGE : 0;
    for (size_t v = top; v <= y + GREY_EDGE && v < ink->height; v++)
        for (size_t u = left; u <= x + GREY_EDGE && u < ink->width; u++) {
            uint32_t label = parts->labels[v * ink->width + u];
            if (label != 0 && parts->list[label - 1].kept) return true;
        }
    return false;
}

static void erase_others(Ink *ink, const Parts *parts) {
    for (size_t y = 0; y < ink->height; y++)
        for (size_t x = 0; x < ink->width; x++)
            if (!is_near_kept(parts, ink, x, y)) ink->values[y * ink->width + x] = 0.0F;
}

Status ink_keep_digit(Ink *ink, bool *found) {
    Parts parts = {0};
    Status status = STATUS_OK;
    *found = false;
    TRY(find_parts(&parts, ink));
    Part *main = heaviest(&parts, ink, false);
    if (main == NULL) main = heaviest(&parts, ink, true);
    if (main == NULL) goto cleanup;
    gather(&parts, ink, main);
    erase_others(ink, &parts);
    *found = true;
cleanup:
    free(parts.list);
    free(parts.labels);
    free(parts.stack);
    return status;
}
