/* Counting and the fixed tree of sums; see tally.h. */
#include "mnist_dist/base/tally.h"

#include "mnist_dist/base/clones.h"

double tally_loss(const Tally *tally) {
    return tally->count > 0 ? tally->loss / (double)tally->count : 0.0;
}

double tally_accuracy(const Tally *tally) {
    return tally->count > 0 ? (double)tally->correct / (double)tally->count : 0.0;
}

void tally_add(Tally *into, const Tally *from) {
    into->loss += from->loss;
    into->correct += from->correct;
    into->count += from->count;
}

/* The sum over a whole subtree of `width` leaves (a power of two), of which n are there. */
static Tally subtree_sum(const Tally tallies[], size_t n, size_t width) {
    if (n == 0) return (Tally){0};
    if (width == 1) return tallies[0];
    size_t half = width / 2;
    size_t left = n < half ? n : half;
    Tally sum = subtree_sum(tallies, left, half);
    Tally right = subtree_sum(tallies + left, n - left, half);
    tally_add(&sum, &right);
    return sum;
}

static size_t power_of_two_from(size_t n) {
    size_t width = 1;
    while (width < n) width *= 2;
    return width;
}

Tally tally_sum(const Tally tallies[], size_t n) {
    return subtree_sum(tallies, n, power_of_two_from(n));
}

static double doubles_sum(const double values[], size_t n, size_t width) {
    if (n == 0) return 0.0;
    if (width == 1) return values[0];
    size_t half = width / 2;
    size_t left = n < half ? n : half;
    return doubles_sum(values, left, half) + doubles_sum(values + left, n - left, half);
}

double tree_sum(const double values[], size_t n) {
    return doubles_sum(values, n, power_of_two_from(n));
}

enum { SQUARE_LANES = 16 };

/* In lanes, so that the additions do not wait for each other. */
VECTOR_CLONES static void add_squares(double lanes[restrict SQUARE_LANES],
                                      const float *restrict values, size_t count) {
    size_t whole = count - count % SQUARE_LANES;
    for (size_t i = 0; i < whole; i += SQUARE_LANES)
        for (size_t k = 0; k < SQUARE_LANES; k++)
            lanes[k] += (double)values[i + k] * (double)values[i + k];
    for (size_t i = whole; i < count; i++)
        lanes[i - whole] += (double)values[i] * (double)values[i];
}

double squares_sum(const float *values, size_t count) {
    double lanes[SQUARE_LANES] = {0};
    add_squares(lanes, values, count);
    return tree_sum(lanes, SQUARE_LANES);
}
