/* The product that all others stand on: every layout, strides, beta, and the split over threads. */
#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "kernel/blas_glue.h"
#include "unicode/unic_status.h"

static float *drawn(size_t n, uint64_t seed)
{
    float *x = malloc(n * sizeof *x);
    for (size_t i = 0; i < n; i++)
        x[i] = 2.0F * unic__random_uniform(unic__random_key(seed, 0, 0), i) - 1.0F;
    return x;
}

/* Against a loop in double: max|diff| <= 1e-5 x max|product|. The columns behind the rows' ends, which
 * the strides leave out, must stay as they are. */
static void check_product(bool ta, bool tb, size_t m, size_t n, size_t k, float beta)
{
    size_t gap = 3, lda = (ta ? m : k) + gap, ldb = (tb ? k : n) + gap, ldc = n + gap;
    float *a = drawn((ta ? k : m) * lda, 1), *b = drawn((tb ? n : k) * ldb, 2);
    float *c = drawn(m * ldc, 3), *old = drawn(m * ldc, 3);
    double worst = 0.0, largest = 0.0;
    unic__sgemm(ta, tb, m, n, k, 0.5F, a, lda, b, ldb, beta, c, ldc);
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++) {
            double sum = 0.0;
            for (size_t p = 0; p < k; p++)
                sum += (double)(ta ? a[p * lda + i] : a[i * lda + p]) *
                       (double)(tb ? b[j * ldb + p] : b[p * ldb + j]);
            sum = 0.5 * sum + (double)beta * (double)old[i * ldc + j];
            largest = fmax(largest, fabs(sum));
            worst = fmax(worst, fabs(sum - (double)c[i * ldc + j]));
        }
        for (size_t j = n; j < ldc; j++)
            if (c[i * ldc + j] != old[i * ldc + j])
                ck_abort_msg("%zux%zux%zu: wrote behind row %zu", m, n, k, i);
    }
    if (!(worst <= 1e-5 * largest))
        ck_abort_msg("%d%d %zux%zux%zu beta %g: off by %g of %g", ta, tb, m, n, k, (double)beta,
                     worst, largest);
    free(a);
    free(b);
    free(c);
    free(old);
}

START_TEST(products_follow_the_loop)
{
    /* below and above the work that is split; by rows (m >= n) and by columns; odd remainders */
    static const size_t sizes[][3] = {{1, 1, 1},     {7, 5, 257},    {320, 64, 64},
                                      {321, 77, 97}, {513, 65, 131}, {33, 701, 129},
                                      {1, 4099, 700}};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
        for (int layout = 0; layout < 4; layout++)
            for (int threads = 1; threads <= 3; threads++) {
                ck_assert(unic_set_threads(threads) == UNIC_OK);
                check_product(layout & 1, layout & 2, sizes[s][0], sizes[s][1], sizes[s][2],
                              layout == 0 ? 0.0F : 1.0F);
            }
    unic_set_threads(1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kernel/sgemm");
    TCase *tc = tcase_create("sgemm");
    tcase_add_test(tc, products_follow_the_loop);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
