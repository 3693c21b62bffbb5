#include <math.h>
#include <string.h>

#include "base/base.h"

unic__key unic__random_key(uint64_t seed, uint64_t step, uint64_t purpose)
{
    unic__key key = {seed};
    key.bits = unic__random_bits(key, step);
    key.bits = unic__random_bits(key, purpose);
    return key;
}

uint64_t unic__hash_bytes(uint64_t hash, const void *data, size_t bytes)
{
    const unsigned char *at = data;
    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ at[i]) * UINT64_C(0x100000001B3);
    return hash;
}

uint64_t unic__random_hash(const char *text)
{
    return unic__hash_bytes(UNIC__FNV_START, text, strlen(text));
}

/* Box-Muller on two uniforms of the i-th draw; u1 in (0, 1]. */
float unic__random_normal(unic__key key, uint64_t i)
{
    double u1 = ((double)(unic__random_bits(key, 2 * i) >> 11) + 1.0) * 0x1p-53;
    double u2 = (double)(unic__random_bits(key, 2 * i + 1) >> 11) * 0x1p-53;
    return (float)(sqrt(-2.0 * log(u1)) * cos(6.283185307179586 * u2));
}

/* Multiply-shift on 32 bits: the bias is below n / 2^32. */
size_t unic__random_below(unic__key key, uint64_t i, size_t n)
{
    return (size_t)(((unic__random_bits(key, i) >> 32) * (uint64_t)n) >> 32);
}

void unic__random_permutation(unic__key key, int32_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++) { /* Fisher-Yates, inside out */
        size_t j = unic__random_below(key, i, i + 1);
        if (j != i)
            out[i] = out[j];
        out[j] = (int32_t)i;
    }
}
