/* base/half: numbers of 16 bits, all 65536 of each type, against rules written out in double, and
 * rounding at and beside every boundary between two of them. tests/python/test_weights.py compares with
 * numpy's float16. */
#include "base/half.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base_help.h"

enum { PATTERNS = 1 << 16 };

/* significand x 2^exponent, by the definition of the format. */
static double defined(unic__float_type type, unsigned bits)
{
    const int fraction = type == UNIC__FLOAT16 ? 10 : 7,
              bias = type == UNIC__FLOAT16 ? 15 : 127;
    const int exponent = (int)(bits & 0x7FFF) >> fraction,
              m = (int)bits & ((1 << fraction) - 1);
    const double sign = bits & 0x8000 ? -1.0 : 1.0;
    if (exponent == (0x7FFF >> fraction))
        return m ? (double)NAN : sign * (double)INFINITY;
    return exponent ? sign * ldexp(m + (1 << fraction), exponent - bias - fraction)
                    : sign * ldexp(m, 1 - bias - fraction);
}

static bool same(float a, double b)
{
    return isnan(b) ? isnan(a) : (double)a == b && !signbit(a) == !signbit(b);
}

START_TEST(every_pattern_widens_exactly)
{
    static uint16_t in[PATTERNS];
    static float out[PATTERNS];
    const unic__widening *list;
    size_t n = unic__widening_list(&list);
    for (unsigned i = 0; i < PATTERNS; i++)
        in[i] = (uint16_t)i;
    for (size_t w = 0; w < n; w++) {
        memset(out, 0xAB, sizeof out);
        list[w].f16(out, in, PATTERNS);
        for (unsigned i = 0; i < PATTERNS; i++)
            base_require(same(out[i], defined(UNIC__FLOAT16, i)), "%s: 0x%04x is %a",
                         list[w].name, i, (double)out[i]);
    }
    for (int type = UNIC__FLOAT16; type <= UNIC__BFLOAT16; type++) {
        unic__widen(out, in, PATTERNS, type);
        for (unsigned i = 0; i < PATTERNS; i++)
            base_require(same(out[i], defined(type, i)), "%s: 0x%04x is %a",
                         unic__float_name(type), i, (double)out[i]);
    }
}
END_TEST

/* Any number of them, nothing behind them. */
START_TEST(every_number_of_them)
{
    const unic__widening *list;
    size_t n = unic__widening_list(&list);
    uint16_t in[70];
    float out[71];
    for (unsigned i = 0; i < 70; i++)
        in[i] = (uint16_t)(i * 937);
    for (size_t w = 0; w < n; w++)
        for (size_t count = 0; count <= 70; count++) {
            out[count] = -3.0F;
            list[w].f16(out, in, count);
            for (size_t i = 0; i < count; i++)
                base_require(same(out[i], defined(UNIC__FLOAT16, in[i])), "%s", list[w].name);
            base_require(out[count] == -3.0F, "%s wrote behind %zu", list[w].name, count);
        }
}
END_TEST

static uint16_t narrowed(float x, unic__float_type type)
{
    uint16_t out;
    unic__narrow(&out, &x, 1, type);
    return out;
}

/* Each number gives itself; half way to the next one, the even of the two; a float beside that
 * point, the nearer one. What lies half a step beyond the largest is infinite. */
START_TEST(every_boundary_rounds_to_the_nearest_even)
{
    for (int type = UNIC__FLOAT16; type <= UNIC__BFLOAT16; type++) {
        const unsigned infinite = type == UNIC__FLOAT16 ? 0x7C00 : 0x7F80;
        for (unsigned sign = 0; sign <= 0x8000; sign += 0x8000)
            for (unsigned i = 0; i < infinite; i++) {
                const unsigned lower = sign | i, upper = lower + 1;
                const double a = defined(type, lower);
                const double step = i ? a - defined(type, lower - 1) : defined(type, upper);
                const double b = i + 1 == infinite ? a + step : defined(type, upper);
                const float middle = (float)((a + b) / 2.0), far = (float)b;
                base_require(narrowed((float)a, type) == lower, "0x%04x itself", lower);
                base_require(narrowed(middle, type) == (lower & 1 ? upper : lower) &&
                                 narrowed(nextafterf(middle, (float)a), type) == lower &&
                                 narrowed(nextafterf(middle, far), type) == upper,
                             "%s above 0x%04x", unic__float_name(type), lower);
            }
        ck_assert(isnan(unic__float_rounded(type, NAN)));
        ck_assert_uint_eq(narrowed(INFINITY, type), infinite);
        ck_assert_uint_eq(narrowed(-INFINITY, type), 0x8000 | infinite);
        ck_assert(unic__float_largest(type) == (float)defined(type, infinite - 1));
        ck_assert(isinf(unic__float_rounded(type, 3.4e38F)));
    }
    ck_assert(isinf(unic__float_rounded(UNIC__FLOAT16, 65520.0F)));
    ck_assert(unic__float_rounded(UNIC__FLOAT32, 0.1F) == 0.1F);
}
END_TEST

/* NaNs with a payload in the low bits only do not become infinite. */
START_TEST(a_nan_stays_one)
{
    const uint32_t bits = UINT32_C(0x7F800001);
    float x;
    memcpy(&x, &bits, sizeof x);
    ck_assert(isnan(unic__from_f16(narrowed(x, UNIC__FLOAT16))));
    ck_assert(isnan(unic__from_bf16(narrowed(x, UNIC__BFLOAT16))));
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("half");
    tcase_add_test(tc, every_pattern_widens_exactly);
    tcase_add_test(tc, every_number_of_them);
    tcase_add_test(tc, every_boundary_rounds_to_the_nearest_even);
    tcase_add_test(tc, a_nan_stays_one);
    return base_run("base/half", tc);
}
