#include "base/half.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#define X86 1
#else
#define X86 0
#endif

const char *unic__float_name(unic__float_type type)
{
    return type == UNIC__FLOAT32 ? "f32" : type == UNIC__FLOAT16 ? "f16" : "bf16";
}

float unic__float_largest(unic__float_type type)
{
    return type == UNIC__FLOAT32   ? 0x1.FFFFFEp127F
           : type == UNIC__FLOAT16 ? 65504.0F
                                   : 0x1.FEp127F;
}

/* ---- narrowing --------------------------------------------------------------------------- */

static uint16_t to_f16(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    const uint32_t sign = bits >> 16 & 0x8000;
    bits &= UINT32_C(0x7FFFFFFF);
    if (bits > UINT32_C(0x7F800000)) /* a NaN stays one */
        return (uint16_t)(sign | 0x7E00);
    if (bits >= UINT32_C(0x47800000)) /* 2^16 */
        return (uint16_t)(sign | 0x7C00);
    if (bits < UINT32_C(0x38800000)) { /* 2^-14: a multiple of 2^-24, as the sum is, or zero */
        float sum;
        memcpy(&sum, &bits, sizeof sum);
        sum += 0.5F;
        memcpy(&bits, &sum, sizeof bits);
        return (uint16_t)(sign | (bits - UINT32_C(0x3F000000)));
    }
    bits += 0xFFF + (bits >> 13 & 1); /* carries into the exponent, up to that of infinity */
    return (uint16_t)(sign | (bits - ((uint32_t)(127 - 15) << 23)) >> 13);
}

static uint16_t to_bf16(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if ((bits & UINT32_C(0x7FFFFFFF)) > UINT32_C(0x7F800000)) /* a NaN stays one */
        return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

void unic__narrow(uint16_t *out, const float *in, size_t n, unic__float_type type)
{
    for (size_t i = 0; i < n; i++)
        out[i] = type == UNIC__FLOAT16 ? to_f16(in[i]) : to_bf16(in[i]);
}

float unic__float_rounded(unic__float_type type, float x)
{
    return type == UNIC__FLOAT32   ? x
           : type == UNIC__FLOAT16 ? unic__from_f16(to_f16(x))
                                   : unic__from_bf16(to_bf16(x));
}

/* ---- widening ---------------------------------------------------------------------------- */

UNIC__SIMD static void widen_bf16(float *restrict out, const uint16_t *restrict in, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = unic__from_bf16(in[i]);
}

static void widen_f16(float *out, const uint16_t *in, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = unic__from_f16(in[i]);
}

#if X86
__attribute__((target("avx,f16c"))) static void widen_f16c(float *out, const uint16_t *in,
                                                           size_t n)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128((const void *)(in + i))));
    widen_f16(out + i, in + i, n - i);
}

__attribute__((target("avx512f"))) static void widen_avx512(float *out, const uint16_t *in,
                                                            size_t n)
{
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        _mm512_storeu_ps(out + i, _mm512_cvtph_ps(_mm256_loadu_si256((const void *)(in + i))));
    widen_f16(out + i, in + i, n - i);
}

/* Compilers' names for F16C differ; CPUID is slow on a virtual machine, so it is asked once. */
static bool has_f16c(void)
{
    enum { UNKNOWN, NO, YES };
    static int found = UNKNOWN;
    int known = __atomic_load_n(&found, __ATOMIC_RELAXED);
    if (known == UNKNOWN) {
        unsigned a, b, c = 0, d;
        known = __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C) ? YES : NO;
        __atomic_store_n(&found, known, __ATOMIC_RELAXED);
    }
    return known == YES && __builtin_cpu_supports("avx");
}
#endif

static const unic__widening widenings[] = {
    {"portable", widen_f16},
#if X86
    {"f16c", widen_f16c},
    {"avx512", widen_avx512},
#endif
};

size_t unic__widening_list(const unic__widening **list)
{
    *list = widenings;
#if X86
    if (has_f16c())
        return __builtin_cpu_supports("avx512f") ? 3 : 2;
#endif
    return 1;
}

void unic__widen(float *out, const uint16_t *in, size_t n, unic__float_type type)
{
    if (type == UNIC__BFLOAT16) {
        widen_bf16(out, in, n);
        return;
    }
    const unic__widening *list;
    const size_t best = unic__widening_list(&list) - 1;
    list[best].f16(out, in, n);
}
