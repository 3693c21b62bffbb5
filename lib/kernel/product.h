/* Products by our own kernels, or by cblas where the backend is `blas`. */
#ifndef UNIC_KERNEL_PRODUCT_H
#define UNIC_KERNEL_PRODUCT_H

#include "kernel/gemm.h"

/* Which kernels are used; `auto` picks by a fixed rule, never by timing (results
 * must not depend on noise), and leaves no product to cblas, whose bits depend on what is
 * installed. */
typedef enum unic__backend { UNIC__AUTO, UNIC__ONEDNN, UNIC__BLAS } unic__backend;

/* Gets what the backend needs before its first product: when a graph is planned. UNIC_E_NOMEM. */
unic_status unic__product_prepare(unic__backend backend);

/* By cblas for `blas`, otherwise by our own kernel, also for `onednn` if no primitive was
 * planned. */
void unic__product(unic__backend backend, const unic__gemm *product);

#endif
