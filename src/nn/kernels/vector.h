/* One source, several instruction sets: what a kernel's source may know of the set that it is
 * compiled for.
 *
 * CMake compiles every file named in its list of kernels once per instruction set, with KERNEL_SET
 * (avx512, avx2, portable) defined and that set's options on, -ffp-contract=fast among them: in
 * these files, and in no others, a * b + c is one rounding where the machine has the instruction.
 * Vectors are GNU C's, so the same lines compile for any machine. What differs is the number of
 * lanes, and the register tile: how many rows of how many vectors of sums are held at once, such
 * that sums, operands and a broadcast fit the registers. */
#pragma once

#include <stddef.h>
#include <string.h>

#define KERNEL_JOIN(a, b) a##_##b
#define KERNEL_EXPAND(a, b) KERNEL_JOIN(a, b)
/* KERNEL(conv_direct) is conv_direct_avx512 */
#define KERNEL(name) KERNEL_EXPAND(name, KERNEL_SET)
#define KERNEL_QUOTE(set) #set
#define KERNEL_QUOTED(set) KERNEL_QUOTE(set)
#define KERNEL_SET_NAME KERNEL_QUOTED(KERNEL_SET)

#if defined(__AVX512F__)
enum { LANES = 16, TILE_ROWS = 14, TILE_VECTORS = 2 }; /* 28 sums of 32 registers */
#define KERNEL_INSTRUCTIONS INSTRUCTIONS_AVX512
#elif defined(__AVX2__)
enum { LANES = 8, TILE_ROWS = 6, TILE_VECTORS = 2 }; /* 12 sums of 16 registers */
#define KERNEL_INSTRUCTIONS INSTRUCTIONS_AVX2
#elif defined(__aarch64__)
enum { LANES = 4, TILE_ROWS = 12, TILE_VECTORS = 2 }; /* 24 sums of 32 registers */
#define KERNEL_INSTRUCTIONS INSTRUCTIONS_PORTABLE
#else
enum { LANES = 4, TILE_ROWS = 6, TILE_VECTORS = 2 };
#define KERNEL_INSTRUCTIONS INSTRUCTIONS_PORTABLE
#endif

typedef float Vector __attribute__((vector_size(LANES * sizeof(float))));
typedef int Mask __attribute__((vector_size(LANES * sizeof(int))));

/* Sums stay in registers only if the loops over them are gone; clang takes GCC's word for nothing.
 */
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif
#define INLINE static inline __attribute__((always_inline))

INLINE Vector vector_load(const float *from) {
    Vector v;
    memcpy(&v, from, sizeof v);
    return v;
}

INLINE void vector_store(float *to, Vector v) {
    memcpy(to, &v, sizeof v);
}

INLINE Vector vector_all(float value) {
    return value - (Vector){0};
}

/* Asks for memory to be in the second-level cache soon, while other work goes on. */
INLINE void prefetch(const float *from, size_t floats) {
    for (size_t i = 0; i < floats; i += 64 / sizeof *from) __builtin_prefetch(from + i, 0, 2);
}

/* Negative numbers become 0; a NaN stays one, so that divergence is seen. */
INLINE Vector vector_relu(Vector v) {
    return (Vector)((Mask)v & ~(v < 0.0F));
}
