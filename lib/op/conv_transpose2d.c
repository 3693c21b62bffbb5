#include "kernel/reduce_rows.h"
#include "op/conv.h"

/*
 * Transposed convolution, the adjoint of conv2d: takes images of that convolution's output and
 * gives images of its input.
 *   x [..,H,W,Ci], w [kh,kw,Co,Ci], b [Co]? -> y [..,Ho,Wo,Co],
 *   Ho = (H - 1) stride + (kh - 1) dilation + 1 - 2 pad
 *   y[iy stride + ky dilation - pad, ..] += w[ky,kx] x[iy,ix],   y starts from b
 * backward:  dx += conv2d(dy, w),   dw += im2col(dy)^T x,   db += sum_rows(dy)
 *
 * The kernels are conv2d's with the roles exchanged: their x is our y, their ci our Co.
 */

static unic__conv_dims dims_of(const unic__call *c)
{
    const unic__conv_attr *attr = c->attr;
    const unic__shape *x = &c->in[0]->shape, *w = &c->in[1]->shape;
    const size_t *image = x->dim + x->rank - 3;
    unic__conv_dims d = {.n = unic__shape_count(x) / (image[0] * image[1] * image[2]),
                         .oh = image[0],
                         .ow = image[1],
                         .ci = w->dim[2],
                         .kh = w->dim[0],
                         .kw = w->dim[1],
                         .co = w->dim[3],
                         .stride = attr->stride,
                         .pad = attr->pad,
                         .dilation = attr->dilation};
    d.h = (d.oh - 1) * d.stride + unic__conv_extent(d.kh, d.dilation) - 2 * d.pad;
    d.w = (d.ow - 1) * d.stride + unic__conv_extent(d.kw, d.dilation) - 2 * d.pad;
    return d;
}

/* (in - 1) stride + extent - 2 pad, where that is at least 1 and fits. */
static bool size_of(size_t in, const unic__conv_attr *attr, size_t taps, size_t *out)
{
    if (!unic__mul_size(in - 1, attr->stride, out) ||
        !unic__add_size(*out, unic__conv_extent(taps, attr->dilation), out) ||
        *out <= 2 * attr->pad)
        return false;
    *out -= 2 * attr->pad;
    return true;
}

static unic_status infer(unic__call *c)
{
    UNIC__TRY(unic__conv_check(c, 3));
    const unic__conv_attr *attr = c->attr;
    const unic__shape *x = &c->in[0]->shape, *w = &c->in[1]->shape;
    unic__shape out = *x;
    size_t count;
    char xs[UNIC__SHAPE_TEXT], ws[UNIC__SHAPE_TEXT];
    out.dim[x->rank - 1] = w->dim[2];
    if (!size_of(x->dim[x->rank - 3], attr, w->dim[0], &out.dim[x->rank - 3]) ||
        !size_of(x->dim[x->rank - 2], attr, w->dim[1], &out.dim[x->rank - 2]) ||
        !unic__shape_count_checked(&out, &count))
        return unic__shape_fail(
            c,
            "x %s, kernel %s, stride %zu, padding %zu, dilation %zu leave no image that memory "
            "can hold",
            unic__shape_print(x, xs), unic__shape_print(w, ws), attr->stride, attr->pad,
            attr->dilation);
    c->out->dtype = UNIC__F32;
    c->out->shape = out;
    unic__conv_dims d = dims_of(c);
    return unic__conv_workspace(c, &d, UNIC__CONV_DATA);
}

static unic_status plan(unic__call *c)
{
    unic__conv_dims d = dims_of(c);
    return unic__conv_plan(c, &d, UNIC__CONV_DATA);
}

static void forward(unic__call *c)
{
    const unic__tensor *x = c->in[0], *w = c->in[1], *b = c->in[2];
    unic__conv_dims d = dims_of(c);
    unic__conv_run(c, &d, UNIC__CONV_DATA, x->x, w->x, c->out->x, false);
    unic__conv_end(c->out->x, b ? b->x : NULL, false, d.n * d.h * d.w, d.ci);
}

static void backward(unic__call *c)
{
    const unic__tensor *x = c->in[0], *w = c->in[1], *b = c->in[2];
    const float *dy = c->out->dx;
    unic__conv_dims d = dims_of(c);
    if (x->dx)
        unic__conv_run(c, &d, UNIC__CONV_FORWARD, dy, w->x, x->dx, !unic__is_fresh(c, 0));
    if (w->dx)
        unic__conv_run(c, &d, UNIC__CONV_WEIGHTS, dy, x->x, w->dx, true);
    if (b && b->dx)
        unic__add_column_sums(b->dx, dy, d.n * d.h * d.w, d.ci);
}

const unic__op unic__op_conv_transpose2d = {
    .name = "conv_transpose2d",
    .infer = infer,
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .unplan = unic__conv_unplan,
    .keeps = UNIC__KEEP_IN(0) | UNIC__KEEP_IN(1),
    .stores = UNIC__STORES_IN(0),
};
