/* What the fuzz targets share. A target is one file with LLVMFuzzerTestOneInput, which libFuzzer
 * calls with bytes of its own making, and replay.c with those of corpus/NAME. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "mnist_dist/base/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the program unless this holds. */
#define FUZZ_CHECK(condition) ((condition) ? (void)0 : fuzz_failed(#condition, __FILE__, __LINE__))
void fuzz_failed(const char *condition, const char *file, int line);

/* Input that is taken piece by piece; where it has ended there are zeros. */
typedef struct FuzzInput {
    const uint8_t *bytes;
    size_t count;
} FuzzInput;

uint8_t fuzz_byte(FuzzInput *input);
uint64_t fuzz_number(FuzzInput *input, size_t bytes); /* little-endian */
FuzzInput fuzz_part(FuzzInput *input, size_t most);   /* so many bytes, or all that are left */

/* A folder of its own in memory, which is the working folder from then on, and goes at the end. */
void fuzz_enter_folder(void);

/* Writes a file of the working folder. */
void fuzz_write(const char *path, const void *bytes, size_t count);
uint8_t *fuzz_read(size_t *count, const char *path); /* the caller frees */

/* Writes bytes as they are, packed by gzip, or packed and spoilt, as `how` says. */
void fuzz_write_packed(const char *path, FuzzInput bytes, uint8_t how);

/* What every reader promises: one line of printable text after a failure, none after a success;
 * the line is cleared. */
void fuzz_check_line(Status status);
