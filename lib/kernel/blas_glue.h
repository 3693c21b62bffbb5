/*
 * Dense float32 products. The only file that knows cblas is blas_glue.c.
 */
#ifndef UNIC_KERNEL_BLAS_GLUE_H
#define UNIC_KERNEL_BLAS_GLUE_H

#include "base/base.h"

/*
 * C [m,n] = beta C + op(A) op(B), all row-major and dense: A is [m,k] (or [k,m] if ta), B is
 * [k,n] (or [n,k] if tb). lda, ldb, ldc are row strides. Split over unic__threads() in fixed
 * chunks; inside a parallel loop it runs on the calling thread alone.
 */
void unic__sgemm(bool ta, bool tb, size_t m, size_t n, size_t k, float alpha, const float *a,
                 size_t lda, const float *b, size_t ldb, float beta, float *c, size_t ldc);

/* OpenBLAS's own threads off (unic_set_threads). */
void unic__blas_single_thread(void);

#endif
