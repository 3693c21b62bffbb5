/*
 * Numbers of 16 bits: IEEE 754's binary16 (f16: 11 bits of significand, up to 65504) and bfloat16
 * (bf16: the upper half of a float32, with 8 bits). Every one of them is a float32, so widening is
 * exact, and has the same bits whatever instruction does it. Narrowing rounds to the nearest, and
 * to the even one of two that are equally near.
 */
#ifndef UNIC_BASE_HALF_H
#define UNIC_BASE_HALF_H

#include <string.h>

#include "base/base.h"

/* The order is that of the words of encoder.weights (config/config_keys.c). */
typedef enum unic__float_type { UNIC__FLOAT32, UNIC__FLOAT16, UNIC__BFLOAT16 } unic__float_type;

const char *unic__float_name(unic__float_type type); /* "f32", "f16", "bf16" */
float unic__float_largest(unic__float_type type);    /* the largest finite one */
float unic__float_rounded(unic__float_type type,
                          float x); /* the nearest; Inf beyond the range */

/* out[i] = in[i] for n numbers of a type that has 16 bits. */
void unic__widen(float *out, const uint16_t *in, size_t n, unic__float_type type);
void unic__narrow(uint16_t *out, const float *in, size_t n, unic__float_type type);

/* What widens on this processor, one for each instruction set, the best last: for tests. */
typedef struct unic__widening {
    const char *name;
    void (*f16)(float *out, const uint16_t *in, size_t n);
} unic__widening;

size_t unic__widening_list(const unic__widening **list);

/* Exact for each of the 65536, without branches or arithmetic on denormal numbers. */
static inline float unic__from_f16(uint16_t half)
{
    const uint32_t exponent = UINT32_C(0x0F800000); /* 5 bits, where float32 has its 8 */
    uint32_t bits = (uint32_t)(half & 0x7FFF) << 13, e = bits & exponent;
    bits += (uint32_t)(127 - 15) << 23;
    bits += e == exponent ? (uint32_t)(128 - 16) << 23 : 0; /* infinite, NaN */
    uint32_t tiny_bits = bits + (UINT32_C(1) << 23);        /* 2^-14 (1 + m / 1024) */
    float tiny;
    memcpy(&tiny, &tiny_bits, sizeof tiny);
    tiny -= 0x1p-14F; /* denormal half, or zero: 2^-14 m / 1024 */
    memcpy(&tiny_bits, &tiny, sizeof tiny);
    bits = (e ? bits : tiny_bits) | (uint32_t)(half & 0x8000) << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline float unic__from_bf16(uint16_t half)
{
    uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

#endif
