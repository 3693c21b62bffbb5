/* Who calls cblas: `kernel.backend = blas` does, and nothing else. This program's cblas_sgemm
 * stands in the library's place. */
#include <cblas.h>
#include <check.h>
#include <stdlib.h>

#include "model/small_model.h"
#include "unicode/unic.h"

static size_t calls;

static float element(const float *x, bool transposed, int row, int column, int stride)
{
    return transposed ? x[column * stride + row] : x[row * stride + column];
}

void cblas_sgemm(const enum CBLAS_ORDER order, const enum CBLAS_TRANSPOSE ta,
                 const enum CBLAS_TRANSPOSE tb, const blasint m, const blasint n,
                 const blasint k, const float alpha, const float *a, const blasint lda,
                 const float *b, const blasint ldb, const float beta, float *c,
                 const blasint ldc)
{
    __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
    ck_assert_int_eq(order, CblasRowMajor);
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            float sum = 0.0F;
            for (int p = 0; p < k; p++)
                sum += element(a, ta == CblasTrans, i, p, lda) *
                       element(b, tb == CblasTrans, p, j, ldb);
            c[i * ldc + j] = alpha * sum + (beta == 0.0F ? 0.0F : beta * c[i * ldc + j]);
        }
}

/* Two steps and an encoded batch of each modality; how often cblas was called. */
static size_t calls_of_a_run(const char *backend)
{
    double terms[64];
    int32_t codes[SMALL_BATCH * SMALL_LENGTH];
    unic_model *model;
    const unic_encoder_options sizes = {
        .struct_size = sizeof sizes, .max_batch = SMALL_BATCH, .max_length = SMALL_LENGTH};
    unic_trainer *t = small_trainer(SMALL_THREE, backend);
    small_batch *b = small_batch_new(SMALL_THREE, SMALL_BATCH, SMALL_LENGTH, 1);
    calls = 0;
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(unic_trainer_step(t, b->batch, NULL, terms), UNIC_OK);
    ck_assert_int_eq(unic_trainer_model(&model, t), UNIC_OK);
    for (size_t m = 0; m < b->n; m++) {
        unic_encoder *e;
        ck_assert_int_eq(unic_encoder_create(&e, model, b->name[m], &sizes), UNIC_OK);
        ck_assert_int_eq(unic_encoder_encode(e, &b->array[m], NULL, codes, NULL, NULL),
                         UNIC_OK);
        unic_encoder_free(e);
    }
    unic_model_free(model);
    unic_trainer_free(t);
    small_batch_free(b);
    return calls;
}

START_TEST(auto_never_calls_cblas)
{
    ck_assert_uint_eq(calls_of_a_run(""), 0);
    ck_assert_uint_eq(calls_of_a_run("behaviour = compat\n"), 0);
}
END_TEST

START_TEST(onednn_never_calls_cblas)
{
    ck_assert_uint_eq(calls_of_a_run("kernel.backend = onednn\n"), 0);
}
END_TEST

START_TEST(blas_does)
{
    ck_assert_uint_gt(calls_of_a_run("kernel.backend = blas\n"), 100);
}
END_TEST

#ifdef OPENBLAS_VERSION
/* Whatever the library is told about threads, the host's setting is the host's. */
START_TEST(threads_of_openblas_are_left_alone)
{
    openblas_set_num_threads(2);
    for (int threads = 1; threads <= 3; threads++) {
        ck_assert_int_eq(unic_set_threads(threads), UNIC_OK);
        calls_of_a_run("");
        calls_of_a_run("kernel.backend = blas\n");
        ck_assert_int_eq(openblas_get_num_threads(), 2);
    }
    ck_assert_int_eq(unic_set_threads(1), UNIC_OK);
}
END_TEST
#endif

int main(void)
{
    Suite *suite = suite_create("train/blas");
    TCase *tc = tcase_create("blas");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, auto_never_calls_cblas);
    tcase_add_test(tc, onednn_never_calls_cblas);
    tcase_add_test(tc, blas_does);
#ifdef OPENBLAS_VERSION
    tcase_add_test(tc, threads_of_openblas_are_left_alone);
#endif
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
