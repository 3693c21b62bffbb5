#include "op/operators.h"

/*
 * Mean over k x k windows of channels-last images: x [..,H,W,C] -> y [..,Ho,Wo,C],
 * Ho = (H - k) / stride + 1 (rounded down).
 *   y[oy,ox] = 1/k^2 sum_{ky,kx < k} x[oy stride + ky, ox stride + kx]
 * backward:  dx[oy stride + ky, ox stride + kx] += dy[oy,ox] / k^2
 */

typedef struct dims {
    size_t n, h, w, c, k, stride, oh, ow;
} dims;

static dims dims_of(const unic__call *c)
{
    const unic__pool_attr *attr = c->attr;
    const unic__shape *x = &c->in[0]->shape;
    const size_t *image = x->dim + x->rank - 3;
    return (dims){.n = unic__shape_count(x) / (image[0] * image[1] * image[2]),
                  .h = image[0],
                  .w = image[1],
                  .c = image[2],
                  .k = attr->window,
                  .stride = attr->stride,
                  .oh = (image[0] - attr->window) / attr->stride + 1,
                  .ow = (image[1] - attr->window) / attr->stride + 1};
}

static unic_status infer(unic__call *c)
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
    dims d = dims_of(c);
    c->out->dtype = UNIC__F32;
    c->out->shape = *x;
    c->out->shape.dim[x->rank - 3] = d.oh;
    c->out->shape.dim[x->rank - 2] = d.ow;
    return UNIC_OK;
}

UNIC__SIMD static void pool(float *restrict y, const float *restrict x, const dims *d)
{
    float scale = 1.0F / (float)(d->k * d->k);
    for (size_t oy = 0; oy < d->oh; oy++)
        for (size_t ox = 0; ox < d->ow; ox++, y += d->c) {
            const float *window = x + (oy * d->w + ox) * d->stride * d->c;
            for (size_t j = 0; j < d->c; j++)
                y[j] = window[j];
            for (size_t i = 1; i < d->k * d->k; i++) {
                const float *pixel = window + (i / d->k * d->w + i % d->k) * d->c;
                for (size_t j = 0; j < d->c; j++)
                    y[j] += pixel[j];
            }
            for (size_t j = 0; j < d->c; j++)
                y[j] *= scale;
        }
}

static bool worth_splitting(const dims *d)
{
    return d->n * d->h * d->w * d->c > 1U << 15;
}

static void forward_images(const void *call, size_t from, size_t to)
{
    const unic__call *c = call;
    const dims d = dims_of(c);
    for (size_t i = from; i < to; i++)
        pool(c->out->x + i * d.oh * d.ow * d.c, c->in[0]->x + i * d.h * d.w * d.c, &d);
}

static void forward(unic__call *c)
{
    const dims d = dims_of(c);
    unic__parallel(d.n, 1, worth_splitting(&d), forward_images, c);
}

UNIC__SIMD static void unpool(float *restrict dx, const float *restrict dy, const dims *d)
{
    float scale = 1.0F / (float)(d->k * d->k);
    for (size_t oy = 0; oy < d->oh; oy++)
        for (size_t ox = 0; ox < d->ow; ox++, dy += d->c) {
            float *window = dx + (oy * d->w + ox) * d->stride * d->c;
            for (size_t i = 0; i < d->k * d->k; i++) {
                float *pixel = window + (i / d->k * d->w + i % d->k) * d->c;
                for (size_t j = 0; j < d->c; j++)
                    pixel[j] += scale * dy[j];
            }
        }
}

static void backward_images(const void *call, size_t from, size_t to)
{
    const unic__call *c = call;
    const dims d = dims_of(c);
    for (size_t i = from; i < to; i++)
        unpool(c->in[0]->dx + i * d.h * d.w * d.c, c->out->dx + i * d.oh * d.ow * d.c, &d);
}

static void backward(unic__call *c)
{
    const dims d = dims_of(c);
    if (c->in[0]->dx)
        unic__parallel(d.n, 1, worth_splitting(&d), backward_images, c);
}

const unic__op unic__op_avg_pool2d = {
    .name = "avg_pool2d",
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .keeps = UNIC__KEEP_NONE,
};
