#include "kernel/product.h"

#include "kernel/blas_glue.h"

void unic__product(unic__backend backend, const unic__gemm *p)
{
    if (backend == UNIC__BLAS)
        unic__sgemm(p->ta, p->tb, p->m, p->n, p->k, 1.0F, p->a, p->lda, p->b, p->ldb,
                    p->add ? 1.0F : 0.0F, p->c, p->ldc);
    else
        unic__gemm_run(p);
}
