/* Digests of bytes: XXH3 with 64 or 128 bits, by xxHash. They find damage, not forgery. */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct Digest {
    uint64_t high, low;
} Digest;

enum { DIGEST_TEXT = 33 }; /* 32 hexadecimal digits and the NUL */

uint64_t digest64(const void *bytes, size_t count);
Digest digest128(const void *bytes, size_t count);

/* A digest of several pieces in a row. */
typedef struct Digester Digester;
Digester *digester_new(void); /* NULL: out of memory, recorded */
void digester_add(Digester *digester, const void *bytes, size_t count);
Digest digester_finish(Digester *digester); /* and frees it */
void digester_destroy(Digester *digester);

/* xxHash's, as "0.8.1"; `text` holds 32 bytes. */
void digest_library_version(char text[32]);

void digest_text(char text[DIGEST_TEXT], Digest digest);
