/* Loops for the machine at hand: a function marked VECTOR_CLONES is compiled for several
 * instruction sets, and the loader takes the widest that the CPU has.
 *
 * Only for loops whose result does not hang on the width of a vector: elementwise, integers, or
 * sums in lanes of the loop's own. Nothing is contracted (-ffp-contract=off), so every clone gives
 * the same bits and the choice need not be recorded. What does hang on it is in nn/kernels. The
 * sanitizers cannot start a program whose loader calls resolvers, so under them there is one clone;
 * so there is under clang before 18, which gives static functions resolvers that other files'
 * collide with, and others a name that no other file finds. */
#pragma once

/* clang has no macros for its sanitizers. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#define MNIST_DIST_NO_CLONES
#endif
#endif

#if defined(__clang__)
#if __clang_major__ < 18 && !defined(MNIST_DIST_NO_CLONES)
#define MNIST_DIST_NO_CLONES
#endif
#endif

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) &&      \
    !defined(MNIST_DIST_NO_CLONES)
#define VECTOR_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define VECTOR_CLONES
#endif
