/* OpenBLAS, held to one thread. The only file that includes cblas.h is blas.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* One thread per call from now on; called once at start. */
void blas_start(void);

/* "OpenBLAS 0.3.21 Cooperlake": version and kernel family. `text` holds 96 bytes. */
void blas_describe(char text[96]);

/* C (m, n) = op(A) op(B) + beta C, row-major and dense: A is (m, k), or (k, m) if transpose_a; B is
 * (k, n), or (n, k) if transpose_b. OpenBLAS gives other bits for other shapes, so the shapes of a
 * computation must not hang on ranks or threads. */
void blas_gemm(bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, const float *a,
               const float *b, float beta, float *c);
