/* What the layers can call and prediction in a page never does: random numbers for training,
 * OpenBLAS, and the clock of the benches. Each ends the module with a trap, which JavaScript sees
 * as an exception.
 *
 * Refused: leaving them to the linker as imports, since then a call that is missing by mistake
 * would be found by the reader of the page; so it is found by whoever builds it. */
#include "mnist_dist/base/rng.h"
#include "mnist_dist/nn/blas.h"
#include "nn/families.h"

void rng_block(uint32_t words[4][RNG_BLOCK], const RngStream *stream, uint32_t first,
               uint32_t count) {
    (void)words, (void)stream, (void)first, (void)count;
    __builtin_trap();
}

void blas_gemm(bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, const float *a,
               const float *b, float beta, float *c) {
    (void)transpose_a, (void)transpose_b, (void)m, (void)n, (void)k;
    (void)a, (void)b, (void)beta, (void)c;
    __builtin_trap();
}

void blas_describe(char text[96]) {
    (void)text;
    __builtin_trap();
}

double peak_portable(double seconds) {
    (void)seconds;
    __builtin_trap();
}
