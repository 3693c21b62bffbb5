/*
 * oneDNN behind the shapes this library uses: dense row-major float32 products, softmax over
 * the last axis, and the three products of an NHWC convolution. Only
 * dnnl_matmul.c, dnnl_softmax.c, dnnl_conv.c, what they share (dnnl_primitive.c) and the
 * differences between oneDNN 2.6 and 3.x (dnnl_versions.h) use its API. In a build without oneDNN
 * dnnl_none.c stands in their place, where every `create` fails with UNIC_E_KERNEL.
 *
 * `create` builds the primitives for one shape, with the scratch and the reordered copies they
 * need, and may fail; `run` returns no status: an error of oneDNN (UNIC_E_KERNEL), or too little
 * memory for it to run (UNIC_E_NOMEM), is stored in *sticky, with this thread's message, unless
 * that already holds one. An object computes with the thread count that was set when it was
 * created, or with as many of these as OpenMP gives (unic__team); only where that is another
 * number than at the last run does `run` allocate, since primitives are made for a number. It is
 * used by one thread at a time, and may be run and freed by another thread than the one that
 * created it. `free` takes NULL.
 */
#ifndef UNIC_KERNEL_DNNL_GLUE_H
#define UNIC_KERNEL_DNNL_GLUE_H

#include "base/base.h"
#include "kernel/conv_kernel.h"

/* Whether this build has oneDNN; if not, `auto` does not choose it. */
bool unic__dnnl_available(void);

/*
 * c [batch,m,n] = op(a) op(b), or += with `accumulate`. a is [batch,m,k], or [batch,k,m] if
 * `ta`; b is [batch,k,n], or [batch,n,k] if `tb`; with `b_broadcast` one b serves the batch.
 */
typedef struct unic__dnnl_matmul unic__dnnl_matmul;
unic_status unic__dnnl_matmul_create(unic__dnnl_matmul **out, size_t batch, bool b_broadcast,
                                     size_t m, size_t n, size_t k, bool ta, bool tb,
                                     bool accumulate);
void unic__dnnl_matmul_run(unic__dnnl_matmul *p, const float *a, const float *b, float *c,
                           unic_status *sticky);
void unic__dnnl_matmul_free(unic__dnnl_matmul *p);

/*
 * y = softmax(x) over the last axis of [rows,n], and dx = y * (dy - sum(dy * y)). Both
 * overwrite their result.
 */
typedef struct unic__dnnl_softmax unic__dnnl_softmax;
unic_status unic__dnnl_softmax_create(unic__dnnl_softmax **out, size_t rows, size_t n);
void unic__dnnl_softmax_run(unic__dnnl_softmax *p, const float *x, float *y,
                            unic_status *sticky);
void unic__dnnl_softmax_backward_run(unic__dnnl_softmax *p, const float *y, const float *dy,
                                     float *dx, unic_status *sticky);
void unic__dnnl_softmax_free(unic__dnnl_softmax *p);

/* One product of conv_kernel.h, c = a * b, or += with `accumulate`; a, b, c as listed there. */
typedef struct unic__dnnl_conv unic__dnnl_conv;
unic_status unic__dnnl_conv_create(unic__dnnl_conv **out, unic__conv_product product,
                                   const unic__conv_dims *d, bool accumulate);
void unic__dnnl_conv_run(unic__dnnl_conv *p, const float *a, const float *b, float *c,
                         unic_status *sticky);
void unic__dnnl_conv_free(unic__dnnl_conv *p);

#endif
