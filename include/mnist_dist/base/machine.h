/* What kind of machine this is, for records. */
#pragma once

#include <stddef.h>

/* "AMD EPYC 9R14 (2 cores)": the processor's name, if the system tells it, and the processors that
 * are on line. `text` holds 128 bytes. */
void machine_describe(char text[128]);

/* How many processors this process may run on. */
size_t machine_processors(void);

/* Bytes of memory that processes may still take, as the system estimates it; SIZE_MAX if it does
 * not. */
size_t machine_free_memory(void);

/* The processor's instruction sets that kernels and OpenBLAS ask for, as /proc/cpuinfo names them:
 * "avx avx2 fma ..."; "unknown" if it names none. */
void machine_features(char text[1024]);
