/*
 * exp, log, tanh, the sigmoid and the normal distribution in float32 without branches or calls, so
 * that loops over them vectorise inside a UNIC__SIMD function; and sums and maxima that vectorise
 * too. On the whole range exp and log are within 1 ulp of the true value, log1p within 1.5, tanh
 * and the sigmoid within 2.5 (tests/kernel/check_vecmath.c); infinities, zeros, denormals and NaN
 * give what libm gives.
 */
#ifndef UNIC_KERNEL_VECMATH_H
#define UNIC_KERNEL_VECMATH_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/base.h"

/* A build that counts what runs has each function once: a copy of a loop for a form that no call
 * takes would never run (`make coverage`). */
#ifdef UNIC_NO_COPIES
#define UNIC__INLINE static inline
#else
#define UNIC__INLINE static inline __attribute__((always_inline))
#endif

UNIC__INLINE uint32_t unic__float_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

UNIC__INLINE float unic__float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* 2^n for n in -126..127. */
UNIC__INLINE float unic__exp2i(int32_t n)
{
    return unic__float_of((uint32_t)(n + 127) << 23);
}

/*
 * x = n ln 2 + r with |r| <= ln 2 / 2, for |x| < 2^20: sets n and returns exp(r) - 1.
 * Adding 1.5 x 2^23 rounds to an integer and leaves it in the sum's low bits.
 */
UNIC__INLINE float unic__exp_reduce(float x, int32_t *n)
{
    const float magic = 0x1.8p23F, ln2_high = 0x1.63p-1F, ln2_low = -2.12194440e-4F;
    float t = x * 1.44269504F + magic;
    *n = (int32_t)(unic__float_bits(t) - unic__float_bits(magic));
    t -= magic;
    float r = x - t * ln2_high; /* exact: ln2_high has few bits */
    r = r - t * ln2_low;
    float p = 1.9875691500e-4F; /* minimax, from Cephes */
    p = p * r + 1.3981999507e-3F;
    p = p * r + 8.3334519073e-3F;
    p = p * r + 4.1665795894e-2F;
    p = p * r + 1.6666665459e-1F;
    p = p * r + 5.0000001201e-1F;
    return p * (r * r) + r;
}

/* The ends are where the result is infinite or 0; in between 2^n is applied in two halves, so
 * that neither overflows and denormal results are rounded once. */
UNIC__INLINE float unic__expf(float x)
{
    x = x > 89.0F ? 89.0F : x; /* a NaN stays */
    x = x < -104.0F ? -104.0F : x;
    int32_t n;
    float p = unic__exp_reduce(x, &n);
    int32_t half = n >> 1;
    return (p + 1.0F) * unic__exp2i(half) * unic__exp2i(n - half);
}

/* x = 2^k m with m in [sqrt(1/2), sqrt(2)); log m by its series in f / (2 + f), f = m - 1
 * (FreeBSD's coefficients). */
UNIC__INLINE float unic__logf(float x)
{
    const float ln2_high = 6.9313812256e-01F, ln2_low = 9.0580006145e-06F;
    const uint32_t sqrt_half = 0x3f3504f3;
    float normal = x < 0x1p-126F ? x * 0x1p23F : x;
    uint32_t bits = unic__float_bits(normal) + (0x3f800000 - sqrt_half);
    float k = (float)((int32_t)(bits >> 23) - 127) - (x < 0x1p-126F ? 23.0F : 0.0F);
    float f = unic__float_of((bits & 0x007fffff) + sqrt_half) - 1.0F;
    float s = f / (2.0F + f), z = s * s, w = z * z;
    float odd = z * (0.66666662693F + w * 0.28498786688F);
    float even = w * (0.40000972152F + w * 0.24279078841F);
    float half_square = 0.5F * f * f;
    float y = s * (half_square + odd + even) + k * ln2_low - half_square + f + k * ln2_high;
    y = x == INFINITY ? INFINITY : y;
    y = x == 0.0F ? -INFINITY : y;
    return x >= 0.0F ? y : NAN;
}

/* log(1 + x) for x in [0, 1]: the rounding error of 1 + x is corrected to first order. */
UNIC__INLINE float unic__log1pf(float x)
{
    float u = 1.0F + x;
    return unic__logf(u) + (x - (u - 1.0F)) / u;
}

/* With e = exp(2|x|) - 1: e / (e + 2), without cancellation for small x. */
UNIC__INLINE float unic__tanhf(float x)
{
    float a = fabsf(x);
    a = a > 10.0F ? 10.0F : a; /* tanh(10) rounds to 1 */
    int32_t n;
    float p = unic__exp_reduce(2.0F * a, &n);
    float scale = unic__exp2i(n);
    float e = p * scale + (scale - 1.0F);
    return copysignf(e / (e + 2.0F), x);
}

/* With e = exp(-|x|): 1 / (1 + e), or e / (1 + e) for negative x. */
UNIC__INLINE float unic__sigmoidf(float x)
{
    float e = unic__expf(-fabsf(x));
    return (x < 0.0F ? e : 1.0F) / (1.0F + e);
}

/*
 * The normal distribution: returns P(X < x) = (1 + erf(x / sqrt 2)) / 2 within 2^-22, and sets its
 * density exp(-x^2 / 2) / sqrt(2 pi). The tail beyond |x| is exp(-x^2 / 2) k q(k) with k = 1 / (1 +
 * 0.375 |x| / sqrt 2), within 1.3e-8 of itself up to |x| = 14 (a minimax fit of erfcx).
 */
UNIC__INLINE float unic__normalf(float x, float *density)
{
    float e = unic__expf(-0.5F * x * x), k = 1.0F / (1.0F + 0.265165043F * fabsf(x));
    float q = 3.076918982e-2F;
    q = q * k - 1.436645985e-1F;
    q = q * k + 2.161984742e-1F;
    q = q * k - 1.147057936e-1F;
    q = q * k + 1.368617862e-1F;
    q = q * k + 6.075268984e-2F;
    q = q * k + 1.026566923e-1F;
    q = q * k + 1.053248271e-1F;
    q = q * k + 1.058067381e-1F;
    float tail = e * (q * k);
    *density = 0.398942280F * e;
    return x < 0.0F ? tail : 1.0F - tail;
}

/* x P(X < x) of the normal distribution: GELU. */
UNIC__INLINE float unic__geluf(float x)
{
    float density;
    return x * unic__normalf(x, &density);
}

/* The value that a gradient's element is added to: 0 if the gradient is fresh (op/op.h). */
UNIC__INLINE float unic__so_far(bool fresh, float dx)
{
    return fresh ? 0.0F : dx;
}

/*
 * Lets the loop that follows sum into `v` (or take the larger) lane by lane: in a fixed order,
 * which is not the order of the index. Callers split sums of more than a few thousand elements.
 */
#define UNIC__LANES_SUM(v) UNIC__PRAGMA(omp simd reduction(+ : v))
#define UNIC__LANES_MAX(v) UNIC__PRAGMA(omp simd reduction(max : v))

UNIC__INLINE float unic__sumf(const float *x, size_t n)
{
    float sum = 0.0F;
    UNIC__LANES_SUM(sum)
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return sum;
}

UNIC__INLINE float unic__dotf(const float *x, const float *y, size_t n)
{
    float sum = 0.0F;
    UNIC__LANES_SUM(sum)
    for (size_t i = 0; i < n; i++)
        sum += x[i] * y[i];
    return sum;
}

/* -inf when n is 0; NaNs are ignored. */
UNIC__INLINE float unic__maxf(const float *x, size_t n)
{
    float max = -INFINITY;
    UNIC__LANES_MAX(max)
    for (size_t i = 0; i < n; i++)
        max = x[i] > max ? x[i] : max;
    return max;
}

#endif
