/* Channels of a codebook (TOC): the formula against its double loop, the choice, the smaller
 * codebook, and what is refused. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "file/io_help.h"
#include "model/codebook.h"
#include "model/small_model.h"

enum { CODES = 9, DIM = 7 };

static unic_codebook *codebook_of(const float *rows, size_t codes, size_t dim)
{
    unic_codebook *codebook;
    unic_array a;
    unic_array_init(&a, rows, UNIC_F32, 2, (const int64_t[]){(int64_t)codes, (int64_t)dim});
    io_assert_ok(unic_codebook_create(&codebook, codes, dim, 2));
    io_assert_ok(unic_codebook_set(codebook, &a));
    return codebook;
}

static void random_rows(float *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        rows[i] = (float)(unic__random_uniform(unic__random_key(3, 1, 0), i) - 0.3);
}

/* As the method is told: products of all pairs of codes, and the unbiased variance. */
static double score_by_loops(const float *e, size_t codes, size_t dim, size_t d, double lambda)
{
    double sim = 0.0, mean = 0.0, var = 0.0;
    for (size_t i = 0; i < codes; i++)
        for (size_t j = 0; j < codes; j++)
            if (i != j)
                sim += (double)e[i * dim + d] * (double)e[j * dim + d];
    sim /= (double)(codes * (codes - 1));
    for (size_t i = 0; i < codes; i++)
        mean += (double)e[i * dim + d] / (double)codes;
    for (size_t i = 0; i < codes; i++)
        var += ((double)e[i * dim + d] - mean) * ((double)e[i * dim + d] - mean);
    return -lambda * sim + (1.0 - lambda) * var / (double)(codes - 1);
}

START_TEST(the_methods_example)
{
    const float e[] = {1, 2, -1, 2, 2, 1};
    unic_codebook *codebook = codebook_of(e, 3, 2);
    size_t count, channels[2];
    double scores[2];
    io_assert_ok(unic_codebook_channels(&count, codebook, 0.7, 1, 1, 0, channels, scores));
    ck_assert_uint_eq(count, 1);
    ck_assert_uint_eq(channels[0], 0);
    ck_assert_double_eq_tol(scores[0], 0.933333, 5e-7);
    ck_assert_double_eq_tol(scores[1], -1.766667, 5e-7);
    unic_codebook_free(codebook);
}
END_TEST

START_TEST(scores_are_those_of_the_double_loop)
{
    float e[CODES * DIM];
    random_rows(e, CODES * DIM);
    unic_codebook *codebook = codebook_of(e, CODES, DIM);
    size_t count, channels[DIM];
    double scores[DIM];
    for (int quarters = 0; quarters <= 4; quarters++) {
        const double lambda = quarters / 4.0;
        io_assert_ok(
            unic_codebook_channels(&count, codebook, lambda, DIM, 1, 0, channels, scores));
        ck_assert_uint_eq(count, DIM);
        for (size_t d = 0; d < DIM; d++)
            ck_assert_double_eq_tol(scores[d], score_by_loops(e, CODES, DIM, d, lambda), 1e-14);
        for (size_t i = 1; i < DIM; i++)
            ck_assert(scores[channels[i - 1]] >= scores[channels[i]]);
    }
    unic_codebook_free(codebook);
}
END_TEST

/* Scores 0.3 x 1, 4, 4, 0, 9, 0: each channel has the values +a and -a in equal parts. */
START_TEST(highest_then_lowest_and_ties_to_the_lower)
{
    const float a[] = {1, 2, 2, 0, 3, 0};
    float e[2 * 6];
    for (size_t d = 0; d < 6; d++) {
        e[d] = a[d];
        e[6 + d] = -a[d];
    }
    unic_codebook *codebook = codebook_of(e, 2, 6);
    const struct {
        size_t most, p, q, count, channels[6];
    } cases[] = {
        {3, 1, 0, 3, {4, 1, 2}},    {2, 1, 0, 2, {4, 1}},
        {3, 0, 1, 3, {3, 5, 0}},    {4, 1, 1, 4, {4, 1, 3, 5}},
        {5, 1, 1, 4, {4, 1, 3, 5}}, /* 5 is no multiple of 1 + 1 */
        {6, 3, 1, 4, {4, 1, 2, 3}}, {6, 2, 4, 6, {4, 1, 3, 5, 0, 2}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t count, channels[6];
        io_assert_ok(unic_codebook_channels(&count, codebook, 0.7, cases[i].most, cases[i].p,
                                            cases[i].q, channels, NULL));
        ck_assert_uint_eq(count, cases[i].count);
        ck_assert_mem_eq(channels, cases[i].channels, count * sizeof *channels);
    }
    unic_codebook_free(codebook);
}
END_TEST

START_TEST(a_smaller_codebook_has_the_same_codes)
{
    float e[CODES * DIM], z[4 * 3], cut[CODES * 3], counts[2][CODES];
    const size_t channels[] = {5, 0, 2};
    int32_t idle[2][2 * CODES], codes[4];
    random_rows(e, CODES * DIM);
    unic_codebook *codebook = codebook_of(e, CODES, DIM), *small, *again;
    const int32_t *const chosen[] = {(const int32_t[]){1}, (const int32_t[]){4}};
    const float *const targets[] = {e, e};
    io_assert_ok(unic_codebook_update(codebook, 0.9F, (const size_t[]){1, 1}, targets, chosen));
    io_assert_ok(unic_codebook_select(&small, codebook, channels, 3));
    ck_assert_uint_eq(unic_codebook_dim(small), 3);
    ck_assert_uint_eq(unic_codebook_code_count(small), CODES);
    ck_assert_uint_eq(unic_codebook_modality_count(small), 2);
    for (size_t l = 0; l < CODES; l++)
        for (size_t d = 0; d < 3; d++) {
            size_t from = l * DIM + channels[d];
            cut[l * 3 + d] = unic_codebook_embedding(codebook)[from];
            ck_assert_float_eq(unic_codebook_embedding(small)[l * 3 + d], cut[l * 3 + d]);
            ck_assert_float_eq(unic_codebook_ema_sums(small)[l * 3 + d],
                               unic_codebook_ema_sums(codebook)[from]);
        }
    io_assert_ok(unic_codebook_state(codebook, counts[0], idle[0]));
    io_assert_ok(unic_codebook_state(small, counts[1], idle[1]));
    ck_assert_mem_eq(counts[0], counts[1], sizeof counts[0]);
    ck_assert_mem_eq(idle[0], idle[1], sizeof idle[0]);
    again = codebook_of(cut, CODES, 3); /* it quantises as one that was made so */
    ck_assert_uint_eq(unic_codebook_fingerprint(small), unic_codebook_fingerprint(again));
    memcpy(z, cut + 2 * 3, sizeof z);
    unic_array a;
    unic_array_init(&a, z, UNIC_F32, 2, (const int64_t[]){4, 3});
    io_assert_ok(unic_codebook_assign(small, &a, codes));
    for (int32_t r = 0; r < 4; r++)
        ck_assert_int_eq(codes[r], r + 2);
    unic_codebook_free(codebook);
    unic_codebook_free(small);
    unic_codebook_free(again);
}
END_TEST

START_TEST(wrong_choices_are_refused)
{
    float e[CODES * DIM];
    random_rows(e, CODES * DIM);
    unic_codebook *codebook = codebook_of(e, CODES, DIM), *one = codebook_of(e, 1, DIM), *out;
    size_t count = 77, channels[DIM] = {77};
#define FAILS(says, cb, lambda, most, p, q)                                                    \
    io_assert_fails(unic_codebook_channels(&count, cb, lambda, most, p, q, channels, NULL),    \
                    UNIC_E_ARG, says)
    FAILS("unic_codebook_channels: codebook is NULL", NULL, 0.7, 3, 1, 0);
    FAILS("the codebook has 1 code, at least 2 expected", one, 0.7, 3, 1, 0);
    FAILS("lambda = 1.5 is not in 0..1", codebook, 1.5, 3, 1, 0);
    FAILS("lambda = nan is not in 0..1", codebook, (double)NAN, 3, 1, 0);
    FAILS("most = 0 is not in 1..7, the codes' dims", codebook, 0.7, 0, 1, 0);
    FAILS("most = 8 is not in 1..7", codebook, 0.7, 8, 1, 0);
    FAILS("p + q = 0 + 0 is not in 1..3", codebook, 0.7, 3, 0, 0);
    FAILS("p + q = 2 + 2 is not in 1..3", codebook, 0.7, 3, 2, 2);
    FAILS("is not in 1..3", codebook, 0.7, 3, SIZE_MAX, 1);
#undef FAILS
    ck_assert_uint_eq(count, 77);
    ck_assert_uint_eq(channels[0], 77);
    io_assert_fails(unic_codebook_select(&out, codebook, (const size_t[]){1, 7}, 2),
                    UNIC_E_VALUE, "channels[1] = 7 is not in 0..6");
    ck_assert_ptr_null(out);
    io_assert_fails(unic_codebook_select(&out, codebook, (const size_t[]){3, 1, 3}, 3),
                    UNIC_E_VALUE, "channels[0] and channels[2] are both 3");
    io_assert_fails(unic_codebook_select(&out, codebook, channels, 0), UNIC_E_ARG,
                    "count = 0 is not in 1..7");
    io_assert_fails(unic_codebook_select(&out, codebook, NULL, 1), UNIC_E_ARG,
                    "channels is NULL");
    unic_codebook_free(codebook);
    unic_codebook_free(one);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("channels");
    tcase_add_test(tc, the_methods_example);
    tcase_add_test(tc, scores_are_those_of_the_double_loop);
    tcase_add_test(tc, highest_then_lowest_and_ties_to_the_lower);
    tcase_add_test(tc, a_smaller_codebook_has_the_same_codes);
    tcase_add_test(tc, wrong_choices_are_refused);
    return small_run("model/channels", tc);
}
