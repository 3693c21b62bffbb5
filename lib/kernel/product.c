#include "kernel/product.h"

#include "kernel/blas_glue.h"
#include "kernel/stack.h"

unic_status unic__product_prepare(unic__backend backend)
{
    UNIC__TRY(unic__stack_prepare());
    return backend == UNIC__BLAS ? unic__blas_prepare() : UNIC_OK;
}

void unic__product(unic__backend backend, const unic__gemm *p)
{
    if (backend == UNIC__BLAS)
        unic__blas_run(p);
    else
        unic__gemm_run(p);
}
