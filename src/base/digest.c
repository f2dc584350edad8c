/* XXH3 behind a small face, so that no other file knows which digest this is.
 *
 * XXH3 gives the same value on every machine and runs at the speed of memory. Refused: CRC-32 (32
 * bits are few for a file's digest), SHA-256 (slower by ten times, and forgery is no concern). */
#include "mnist_dist/base/digest.h"

#include <inttypes.h>
#include <stdio.h>
#include <xxhash.h>

#include "mnist_dist/base/status.h"

uint64_t digest64(const void *bytes, size_t count) {
    return XXH3_64bits(bytes, count);
}

Digest digest128(const void *bytes, size_t count) {
    XXH128_hash_t hash = XXH3_128bits(bytes, count);
    return (Digest){.high = hash.high64, .low = hash.low64};
}

/* A Digester is xxHash's own state under another name: only the library knows its size. */
static XXH3_state_t *state_of(Digester *digester) {
    return (XXH3_state_t *)digester;
}

Digester *digester_new(void) {
    XXH3_state_t *state = XXH3_createState();
    if (state == NULL) {
        status_fail(STATUS_FAILED, "out of memory for a digest");
        return NULL;
    }
    XXH3_128bits_reset(state);
    return (Digester *)state;
}

void digester_add(Digester *digester, const void *bytes, size_t count) {
    if (count > 0) XXH3_128bits_update(state_of(digester), bytes, count);
}

Digest digester_finish(Digester *digester) {
    XXH128_hash_t hash = XXH3_128bits_digest(state_of(digester));
    digester_destroy(digester);
    return (Digest){.high = hash.high64, .low = hash.low64};
}

void digester_destroy(Digester *digester) {
    if (digester != NULL) XXH3_freeState(state_of(digester));
}

void digest_text(char text[DIGEST_TEXT], Digest digest) {
    snprintf(text, DIGEST_TEXT, "%016" PRIx64 "%016" PRIx64, digest.high, digest.low);
}

/* 801 is 0.8.1. */
void digest_library_version(char text[32]) {
    unsigned number = XXH_versionNumber();
    snprintf(text, 32, "%u.%u.%u", number / 10000, number / 100 % 100, number % 100);
}
