/* CRC-32C, a bit at a time over a table of one byte's worth; see crc32c.h. Debian has no library of
 * it, and zlib's polynomial is another. */
#include "export/crc32c.h"

#include <pthread.h>

enum { POLYNOMIAL = 0x82f63b78 /* reversed */ };

static uint32_t table[256];

static void fill_table(void) {
    for (uint32_t i = 0; i < 256; i++) {
        table[i] = i;
        for (int bit = 0; bit < 8; bit++)
            table[i] = table[i] >> 1 ^ ((table[i] & 1) != 0 ? (uint32_t)POLYNOMIAL : 0);
    }
}

uint32_t crc32c(const void *bytes, size_t count) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    const uint8_t *at = bytes;
    uint32_t crc = 0xffffffff;
    pthread_once(&once, fill_table);
    for (size_t i = 0; i < count; i++) crc = table[(crc ^ at[i]) & 0xff] ^ crc >> 8;
    return ~crc;
}
