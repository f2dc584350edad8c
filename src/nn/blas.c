/* OpenBLAS behind three functions. It is held to one thread: which thread adds what would change
 * with their number, and ranks and the pool fill the cores already. */
#include "mnist_dist/nn/blas.h"

#include <cblas.h>
#include <stdio.h>
#include <string.h>

void blas_start(void) {
    openblas_set_num_threads(1);
}

void blas_describe(char text[96]) {
    /* openblas_get_config() is "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH ..." */
    const char *config = openblas_get_config();
    const char *space = strchr(config, ' ');
    size_t length = space == NULL ? strlen(config) : (size_t)(space - config) + 1;
    length += space == NULL ? 0 : strcspn(space + 1, " ");
    snprintf(text, 96, "%.*s %s", (int)length, config, openblas_get_corename());
}

void blas_gemm(bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, const float *a,
               const float *b, float beta, float *c) {
    cblas_sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans,
                transpose_b ? CblasTrans : CblasNoTrans, (blasint)m, (blasint)n, (blasint)k, 1.0F,
                a, (blasint)(transpose_a ? m : k), b, (blasint)(transpose_b ? k : n), beta, c,
                (blasint)n);
}
