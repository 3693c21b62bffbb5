#include "kernel/blas_glue.h"

#include <cblas.h>

typedef struct gemm {
    bool ta, tb;
    size_t m, n, k;
    float alpha;
    const float *a;
    size_t lda;
    const float *b;
    size_t ldb;
    float beta;
    float *c;
    size_t ldc;
} gemm;

static void run(const gemm *g)
{
    cblas_sgemm(CblasRowMajor, g->ta ? CblasTrans : CblasNoTrans,
                g->tb ? CblasTrans : CblasNoTrans, (int)g->m, (int)g->n, (int)g->k, g->alpha,
                g->a, (int)g->lda, g->b, (int)g->ldb, g->beta, g->c, (int)g->ldc);
}

static void run_rows(const void *context, size_t from, size_t to)
{
    gemm g = *(const gemm *)context;
    g.m = to - from;
    g.a += from * (g.ta ? 1 : g.lda);
    g.c += from * g.ldc;
    run(&g);
}

static void run_columns(const void *context, size_t from, size_t to)
{
    gemm g = *(const gemm *)context;
    g.n = to - from;
    g.b += from * (g.tb ? g.ldb : 1);
    g.c += from;
    run(&g);
}

/* Rows of C are split where there are enough of them, columns otherwise; never the
 * sum over k. */
void unic__sgemm(bool ta, bool tb, size_t m, size_t n, size_t k, float alpha, const float *a,
                 size_t lda, const float *b, size_t ldb, float beta, float *c, size_t ldc)
{
    enum { TILE = 16 }; /* a multiple of what kernels take at a time */
    const gemm g = {ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc};
    const bool worth = unic__worth_splitting(m, n, k);
    if (m >= n)
        unic__parallel(m, TILE, worth, run_rows, &g);
    else
        unic__parallel(n, TILE, worth, run_columns, &g);
}

void unic__blas_single_thread(void)
{
#ifdef OPENBLAS_VERSION
    openblas_set_num_threads(1);
#endif
}
