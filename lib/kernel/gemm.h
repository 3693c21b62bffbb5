/*
 * Products of two matrices in their plain layout, by our own kernels. The caller packs nothing,
 * and the only scratch is a fixed block on each thread's stack (180 KiB). If one matrix is used
 * many times, packed.h packs it once.
 */
#ifndef UNIC_KERNEL_GEMM_H
#define UNIC_KERNEL_GEMM_H

#include "base/base.h"

/*
 * C [m,n] = op(A) op(B), or += with `add`, all row-major: A is [m,k] (or [k,m] if ta), B is
 * [k,n] (or [n,k] if tb). lda, ldb, ldc are row strides. Each element is summed as tile.h says,
 * onto its old value or 0: its bits depend on its row of A and column of B alone, not on m, n,
 * the strides, the threads, or whether packed.h computes it.
 */
typedef struct unic__gemm {
    bool ta, tb, add;
    size_t m, n, k;
    const float *a;
    size_t lda;
    const float *b;
    size_t ldb;
    float *c;
    size_t ldc;
    bool room; /* C's rows may be overwritten past n, up to the next multiple of 16 columns */
} unic__gemm;

/* Split over unic__threads(); inside a parallel loop it runs on the calling thread alone. */
void unic__gemm_run(const unic__gemm *product);

#endif
