#include "kernel/blas_glue.h"

#include <cblas.h>

void unic__blas_run(const unic__gemm *p)
{
    cblas_sgemm(CblasRowMajor, p->ta ? CblasTrans : CblasNoTrans,
                p->tb ? CblasTrans : CblasNoTrans, (int)p->m, (int)p->n, (int)p->k, 1.0F, p->a,
                (int)p->lda, p->b, (int)p->ldb, p->add ? 1.0F : 0.0F, p->c, (int)p->ldc);
}
