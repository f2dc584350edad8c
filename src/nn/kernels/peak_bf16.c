/* As peak.c, for pairs of bfloat16 multiplied into float32 sums by AVX512-BF16: compiled for that
 * set alone, since GNU C's vectors have no word for it. */
#include <immintrin.h>

#include "mnist_dist/base/clock.h"
#include "nn/families.h"
#include "nn/kernels/vector.h"

enum { CHAINS = TILE_ROWS * TILE_VECTORS, BATCH = 20000, FLOPS = 4 * LANES };

static volatile float peak_operand = 0.5F, peak_sum;

static void run_chains(__m512 sums[CHAINS], __m512bh pairs) {
    __m512 held[CHAINS];
    UNROLL
    for (int c = 0; c < CHAINS; c++) held[c] = sums[c];
    for (int i = 0; i < BATCH; i++) UNROLL
    for (int c = 0; c < CHAINS; c++) held[c] = _mm512_dpbf16_ps(held[c], pairs, pairs);
    UNROLL
    for (int c = 0; c < CHAINS; c++) sums[c] = held[c];
}

double peak_avx512_bf16(double seconds) {
    __m512 sums[CHAINS], operand = _mm512_set1_ps(peak_operand);
    __m512bh pairs = _mm512_cvtne2ps_pbh(operand, operand);
    for (int c = 0; c < CHAINS; c++) sums[c] = _mm512_setzero_ps();
    double since = clock_seconds(), elapsed = 0.0, batches = 0.0;
    for (; elapsed < seconds; elapsed = clock_seconds() - since, batches++) run_chains(sums, pairs);
    for (int c = 0; c < CHAINS; c++) peak_sum = _mm512_cvtss_f32(sums[c]);
    return batches * FLOPS * CHAINS * BATCH / elapsed * 1e-9;
}
