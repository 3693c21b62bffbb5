/* Products of operators: our own kernels, or cblas where the backend is `blas`. */
#ifndef UNIC_OP_PRODUCT_H
#define UNIC_OP_PRODUCT_H

#include "kernel/gemm.h"
#include "op/op.h"

void unic__product(unic__backend backend, const unic__gemm *product);

#endif
