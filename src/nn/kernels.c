/* The tables of kernels, and the choice among them. A new kernel is one row here.
 *
 * Rows stand from the best to the last resort, so that to choose is to take the first that the CPU
 * has, that the options allow and that suits the shape. What a CPU has is asked of the compiler's
 * runtime, which looks at CPUID and at what the operating system saves; AMX needs the kernel's
 * permission besides. */
#include "mnist_dist/nn/kernels.h"

#include <stdio.h>
#include <string.h>

#include "mnist_dist/nn/blas.h"
#include "nn/families.h"

const char *const COMPUTE_NAMES[] = {"float32", "bfloat16", NULL};
const char *const CONVOLUTION_NAMES[] = {"auto", "im2col", "direct", "winograd", NULL};
const char *const INSTRUCTION_NAMES[] = {"auto",        "portable", "avx2", "avx512",
                                         "avx512_bf16", "amx",      NULL};

typedef struct Peak {
    Compute compute;
    InstructionSet instructions;
    double (*measure)(double seconds);
} Peak;

#if defined(__x86_64__)

static const ConvKernel *const convs[] = {
    &conv_winograd_avx512, &conv_winograd_avx2, &conv_winograd_portable,
    &conv_direct_avx512,   &conv_direct_avx2,   &conv_direct_portable,
    &conv_im2col,          &conv_bfloat16_amx,  &conv_bfloat16_avx512_bf16,
    &conv_bfloat16_avx512, &conv_bfloat16_avx2, &conv_bfloat16_portable,
};

static const DenseKernel *const denses[] = {
    &dense_direct_avx512,     &dense_direct_avx2,
    &dense_direct_portable,   &dense_blas,
    &dense_bfloat16_amx,      &dense_bfloat16_avx512_bf16,
    &dense_bfloat16_avx512,   &dense_bfloat16_avx2,
    &dense_bfloat16_portable,
};

static const Peak peaks[] = {
    {COMPUTE_FLOAT32, INSTRUCTIONS_AVX512, peak_avx512},
    {COMPUTE_FLOAT32, INSTRUCTIONS_AVX2, peak_avx2},
    {COMPUTE_FLOAT32, INSTRUCTIONS_PORTABLE, peak_portable},
    {COMPUTE_BFLOAT16, INSTRUCTIONS_AMX, peak_amx},
    {COMPUTE_BFLOAT16, INSTRUCTIONS_AVX512_BF16, peak_avx512_bf16},
};

bool kernels_have(InstructionSet instructions) {
    __builtin_cpu_init();
    switch (instructions) {
    case INSTRUCTIONS_AVX2:
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case INSTRUCTIONS_AVX512:
        return kernels_have(INSTRUCTIONS_AVX2) && __builtin_cpu_supports("avx512f") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vl");
    case INSTRUCTIONS_AVX512_BF16:
        return kernels_have(INSTRUCTIONS_AVX512) && __builtin_cpu_supports("avx512bf16");
    case INSTRUCTIONS_AMX:
        return kernels_have(INSTRUCTIONS_AVX512_BF16) && amx_request();
    default:
        return true;
    }
}

#else

static const ConvKernel *const convs[] = {
    &conv_winograd_portable,
    &conv_direct_portable,
    &conv_im2col,
    &conv_bfloat16_portable,
};

static const DenseKernel *const denses[] = {
    &dense_direct_portable,
    &dense_blas,
    &dense_bfloat16_portable,
};

static const Peak peaks[] = {{COMPUTE_FLOAT32, INSTRUCTIONS_PORTABLE, peak_portable}};

bool kernels_have(InstructionSet instructions) {
    return instructions <= INSTRUCTIONS_PORTABLE;
}

#endif

enum {
    CONVS = sizeof convs / sizeof *convs,
    DENSES = sizeof denses / sizeof *denses,
    PEAKS = sizeof peaks / sizeof *peaks
};

Status kernels_check(const KernelOptions *options) {
    bool float32_only =
        options->convolution == CONVOLUTION_IM2COL || options->convolution == CONVOLUTION_WINOGRAD;
    if (options->compute == COMPUTE_BFLOAT16 && float32_only)
        return status_fail(STATUS_USAGE,
                           "model.convolution=%s multiplies in float32 only; use "
                           "model.convolution=auto with model.compute=bfloat16",
                           CONVOLUTION_NAMES[options->convolution]);
    if (kernels_have((InstructionSet)options->instructions)) return STATUS_OK;
    return status_fail(STATUS_USAGE,
                       "model.kernels=%s: this CPU, or its operating system, does not have it; use "
                       "model.kernels=auto, which takes the best that there is",
                       INSTRUCTION_NAMES[options->instructions]);
}

static bool allowed(const KernelOptions *options, InstructionSet instructions) {
    InstructionSet most = (InstructionSet)options->instructions;
    return (most == INSTRUCTIONS_AUTO || instructions <= most) && kernels_have(instructions);
}

/* A way of convolving that is asked for excludes those that are listed after it. */
static const ConvKernel *first_conv(const KernelOptions *options, Compute compute,
                                    const ConvShape *shape) {
    Convolution asked = (Convolution)options->convolution;
    for (size_t i = 0; i < CONVS; i++)
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a constant table of addresses */
        if (convs[i]->compute == compute && allowed(options, convs[i]->instructions) &&
            (asked == CONVOLUTION_AUTO || convs[i]->convolution <= asked) && convs[i]->suits(shape))
            return convs[i];
    return NULL;
}

const ConvKernel *kernels_choose_conv(const KernelOptions *options, const ConvShape *shape) {
    const ConvKernel *kernel = first_conv(options, (Compute)options->compute, shape);
    return kernel != NULL ? kernel : first_conv(options, COMPUTE_FLOAT32, shape);
}

static const DenseKernel *first_dense(const KernelOptions *options, Compute compute, size_t in,
                                      size_t out) {
    for (size_t i = 0; i < DENSES; i++)
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a constant table of addresses */
        if (denses[i]->compute == compute && allowed(options, denses[i]->instructions) &&
            denses[i]->suits(in, out))
            return denses[i];
    return NULL;
}

const DenseKernel *kernels_choose_dense(const KernelOptions *options, size_t in, size_t out) {
    const DenseKernel *kernel = first_dense(options, (Compute)options->compute, in, out);
    return kernel != NULL ? kernel : first_dense(options, COMPUTE_FLOAT32, in, out);
}

const ConvKernel *kernels_conv(size_t index) {
    for (size_t i = 0; i < CONVS; i++)
        if (kernels_have(convs[i]->instructions) && index-- == 0) return convs[i];
    return NULL;
}

const DenseKernel *kernels_dense(size_t index) {
    for (size_t i = 0; i < DENSES; i++)
        if (kernels_have(denses[i]->instructions) && index-- == 0) return denses[i];
    return NULL;
}

double kernels_peak(Compute compute, double seconds) {
    for (size_t i = 0; i < PEAKS; i++)
        if (peaks[i].compute == compute && kernels_have(peaks[i].instructions))
            return peaks[i].measure(seconds);
    return 0.0;
}

static InstructionSet richest(const KernelOptions *options) {
    bool bfloat16 = options->compute == COMPUTE_BFLOAT16;
    InstructionSet set = bfloat16 ? INSTRUCTIONS_AMX : INSTRUCTIONS_AVX512;
    while (set > INSTRUCTIONS_PORTABLE && !allowed(options, set)) set--;
    return set;
}

void kernels_describe(char text[128], const KernelOptions *options) {
    char blas[96];
    blas_describe(blas);
    snprintf(text, 128, "%s %s kernels, %s", COMPUTE_NAMES[options->compute],
             INSTRUCTION_NAMES[richest(options)], blas);
}
