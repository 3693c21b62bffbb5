#include "kernel/reduce_rows.h"
#include "op/conv.h"

/*
 * Convolution of channels-last images, with zeros around them.
 *   x [..,H,W,Ci], w [kh,kw,Ci,Co], b [Co]? -> y [..,Ho,Wo,Co],
 *   Ho = (H + 2 pad - (kh - 1) dilation - 1) / stride + 1, rounded down
 *   y[oy,ox] = b + sum_{ky,kx} x[iy,ix] w[ky,kx],   iy = oy stride + ky dilation - pad
 * with relu, then y = max(0, y): conv2d_relu.
 * backward:  dx += dy scattered through w^T,   dw += im2col(x)^T dy,   db += sum_rows(dy);
 * with relu, dy is first masked by y > 0
 */

static unic__conv_dims dims_of(const unic__call *c)
{
    const unic__conv_attr *attr = c->attr;
    const unic__shape *x = &c->in[0]->shape, *w = &c->in[1]->shape;
    const size_t *image = x->dim + x->rank - 3;
    unic__conv_dims d = {.n = unic__shape_count(x) / (image[0] * image[1] * image[2]),
                         .h = image[0],
                         .w = image[1],
                         .ci = w->dim[2],
                         .kh = w->dim[0],
                         .kw = w->dim[1],
                         .co = w->dim[3],
                         .stride = attr->stride,
                         .pad = attr->pad,
                         .dilation = attr->dilation};
    d.oh = (d.h + 2 * d.pad - unic__conv_extent(d.kh, d.dilation)) / d.stride + 1;
    d.ow = (d.w + 2 * d.pad - unic__conv_extent(d.kw, d.dilation)) / d.stride + 1;
    return d;
}

static bool has_relu(const unic__call *c)
{
    return c->op == &unic__op_conv2d_relu;
}

size_t unic__op_conv2d_tile(const unic__call *c)
{
    const unic__conv_dims d = dims_of(c);
    return unic__conv_tile(c, &d);
}

static unic_status infer(unic__call *c)
{
    UNIC__TRY(unic__conv_check(c, 2));
    const unic__conv_attr *attr = c->attr;
    const unic__shape *x = &c->in[0]->shape, *w = &c->in[1]->shape;
    char xs[UNIC__SHAPE_TEXT], ws[UNIC__SHAPE_TEXT];
    if (x->dim[x->rank - 3] + 2 * attr->pad < unic__conv_extent(w->dim[0], attr->dilation) ||
        x->dim[x->rank - 2] + 2 * attr->pad < unic__conv_extent(w->dim[1], attr->dilation))
        return unic__shape_fail(
            c, "x %s with padding %zu is smaller than the kernel %s, dilated by %zu",
            unic__shape_print(x, xs), attr->pad, unic__shape_print(w, ws), attr->dilation);
    unic__conv_dims d = dims_of(c);
    c->out->dtype = UNIC__F32;
    c->out->shape = *x;
    c->out->shape.dim[x->rank - 3] = d.oh;
    c->out->shape.dim[x->rank - 2] = d.ow;
    c->out->shape.dim[x->rank - 1] = d.co;
    UNIC__TRY(unic__conv_workspace(c, &d, UNIC__CONV_FORWARD));
    if (has_relu(c))
        c->scratch_size += d.n * d.oh * d.ow * d.co; /* dy behind the relu */
    return UNIC_OK;
}

static unic_status plan(unic__call *c)
{
    unic__conv_dims d = dims_of(c);
    return unic__conv_plan(c, &d, UNIC__CONV_FORWARD);
}

static void forward(unic__call *c)
{
    const unic__tensor *x = c->in[0], *w = c->in[1], *b = c->in[2];
    unic__conv_dims d = dims_of(c);
    unic__conv_forward(c, &d, x->x, w->x, b ? b->x : NULL, has_relu(c), c->out->x);
}

/* masked = dy where y > 0, else 0 */
UNIC__SIMD static void mask_by_output(const void *call, size_t from, size_t to)
{
    const unic__call *c = call;
    float *restrict masked = c->scratch + c->scratch_size - unic__shape_count(&c->out->shape);
    const float *restrict dy = c->out->dx, *restrict y = c->out->x;
    for (size_t i = from; i < to; i++)
        masked[i] = y[i] > 0.0F ? dy[i] : 0.0F;
}

static void backward(unic__call *c)
{
    enum { LINE = UNIC__ALIGN / sizeof(float) };
    const unic__tensor *x = c->in[0], *w = c->in[1], *b = c->in[2];
    const float *dy = c->out->dx;
    const size_t count = unic__shape_count(&c->out->shape);
    unic__conv_dims d = dims_of(c);
    if (has_relu(c)) {
        unic__parallel(count, LINE, count > 1U << 16, mask_by_output, c);
        dy = c->scratch + c->scratch_size - count;
    }
    if (x->dx)
        unic__conv_run(c, &d, UNIC__CONV_DATA, dy, w->x, x->dx, !unic__is_fresh(c, 0));
    if (w->dx)
        unic__conv_run(c, &d, UNIC__CONV_WEIGHTS, x->x, dy, w->dx, true);
    if (b && b->dx)
        unic__add_column_sums(b->dx, dy, d.n * d.oh * d.ow, d.co);
}

const unic__op unic__op_conv2d = {
    .name = "conv2d",
    .infer = infer,
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .unplan = unic__conv_unplan,
    .keeps = UNIC__KEEP_IN(0) | UNIC__KEEP_IN(1),
    .stores = UNIC__STORES_IN(0),
};

const unic__op unic__op_conv2d_relu = {
    .name = "conv2d_relu",
    .infer = infer,
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .unplan = unic__conv_unplan,
    .keeps = UNIC__KEEP_IN(0) | UNIC__KEEP_IN(1) | UNIC__KEEP_OUT,
    .stores = UNIC__STORES_IN(0),
};
