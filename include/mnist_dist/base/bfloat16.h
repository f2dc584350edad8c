/* bfloat16, the upper half of a float: for kernels that multiply it and messages that carry it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* To the nearest, ties to even. A NaN stays one, an infinity too. */
static inline uint32_t bfloat16_bits(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t rounded = bits + 0x7FFFU + (bits >> 16 & 1U);
    bool nan = (bits & 0x7FFFFFFFU) > 0x7F800000U;
    return (nan ? bits | 0x400000U : rounded) >> 16;
}

static inline float bfloat16_value(uint32_t half) {
    uint32_t bits = half << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}
