/* Three bytes are four letters; see base64.h. */
#include "report/base64.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Up to three bytes as four letters, "=" for those that are not there. */
static void encode(char out[4], const uint8_t *bytes, size_t count) {
    static const char LETTERS[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t word = 0;
    for (size_t i = 0; i < 3; i++) word = word << 8 | (i < count ? bytes[i] : 0U);
    for (size_t i = 0; i < 4; i++)
        out[i] = (char)(i <= count ? LETTERS[word >> (18 - 6 * i) & 63] : '=');
}

Status base64_text(char **text, const char *prefix, const void *bytes, size_t count) {
    size_t used = strlen(prefix);
    *text = malloc(used + (count + 2) / 3 * 4 + 1);
    if (*text == NULL) return status_fail(STATUS_FAILED, "out of memory");
    memcpy(*text, prefix, used);
    for (size_t i = 0; i < count; i += 3, used += 4)
        encode(*text + used, (const uint8_t *)bytes + i, count - i < 3 ? count - i : 3);
    (*text)[used] = '\0';
    return STATUS_OK;
}
