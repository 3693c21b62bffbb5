/* kernel/product: the same product by each backend, in every layout, with strides, added or
 * not. */
#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "kernel/product.h"

static float *drawn(size_t n, uint64_t seed)
{
    float *x = malloc(n * sizeof *x);
    for (size_t i = 0; i < n; i++)
        x[i] = 2.0F * unic__random_uniform(unic__random_key(seed, 0, 0), i) - 1.0F;
    return x;
}

/* Against a loop in double: max|diff| <= 1e-5 x max|product|. The columns behind the rows'
 * ends, which the strides leave out, must stay as they are. */
static void check_product(unic__backend backend, bool ta, bool tb, bool add, size_t m, size_t n,
                          size_t k)
{
    size_t gap = 3, lda = (ta ? m : k) + gap, ldb = (tb ? k : n) + gap, ldc = n + gap;
    float *a = drawn((ta ? k : m) * lda, 1), *b = drawn((tb ? n : k) * ldb, 2);
    float *c = drawn(m * ldc, 3), *old = drawn(m * ldc, 3);
    double worst = 0.0, largest = 0.0;
    unic__product(backend, &(unic__gemm){.ta = ta,
                                         .tb = tb,
                                         .add = add,
                                         .m = m,
                                         .n = n,
                                         .k = k,
                                         .a = a,
                                         .lda = lda,
                                         .b = b,
                                         .ldb = ldb,
                                         .c = c,
                                         .ldc = ldc});
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++) {
            double sum = add ? (double)old[i * ldc + j] : 0.0;
            for (size_t p = 0; p < k; p++)
                sum += (double)(ta ? a[p * lda + i] : a[i * lda + p]) *
                       (double)(tb ? b[j * ldb + p] : b[p * ldb + j]);
            largest = fmax(largest, fabs(sum));
            const double off = fabs(sum - (double)c[i * ldc + j]);
            worst = isnan(off) || off > worst ? off : worst;
        }
        for (size_t j = n; j < ldc; j++)
            if (c[i * ldc + j] != old[i * ldc + j])
                ck_abort_msg("%zux%zux%zu: wrote behind row %zu", m, n, k, i);
    }
    if (!(worst <= 1e-5 * largest))
        ck_abort_msg("backend %d, %d%d%d %zux%zux%zu: off by %g of %g", (int)backend, ta, tb,
                     add, m, n, k, worst, largest);
    free(a);
    free(b);
    free(c);
    free(old);
}

START_TEST(products_follow_the_loop)
{
    static const size_t sizes[][3] = {{1, 1, 1}, {7, 5, 257}, {321, 77, 97}, {1, 4099, 700}};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
        for (int flags = 0; flags < 8; flags++)
            check_product((unic__backend)_i, flags & 1, flags & 2, flags & 4, sizes[s][0],
                          sizes[s][1], sizes[s][2]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kernel/product");
    TCase *tc = tcase_create("product");
    tcase_add_loop_test(tc, products_follow_the_loop, UNIC__AUTO, UNIC__BLAS + 1);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
