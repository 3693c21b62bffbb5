/*
 * Convolution over NHWC images, shared by conv2d and its adjoint, conv_transpose2d. With
 *   x [n,h,w,ci],   w [kh,kw,ci,co],   y [n,oh,ow,co],
 *   oh = (h + 2 pad - (kh - 1) dilation - 1) / stride + 1
 * three products:
 *   forward   y[oy,ox] = sum_{ky,kx} x[iy,ix] w[ky,kx],   iy = oy stride + ky dilation - pad
 *   data      dx = the adjoint of forward in x, of dy
 *   weights   dw = the adjoint of forward in w, of x and dy
 * each with a kernel of our own (im2col and sgemm) and one of oneDNN's.
 */
#ifndef UNIC_KERNEL_CONV_KERNEL_H
#define UNIC_KERNEL_CONV_KERNEL_H

#include "op/op.h"

typedef struct unic__conv_dims {
    size_t n, h, w, ci; /* x */
    size_t kh, kw, co;  /* w */
    size_t stride, pad, dilation;
    size_t oh, ow; /* y */
} unic__conv_dims;

/*                                            a    b       c  */
typedef enum unic__conv_product {
    UNIC__CONV_FORWARD, /*                    x,   w   ->  y  */
    UNIC__CONV_DATA,    /*                    dy,  w   ->  dx */
    UNIC__CONV_WEIGHTS, /*                    x,   dy  ->  dw */
    UNIC__CONV_PRODUCTS
} unic__conv_product;

/*
 * For infer: what conv2d and conv_transpose2d both ask of x [..,H,W,C], w [kh,kw,.,.] with C at
 * its `channels` axis, and the bias, which has as many entries as the other axis.
 */
unic_status unic__conv_check(const unic__call *c, size_t channels);

/* Pixels of x that a window with `taps` of them spans: (taps - 1) dilation + 1. */
size_t unic__conv_extent(size_t taps, size_t dilation);

/* For infer: sets scratch_size; refuses what does not fit the products' 31-bit sizes. */
unic_status unic__conv_workspace(unic__call *c, const unic__conv_dims *d);

/*
 * For plan and unplan: makes oneDNN's kernels where the backend, or the rule of `auto`, says
 * so: for `value`, the product that is the operator's value, and for the gradients whose dx is
 * set by then. A gradient that is asked for later comes from our kernel.
 */
unic_status unic__conv_plan(unic__call *c, const unic__conv_dims *d, unic__conv_product value);
void unic__conv_unplan(unic__call *c);

/*
 * result = a * b, or += with `accumulate`, by the kernel that was planned for the product. dw
 * is only ever added to.
 */
void unic__conv_run(unic__call *c, const unic__conv_dims *d, unic__conv_product product,
                    const float *a, const float *b, float *result, bool accumulate);

/* y[r] += b for every row of y [rows,n]. */
void unic__conv_add_bias(float *y, const float *b, size_t rows, size_t n);

#endif
