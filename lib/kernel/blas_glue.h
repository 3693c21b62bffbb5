/*
 * Products by cblas, for `kernel.backend = blas` (kernel/product.h). The only file that knows
 * cblas is blas_glue.c.
 */
#ifndef UNIC_KERNEL_BLAS_GLUE_H
#define UNIC_KERNEL_BLAS_GLUE_H

#include "kernel/gemm.h"

/* Gets the memory that a call of the BLAS takes, once for the process; UNIC_E_NOMEM. Called before
 * the first product is. */
unic_status unic__blas_prepare(void);

/* The product as gemm.h describes it, whose sizes fit an int, by one call of cblas. How many
 * threads it takes is the host's own setting, and the order of its sums the BLAS's own
 * affair. Where memory is short, calls on several threads wait for each other. */
void unic__blas_run(const unic__gemm *product);

#endif
