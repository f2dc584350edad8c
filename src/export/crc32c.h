/* The checksum of TensorBoard's records: CRC-32C (Castagnoli), as in RFC 3720, appendix B.4. */
#pragma once

#include <stddef.h>
#include <stdint.h>

uint32_t crc32c(const void *bytes, size_t count);
