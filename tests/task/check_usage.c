/* lib/task/metrics_usage and the drift of a codebook: cases worked out by hand, and what is
 * refused. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "file/io_help.h"
#include "model/small_model.h"

enum { STEPS = 12, CODES = 5 };

/* Code 0 is the image's alone, 1 both use alike, 2 is speech's but for one in six, 3 is rare,
 * 4 is dead. */
static const int32_t image[STEPS] = {0, 0, 0, 0, 0, 1, 1, 1, 2, 3, -1, -1};
static const int32_t speech[STEPS] = {-1, 2, 2, 2, 2, 1, 1, 1, 2, -1, -1, 1};
static const int32_t *const both[] = {image, speech};

static double entropy(const double *p, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++)
        sum -= p[i] > 0.0 ? p[i] * log(p[i]) : 0.0;
    return sum;
}

START_TEST(usage_by_hand)
{
    unic_usage_report r = {.struct_size = sizeof r};
    int64_t counts[2 * CODES];
    double shares[2 * CODES], perplexity[2];
    const int64_t expected[] = {5, 3, 1, 1, 0, 0, 4, 5, 0, 0};
    io_assert_ok(unic_metrics_usage(&r, both, 2, STEPS, CODES, counts, shares, perplexity));
    ck_assert_mem_eq(counts, expected, sizeof expected);
    ck_assert_uint_eq(r.use_count, 19);
    ck_assert_uint_eq(r.used_count, 4);
    ck_assert_uint_eq(r.dead_count, 1);
    ck_assert_uint_eq(r.common_count, 2);
    ck_assert_uint_eq(r.often_count, 3);
    ck_assert_uint_eq(r.shared_count, 1);
    ck_assert_uint_eq(r.paired_count, 8);
    ck_assert_uint_eq(r.agreed_count, 4);
    ck_assert_double_eq_tol(r.shared, 1.0 / 3.0, 1e-15);
    ck_assert_double_eq_tol(r.agreement, 0.5, 1e-15);
    ck_assert_double_eq_tol(shares[CODES + 2], 5.0 / 6.0, 1e-15);
    ck_assert_double_eq(shares[4], 0.0);
    const double p[] = {0.5, 0.3, 0.1, 0.1}, q[] = {0, 4 / 9.0, 5 / 9.0, 0},
                 mean[] = {0.25, (0.3 + 4 / 9.0) / 2, (0.1 + 5 / 9.0) / 2, 0.05},
                 all[] = {5 / 19.0, 7 / 19.0, 6 / 19.0, 1 / 19.0};
    ck_assert_double_eq_tol(perplexity[0], exp(entropy(p, 4)), 1e-12);
    ck_assert_double_eq_tol(perplexity[1], exp(entropy(q, 4)), 1e-12);
    ck_assert_double_eq_tol(r.perplexity, exp(entropy(all, 4)), 1e-12);
    ck_assert_double_eq_tol(
        r.divergence, (entropy(mean, 4) - (entropy(p, 4) + entropy(q, 4)) / 2) / log(2), 1e-12);
}
END_TEST

/* The same codes in all modalities; different ones; only one modality has any. */
START_TEST(usage_at_its_ends)
{
    const int32_t none[STEPS] = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};
    const int32_t other[STEPS] = {4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4};
    unic_usage_report r = {.struct_size = sizeof r};
    io_assert_ok(unic_metrics_usage(&r, (const int32_t *const[]){image, image, image}, 3, STEPS,
                                    CODES, NULL, NULL, NULL));
    ck_assert_double_eq_tol(r.divergence, 0.0, 1e-15);
    ck_assert_double_eq(r.agreement, 1.0);
    ck_assert_double_eq(r.shared, 1.0);
    io_assert_ok(unic_metrics_usage(&r, (const int32_t *const[]){image, other}, 2, STEPS, CODES,
                                    NULL, NULL, NULL));
    ck_assert_double_eq_tol(r.divergence, 1.0, 1e-15);
    ck_assert_uint_eq(r.agreed_count + r.shared_count + r.common_count, 0);
    io_assert_ok(unic_metrics_usage(&r, (const int32_t *const[]){image, none}, 2, STEPS, CODES,
                                    NULL, NULL, NULL));
    ck_assert_double_eq(r.divergence + r.agreement, 0.0);
    ck_assert_uint_eq(r.paired_count, 0);
    io_assert_ok(unic_metrics_usage(&r, (const int32_t *const[]){none}, 1, STEPS, CODES, NULL,
                                    NULL, NULL));
    ck_assert_uint_eq(r.dead_count, CODES);
    ck_assert_double_eq(r.perplexity, 0.0);
}
END_TEST

START_TEST(usage_refuses)
{
    const int32_t *const missing[] = {image, NULL};
    const int32_t high[] = {0, CODES}, low[] = {-2, 0};
    unic_usage_report r;
    memset(&r, 0x55, sizeof r);
    r.struct_size = sizeof r;
    const unic_usage_report before = r;
#define FAILS(says, codes, modalities, steps, n, status)                                       \
    io_assert_fails(unic_metrics_usage(&r, codes, modalities, steps, n, NULL, NULL, NULL),     \
                    status, says)
    FAILS("unic_metrics_usage: codes is NULL", NULL, 2, STEPS, CODES, UNIC_E_ARG);
    FAILS("modality_count = 0 is not in 1..", both, 0, STEPS, CODES, UNIC_E_ARG);
    FAILS("modality_count = 99 is not in 1..", both, 99, STEPS, CODES, UNIC_E_ARG);
    FAILS("step_count is 0, at least 1 expected", both, 2, 0, CODES, UNIC_E_ARG);
    FAILS("code_count is 0, at least 1 expected", both, 2, STEPS, 0, UNIC_E_ARG);
    FAILS("larger than any memory", both, 2, STEPS, SIZE_MAX / 2, UNIC_E_ARG);
    FAILS("codes[1] is NULL", missing, 2, STEPS, CODES, UNIC_E_ARG);
    FAILS("code 5 of modality 0, step 1 is not in -1..4", (const int32_t *const[]){high}, 1, 2,
          CODES, UNIC_E_VALUE);
    FAILS("code -2 of modality 1, step 0", ((const int32_t *const[]){image, low}), 2, 2, CODES,
          UNIC_E_VALUE);
#undef FAILS
    ck_assert_mem_eq(&r, &before, sizeof r);
    io_assert_fails(unic_metrics_usage(NULL, both, 2, STEPS, CODES, NULL, NULL, NULL),
                    UNIC_E_ARG, "report is NULL");
}
END_TEST

/* ---- drift ---- */

static unic_codebook *codebook_of(const float *rows, int64_t count, int64_t dim)
{
    unic_codebook *codebook;
    unic_array a;
    unic_array_init(&a, rows, UNIC_F32, 2, (const int64_t[]){count, dim});
    io_assert_ok(unic_codebook_create(&codebook, (size_t)count, (size_t)dim, 1));
    io_assert_ok(unic_codebook_set(codebook, &a));
    return codebook;
}

START_TEST(drift_by_hand)
{
    /* The first moves a little, the second behind the third; the last two are the same. */
    const float then[] = {0, 0, 4, 0, 8, 0, 1, 9, 1, 9};
    const float now[] = {0, 1, 7, 0, 8, 0, 1, 9, 1, 9};
    const int32_t was[] = {0, 1, 2, -1, 3, 4}, is[] = {0, 2, 2, 1, -1, 3};
    unic_codebook *before = codebook_of(then, 5, 2), *after = codebook_of(now, 5, 2);
    unic_drift_report r = {.struct_size = sizeof r};
    io_assert_ok(unic_codebook_drift(&r, before, after, was, is, 6));
    ck_assert_uint_eq(r.moved_count, 1);
    ck_assert_uint_eq(r.step_count, 4);
    ck_assert_uint_eq(r.changed_count, 2);
    ck_assert_double_eq(r.moved, 0.2);
    ck_assert_double_eq(r.changed, 0.5);
    ck_assert_double_eq_tol(r.distance, sqrt(10.0 / (16 + 64 + 2 * 82)), 1e-15);
    io_assert_ok(unic_codebook_drift(&r, after, after, NULL, NULL, 0));
    ck_assert_uint_eq(r.moved_count + r.step_count, 0);
    ck_assert_double_eq(r.changed + r.distance, 0.0);
    unic_codebook_free(before);
    unic_codebook_free(after);
}
END_TEST

START_TEST(drift_refuses)
{
    const float rows[] = {0, 0, 4, 0, 8, 0};
    const int32_t good[] = {0, 1}, high[] = {0, 3};
    unic_codebook *three = codebook_of(rows, 3, 2), *two = codebook_of(rows, 2, 2);
    unic_codebook *flat = codebook_of(rows, 3, 1);
    unic_drift_report r = {.struct_size = sizeof r, .moved = 7.0};
#define FAILS(says, a, b, was, is, n, status)                                                  \
    io_assert_fails(unic_codebook_drift(&r, a, b, was, is, n), status, says)
    FAILS("unic_codebook_drift: before is NULL", NULL, three, NULL, NULL, 0, UNIC_E_ARG);
    FAILS("after is NULL", three, NULL, NULL, NULL, 0, UNIC_E_ARG);
    FAILS("before has 3 codes of 2 dims, after 2 of 2", three, two, NULL, NULL, 0,
          UNIC_E_SHAPE);
    FAILS("after 3 of 1", three, flat, NULL, NULL, 0, UNIC_E_SHAPE);
    FAILS("codes_before is NULL", three, three, NULL, good, 2, UNIC_E_ARG);
    FAILS("codes_after is NULL", three, three, good, NULL, 2, UNIC_E_ARG);
    FAILS("code 3 of row 1 is not in -1..2", three, three, good, high, 2, UNIC_E_VALUE);
#undef FAILS
    ck_assert_double_eq(r.moved, 7.0);
    io_assert_fails(unic_codebook_drift(NULL, three, three, NULL, NULL, 0), UNIC_E_ARG,
                    "report is NULL");
    unic_codebook_free(three);
    unic_codebook_free(two);
    unic_codebook_free(flat);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("usage");
    tcase_add_test(tc, usage_by_hand);
    tcase_add_test(tc, usage_at_its_ends);
    tcase_add_test(tc, usage_refuses);
    tcase_add_test(tc, drift_by_hand);
    tcase_add_test(tc, drift_refuses);
    return small_run("task/usage", tc);
}
