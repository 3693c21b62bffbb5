#include "kernel/product.h"

#include "kernel/blas_glue.h"

void unic__product(unic__backend backend, const unic__gemm *p)
{
    if (backend == UNIC__BLAS)
        unic__blas_run(p);
    else
        unic__gemm_run(p);
}
