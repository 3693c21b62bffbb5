#include "kernel/blas_glue.h"

#include <cblas.h>
#include <omp.h>

#include "kernel/tile.h"

static void gemm(bool ta, bool tb, size_t m, size_t n, size_t k, float alpha, const float *a,
                 size_t lda, const float *b, size_t ldb, float beta, float *c, size_t ldc)
{
    cblas_sgemm(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans,
                (int)m, (int)n, (int)k, alpha, a, (int)lda, b, (int)ldb, beta, c, (int)ldc);
}

/* Rows of C are split where there are enough of them, columns otherwise; never the
 * sum over k. */
void unic__sgemm(bool ta, bool tb, size_t m, size_t n, size_t k, float alpha, const float *a,
                 size_t lda, const float *b, size_t ldb, float beta, float *c, size_t ldc)
{
    int threads = unic__threads();
    if (threads == 1 || omp_in_parallel() || !unic__worth_splitting(m, n, k)) {
        gemm(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
        return;
    }
    bool by_rows = m >= n;
    size_t whole = by_rows ? m : n;
    size_t chunk = (whole / (size_t)threads + 16) / 16 * 16; /* multiples of a kernel's tile */
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int i = 0; i < threads; i++) {
        size_t from = (size_t)i * chunk;
        size_t size = from >= whole ? 0 : whole - from < chunk ? whole - from : chunk;
        if (size && by_rows)
            gemm(ta, tb, size, n, k, alpha, a + from * (ta ? 1 : lda), lda, b, ldb, beta,
                 c + from * ldc, ldc);
        else if (size)
            gemm(ta, tb, m, size, k, alpha, a, lda, b + from * (tb ? ldb : 1), ldb, beta,
                 c + from, ldc);
    }
}

void unic__blas_single_thread(void)
{
#ifdef OPENBLAS_VERSION
    openblas_set_num_threads(1);
#endif
}
