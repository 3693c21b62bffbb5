/*
 * Shared by conv2d and its adjoint, conv_transpose2d: their checks, their scratch, and which
 * kernel computes each of the three products of conv_kernel.h.
 */
#ifndef UNIC_OP_CONV_H
#define UNIC_OP_CONV_H

#include "kernel/conv_kernel.h"
#include "op/operators.h"

/*
 * For infer: what both operators require of x [..,H,W,C], of w [kh,kw,.,.] with C at its
 * `channels` axis, and of the bias, which has as many entries as the other axis.
 */
unic_status unic__conv_check(const unic__call *c, size_t channels);

/* The side of Winograd's tiles by which a convolution of these dims is computed; 0: by none. */
size_t unic__conv_tile(const unic__call *c, const unic__conv_dims *d);

/* For infer: sets scratch_size; refuses what does not fit the products' 31-bit sizes. */
unic_status unic__conv_workspace(unic__call *c, const unic__conv_dims *d,
                                 unic__conv_product value);

/*
 * For plan and unplan: creates oneDNN's kernels if the backend, or the rule of `auto`, selects
 * them: for `value`, the product that is the operator's value, and for the gradients whose dx
 * is set by then. A gradient that is asked for later comes from our kernel.
 */
unic_status unic__conv_plan(unic__call *c, const unic__conv_dims *d, unic__conv_product value);
void unic__conv_unplan(unic__call *c);

/*
 * result = a * b, or += with `accumulate`, by the kernel that was planned for the product. dw
 * is only ever added to.
 */
void unic__conv_run(unic__call *c, const unic__conv_dims *d, unic__conv_product product,
                    const float *a, const float *b, float *result, bool accumulate);

/* The value of conv2d: y = a * b + bias [co] (NULL: without), then max(0, y) if `relu`. */
void unic__conv_forward(unic__call *c, const unic__conv_dims *d, const float *a, const float *b,
                        const float *bias, bool relu, float *y);

/* y[r] += b for every row of y [rows,n], then its maximum with 0 if `relu`; b may be NULL. */
void unic__conv_end(float *y, const float *b, bool relu, size_t rows, size_t n);

#endif
