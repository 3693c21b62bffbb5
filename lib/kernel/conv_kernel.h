/*
 * Convolution over NHWC images, shared by conv2d and its adjoint, conv_transpose2d. With
 *   x [n,h,w,ci],   w [kh,kw,ci,co],   y [n,oh,ow,co],
 *   oh = (h + 2 pad - (kh - 1) dilation - 1) / stride + 1
 * three products:
 *   forward   y[oy,ox] = sum_{ky,kx} x[iy,ix] w[ky,kx],   iy = oy stride + ky dilation - pad
 *   data      dx = the adjoint of forward in x, of dy
 *   weights   dw = the adjoint of forward in w, of x and dy
 * This header has their dims and the kernels by im2col, whose products are our own or those of
 * cblas; dnnl_glue.h has oneDNN's.
 */
#ifndef UNIC_KERNEL_CONV_KERNEL_H
#define UNIC_KERNEL_CONV_KERNEL_H

#include "kernel/product.h"

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

/* Pixels of x that a window with `taps` of them spans: (taps - 1) dilation + 1. */
static inline size_t unic__conv_extent(size_t taps, size_t dilation)
{
    return (taps - 1) * dilation + 1;
}

/* Floats of w that one channel of y has: kh kw ci. */
static inline size_t unic__conv_depth(const unic__conv_dims *d)
{
    return d->kh * d->kw * d->ci;
}

/* Floats of scratch that the three products use, for unic__threads(); false: no size_t has
 * them. */
bool unic__conv_scratch(const unic__conv_dims *d, size_t *floats);

/*
 * c = a * b, or += with `accumulate`; dw is only ever added to. The scratch may have been
 * measured for another number of threads.
 */
typedef struct unic__conv_job {
    const unic__conv_dims *dims;
    unic__conv_product product;
    const float *a, *b;
    float *c;
    bool accumulate;
    const float *kept; /* of forward by Winograd's tiles: w transformed (winograd.h), or NULL */
    const float *bias; /* of forward by Winograd's tiles alone: y + bias [co], or NULL        */
    bool relu;         /* then max(0, y)                                                      */
    unic__backend backend; /* of the products: cblas where it is `blas` */
    float *scratch;
    size_t scratch_size;
} unic__conv_job;

void unic__conv_own(const unic__conv_job *job);

#endif
