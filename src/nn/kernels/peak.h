/* Multiply-adds on one thread for about so many seconds, in GFLOP/s, by instruction set. */
#pragma once

double peak_portable(double seconds);
double peak_avx2(double seconds);
double peak_avx512(double seconds);

/* bfloat16 pairs into float32 sums: vdpbf16ps, and AMX's tdpbf16ps. */
double peak_avx512_bf16(double seconds);
double peak_amx(double seconds);
