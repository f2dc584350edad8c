/* Which rows mixup mixes, and by what shares; see batch.h.
 *
 * Beta(a, a) is drawn by Joehnk's method (Metrika 1964): of two uniform numbers to the power 1 / a,
 * whose sum is at most 1, the first's share of the sum. It takes one try where a is small and some
 * ten at a = 2; a rejected pair is followed by the stream's next. */
#include <math.h>

#include "mnist_dist/data/batch.h"

/* Within 0 and 1, neither included. */
static double inside(uint32_t word) {
    return ((double)word + 0.5) * 0x1p-32;
}

/* Words 0 and 1 of the groups from `first` on. */
static double draw_beta(double alpha, const RngStream *stream, uint32_t first) {
    for (uint32_t group = first;; group++) {
        uint32_t words[4];
        rng_words(words, stream, group);
        const double x = pow(inside(words[0]), 1.0 / alpha), y = pow(inside(words[1]), 1.0 / alpha);
        if (x + y == 0.0) return 1.0; /* a so small that both are lost: all shares are 0 or 1 */
        if (x + y <= 1.0) return x / (x + y);
    }
}

Mixture batch_mixture(const BatchSource *source, uint32_t epoch, uint32_t row, uint64_t rows) {
    const RngStream stream = {
        .seed = source->sampler.seed, .purpose = RNG_MIXUP, .time = epoch, .sample = row};
    uint32_t words[4];
    rng_words(words, &stream, 0);
    const double share = draw_beta(source->augmentation.mixup, &stream, 1);
    return (Mixture){words[0] * rows >> 32, fmax(share, 1.0 - share)};
}
