/* What pooling over windows of images shares: shapes, and how the work is split. */
#ifndef UNIC_OP_POOL_H
#define UNIC_OP_POOL_H

#include "op/operators.h"

/* x [n,h,w,c] -> y [n,oh,ow,c], windows k x k without padding: oh = (h - k) / stride + 1, rounded
 * down. */
typedef struct unic__pool_dims {
    size_t n, h, w, c, k, stride, oh, ow;
} unic__pool_dims;

unic__pool_dims unic__pool_dims_of(const unic__call *c);
unic_status unic__pool_infer(unic__call *c);

/* Calls part(call, from, to) for all images, split over threads where that pays. */
void unic__pool_images(const unic__call *c, unic__part *part);

#endif
