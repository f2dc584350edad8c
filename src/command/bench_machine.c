/* `bench peak` and `bench gemm`: what one core can do at most, and what OpenBLAS gets of it. Rank
 * 0's alone: the others of its node sleep meanwhile, and leave it the memory and the core's clock.
 */
#include <stdio.h>
#include <stdlib.h>

#include "command/bench.h"
#include "mnist_dist/base/clock.h"
#include "mnist_dist/base/memory.h"
#include "mnist_dist/nn/blas.h"
#include "mnist_dist/nn/kernels.h"

enum { CUBE = 2048 };

static const double PEAK_SECONDS = 0.05;

Status bench_peak(const BenchSetting *setting) {
    Measure single = {.name = "peak, float32", .units = "GFLOP/s"};
    Measure half = {.name = "peak, bfloat16", .units = "GFLOP/s"};
    for (int round = -1; round < BENCH_ROUNDS && comm_rank(setting->comm) == 0; round++) {
        single.values[bench_slot(round)] = kernels_peak(COMPUTE_FLOAT32, PEAK_SECONDS);
        half.values[bench_slot(round)] = kernels_peak(COMPUTE_BFLOAT16, PEAK_SECONDS);
    }
    comm_node_barrier(setting->comm);
    bench_heading(setting, "One core: fused multiply-adds in registers");
    measure_print(setting, &single, NULL, NULL);
    if (measure_median(&half) > 0.0) measure_print(setting, &half, &single, "float32's");
    return STATUS_OK;
}

/* GFLOP/s of one C = A B of 2048-cubes. */
static double time_gemm(float *const matrices[3]) {
    double since = clock_seconds();
    blas_gemm(false, false, CUBE, CUBE, CUBE, matrices[0], matrices[1], 0.0F, matrices[2]);
    return 2.0 * CUBE * CUBE * CUBE / (clock_seconds() - since) * 1e-9;
}

static Status make_matrices(float *matrices[3]) {
    const size_t n = (size_t)CUBE * CUBE;
    for (uint32_t i = 0; i < 3; i++) {
        Status status = MEMORY_NEW(&matrices[i], n);
        if (status != STATUS_OK) return status;
        bench_random(matrices[i], n, i);
    }
    return STATUS_OK;
}

Status bench_gemm(const BenchSetting *setting) {
    Measure gemm = {.units = "GFLOP/s"}, peak = {.units = "GFLOP/s"};
    float *matrices[3] = {NULL};
    bool first = comm_rank(setting->comm) == 0;
    Status status = STATUS_OK;
    snprintf(gemm.name, sizeof gemm.name, "gemm %d-cube", CUBE);
    TRY(comm_agree(setting->comm, first ? make_matrices(matrices) : STATUS_OK));
    for (int round = -1; round < BENCH_ROUNDS && first; round++) {
        peak.values[bench_slot(round)] = kernels_peak(COMPUTE_FLOAT32, PEAK_SECONDS);
        gemm.values[bench_slot(round)] = time_gemm(matrices);
    }
    comm_node_barrier(setting->comm);
    bench_heading(setting, "One core: OpenBLAS's matrix product");
    measure_print(setting, &gemm, &peak, "the peak");
cleanup:
    for (int i = 0; i < 3; i++) free(matrices[i]);
    return status;
}
