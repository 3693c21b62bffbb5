#include "op/pool.h"

unic__pool_dims unic__pool_dims_of(const unic__call *c)
{
    const unic__pool_attr *attr = c->attr;
    const unic__shape *x = &c->in[0]->shape;
    const size_t *image = x->dim + x->rank - 3;
    return (unic__pool_dims){.n = unic__shape_count(x) / (image[0] * image[1] * image[2]),
                             .h = image[0],
                             .w = image[1],
                             .c = image[2],
                             .k = attr->window,
                             .stride = attr->stride,
                             .oh = (image[0] - attr->window) / attr->stride + 1,
                             .ow = (image[1] - attr->window) / attr->stride + 1};
}

unic_status unic__pool_infer(unic__call *c)
{
    UNIC__TRY(unic__expect_f32(c, 0));
    const unic__pool_attr *attr = c->attr;
    const unic__shape *x = &c->in[0]->shape;
    char text[UNIC__SHAPE_TEXT];
    if (x->rank < 3 || !unic__shape_count(x))
        return unic__shape_fail(c, "x %s is not [..,H,W,C] without empty dims",
                                unic__shape_print(x, text));
    const size_t *image = x->dim + x->rank - 3;
    if (!attr->window || !attr->stride)
        return unic__shape_fail(c, "window %zu and stride %zu must be at least 1", attr->window,
                                attr->stride);
    if (attr->window > image[0] || attr->window > image[1])
        return unic__shape_fail(c, "window %zu is larger than x %s", attr->window,
                                unic__shape_print(x, text));
    const unic__pool_dims d = unic__pool_dims_of(c);
    c->out->dtype = UNIC__F32;
    c->out->shape = *x;
    c->out->shape.dim[x->rank - 3] = d.oh;
    c->out->shape.dim[x->rank - 2] = d.ow;
    return UNIC_OK;
}

void unic__pool_images(const unic__call *c, unic__part *part)
{
    const unic__pool_dims d = unic__pool_dims_of(c);
    unic__parallel(d.n, 1, d.n * d.h * d.w * d.c > 1U << 15, part, c);
}
