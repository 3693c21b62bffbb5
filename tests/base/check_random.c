/* lib/base/random.c: the streams themselves (a resumed run must find the same ones in any later
 * version), and that they look random. Bounds below are those of a chi-square or a mean at
 * about 5 standard deviations; the draws are fixed, so a test that passes goes on passing. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base_help.h"

START_TEST(known_bits)
{
    const unic__key zero = {0}; /* the published outputs of splitmix64 from seed 0 */
    ck_assert_uint_eq(unic__random_bits(zero, 0), UINT64_C(0xE220A8397B1DCDAF));
    ck_assert_uint_eq(unic__random_bits(zero, 1), UINT64_C(0x6E789E6AA1B965F4));
    ck_assert_uint_eq(unic__random_bits(zero, 2), UINT64_C(0x06C45D188009454F));
    const unic__key key = unic__random_key(1, 2, 3); /* the rest: a replica in Python */
    ck_assert_uint_eq(key.bits, UINT64_C(0x0EE3BB459E9E297B));
    ck_assert_uint_eq(unic__random_bits(key, 0), UINT64_C(0xC3AF767707239AC1));
    ck_assert_uint_eq(unic__random_bits(key, 1), UINT64_C(0x30AAAF5AC74BDE19));
    ck_assert_uint_eq(unic__random_bits(key, UINT64_C(1) << 40), UINT64_C(0xE480BCD31EAB40B9));
}
END_TEST

START_TEST(known_draws)
{
    const unic__key key = unic__random_key(1, 2, 3);
    const float uniform[] = {0.764396071434021F, 0.1901044249534607F, 0.25922322273254395F,
                             0.15551352500915527F};
    const double normal[] = {0.2694003534278765, 0.9192296494071679, -1.2628281026251247,
                             -1.0996930566483443};
    const size_t below[] = {7, 1, 2, 1, 4, 4, 2, 3, 7, 5, 4, 2};
    const size_t far_below[] = {764396104, 190104447, 259223276};
    const int32_t permutation[] = {3, 6, 7, 2, 1, 9, 8, 5, 0, 4};
    int32_t drawn[10];
    for (size_t i = 0; i < 4; i++) {
        ck_assert(unic__random_uniform(key, i) == uniform[i]);
        ck_assert_double_eq_tol((double)unic__random_normal(key, i), normal[i], 2e-7);
    }
    for (size_t i = 0; i < 12; i++)
        ck_assert_uint_eq(unic__random_below(key, i, 10), below[i]);
    for (size_t i = 0; i < 3; i++)
        ck_assert_uint_eq(unic__random_below(key, i, 1000000007), far_below[i]);
    unic__random_permutation(key, drawn, 10);
    ck_assert_int_eq(memcmp(drawn, permutation, sizeof drawn), 0);
}
END_TEST

START_TEST(known_hashes) /* FNV-1a's published values */
{
    ck_assert_uint_eq(unic__random_hash(""), UINT64_C(0xCBF29CE484222325));
    ck_assert_uint_eq(unic__random_hash("a"), UINT64_C(0xAF63DC4C8601EC8C));
    ck_assert_uint_eq(unic__random_hash("foobar"), UINT64_C(0x85944171F73967E8));
    uint64_t parts = unic__hash_bytes(unic__hash_bytes(UNIC__FNV_START, "foo", 3), "bar", 3);
    ck_assert_uint_eq(parts, unic__random_hash("foobar"));
}
END_TEST

static double chi_square(const size_t *count, size_t bins, double expected)
{
    double sum = 0.0;
    for (size_t i = 0; i < bins; i++)
        sum += ((double)count[i] - expected) * ((double)count[i] - expected) / expected;
    return sum;
}

/* 5 standard deviations above the mean of chi-square with so many bins. */
static double chi_bound(size_t bins)
{
    double freedom = (double)(bins - 1);
    return freedom + 5.0 * sqrt(2.0 * freedom);
}

START_TEST(uniform_is_in_range_and_even)
{
    enum { N = 200000, BINS = 64 };
    size_t count[BINS] = {0};
    const unic__key key = unic__random_key(7, 0, 0);
    for (size_t i = 0; i < N; i++) {
        float u = unic__random_uniform(key, i);
        base_require(u >= 0.0F && u < 1.0F, "draw %zu is %g", i, (double)u);
        count[(size_t)(u * BINS)]++;
    }
    ck_assert_double_lt(chi_square(count, BINS, (double)N / BINS), chi_bound(BINS));
}
END_TEST

START_TEST(every_bit_is_even_and_moves)
{
    enum { N = 40000 };
    size_t ones[64] = {0}, flips[64] = {0};
    const unic__key key = unic__random_key(7, 1, 0);
    uint64_t last = unic__random_bits(key, N);
    for (size_t i = 0; i < N; i++) {
        uint64_t bits = unic__random_bits(key, i);
        for (size_t b = 0; b < 64; b++) {
            ones[b] += bits >> b & 1;
            flips[b] += (bits ^ last) >> b & 1;
        }
        last = bits;
    }
    for (size_t b = 0; b < 64; b++) {
        ck_assert_double_lt(fabs((double)ones[b] - N / 2.0), 5.0 * sqrt(N / 4.0));
        ck_assert_double_lt(fabs((double)flips[b] - N / 2.0), 5.0 * sqrt(N / 4.0));
    }
}
END_TEST

START_TEST(normal_has_its_moments)
{
    enum { N = 200000 };
    double sum[5] = {0};
    const unic__key key = unic__random_key(7, 2, 0);
    for (size_t i = 0; i < N; i++) {
        double x = (double)unic__random_normal(key, i), power = 1.0;
        base_require(isfinite(x), "draw %zu is %g", i, x);
        for (int k = 0; k < 5; k++, power *= x)
            sum[k] += power;
    }
    const double moment[] = {1, 0, 1, 0, 3}, variance[] = {0, 1, 2, 15, 96};
    for (int k = 1; k < 5; k++)
        ck_assert_double_lt(fabs(sum[k] / N - moment[k]), 5.0 * sqrt(variance[k] / N));
}
END_TEST

START_TEST(below_is_in_range_and_even)
{
    enum { N = 60000, MOST = 40 };
    const size_t ns[] = {1, 2, 3, 7, MOST};
    for (size_t k = 0; k < sizeof ns / sizeof ns[0]; k++) {
        size_t count[MOST] = {0}, n = ns[k];
        const unic__key key = unic__random_key(7, 3, k);
        for (size_t i = 0; i < N; i++) {
            size_t j = unic__random_below(key, i, n);
            base_require(j < n, "draw %zu below %zu is %zu", i, n, j);
            count[j]++;
        }
        ck_assert_double_le(chi_square(count, n, (double)N / (double)n), chi_bound(n));
    }
    for (size_t i = 0; i < 100; i++) /* as many as fit into its 32 bits */
        ck_assert_uint_lt(unic__random_below((unic__key){i}, i, UINT32_MAX), UINT32_MAX);
}
END_TEST

START_TEST(a_permutation_has_each_once)
{
    enum { MOST = 1000 };
    const size_t ns[] = {0, 1, 2, 3, 10, MOST};
    for (size_t k = 0; k < sizeof ns / sizeof ns[0]; k++)
        for (uint64_t seed = 0; seed < 20; seed++) {
            int32_t out[MOST + 1];
            bool seen[MOST] = {0};
            out[ns[k]] = -7;
            unic__random_permutation(unic__random_key(seed, 0, 0), out, ns[k]);
            for (size_t i = 0; i < ns[k]; i++) {
                base_require(out[i] >= 0 && (size_t)out[i] < ns[k] && !seen[out[i]],
                             "entry %zu of %zu is %d", i, ns[k], out[i]);
                seen[out[i]] = true;
            }
            base_require(out[ns[k]] == -7, "an entry too many of %zu", ns[k]);
        }
}
END_TEST

START_TEST(permutations_are_equally_likely)
{
    enum { N = 48000, EACH = 24 };
    size_t count[256] = {0}, even[EACH], n = 0;
    for (uint64_t i = 0; i < N; i++) {
        int32_t out[4];
        unic__random_permutation(unic__random_key(7, i, 0), out, 4);
        count[out[0] | out[1] << 2 | out[2] << 4 | out[3] << 6]++;
    }
    for (size_t i = 0; i < 256; i++)
        if (count[i] > 0) {
            ck_assert_uint_lt(n, EACH);
            even[n++] = count[i];
        }
    ck_assert_uint_eq(n, EACH);
    ck_assert_double_lt(chi_square(even, EACH, (double)N / EACH), chi_bound(EACH));
}
END_TEST

START_TEST(seed_step_and_purpose_tell_streams_apart)
{
    enum { N = 20000, KEYS = 7 };
    const unic__key key[KEYS] = {unic__random_key(5, 5, 5), unic__random_key(6, 5, 5),
                                 unic__random_key(5, 6, 5), unic__random_key(5, 5, 6),
                                 unic__random_key(6, 4, 5), unic__random_key(5, 6, 4),
                                 unic__random_key(0, 0, 0)};
    for (size_t a = 0; a < KEYS; a++)
        for (size_t b = a + 1; b < KEYS; b++) {
            double sum = 0.0;
            ck_assert(key[a].bits != key[b].bits);
            for (size_t i = 0; i < N; i++)
                sum += ((double)unic__random_uniform(key[a], i) - 0.5) *
                       ((double)unic__random_uniform(key[b], i) - 0.5);
            ck_assert_double_lt(fabs(sum / N), 5.0 / 12.0 / sqrt(N));
        }
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("random");
    tcase_add_test(t, known_bits);
    tcase_add_test(t, known_draws);
    tcase_add_test(t, known_hashes);
    tcase_add_test(t, uniform_is_in_range_and_even);
    tcase_add_test(t, every_bit_is_even_and_moves);
    tcase_add_test(t, normal_has_its_moments);
    tcase_add_test(t, below_is_in_range_and_even);
    tcase_add_test(t, a_permutation_has_each_once);
    tcase_add_test(t, permutations_are_equally_likely);
    tcase_add_test(t, seed_step_and_purpose_tell_streams_apart);
    return base_run("base/random", t);
}
