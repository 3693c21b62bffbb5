#include "op/operators.h"

/*
 * Bilinear enlargement of channels-last images by a whole factor.
 *   x [..,H,W,C] -> y [..,f H,f W,C]
 *   y[oy,ox] = (1-u)(1-v) x[i,j] + (1-u) v x[i,j'] + u (1-v) x[i',j] + u v x[i',j']
 * where i + u is the place of oy on the rows of x, i' = min(i + 1, H - 1); j + v that of ox:
 *   place(o) = o (n - 1) / (f n - 1)                 align_corners (n = 1: 0)
 *   place(o) = max(0, (o + 1/2) / f - 1/2)           otherwise
 * backward:  dx[i,j] += (1-u)(1-v) dy[oy,ox] and so on
 */

typedef struct dims {
    size_t n, h, w, c, factor;
    bool align_corners;
} dims;

static dims dims_of(const unic__call *c)
{
    const unic__upsample_attr *attr = c->attr;
    const unic__shape *x = &c->in[0]->shape;
    const size_t *image = x->dim + x->rank - 3;
    return (dims){.n = unic__shape_count(x) / (image[0] * image[1] * image[2]),
                  .h = image[0],
                  .w = image[1],
                  .c = image[2],
                  .factor = attr->factor,
                  .align_corners = attr->align_corners};
}

static unic_status infer(unic__call *c)
{
    UNIC__TRY(unic__expect_f32(c, 0));
    const unic__upsample_attr *attr = c->attr;
    const unic__shape *x = &c->in[0]->shape;
    unic__shape *y = &c->out->shape;
    char text[UNIC__SHAPE_TEXT];
    size_t count;
    if (x->rank < 3 || !unic__shape_count(x))
        return unic__shape_fail(c, "x %s is not [..,H,W,C] without empty dims",
                                unic__shape_print(x, text));
    if (!attr->factor)
        return unic__shape_fail(c, "factor is 0, expected at least 1");
    c->out->dtype = UNIC__F32;
    *y = *x;
    if (!unic__mul_size(x->dim[x->rank - 3], attr->factor, &y->dim[x->rank - 3]) ||
        !unic__mul_size(x->dim[x->rank - 2], attr->factor, &y->dim[x->rank - 2]) ||
        !unic__shape_count_checked(y, &count))
        return unic__shape_fail(c, "x %s times %zu is larger than any memory",
                                unic__shape_print(x, text), attr->factor);
    return UNIC_OK;
}

/* Place `low + part` on an axis of `n`; the neighbour is `high`. */
typedef struct place {
    size_t low, high;
    float part;
} place;

static inline place place_of(const dims *d, size_t o, size_t n)
{
    double at = d->align_corners ? (double)o * (double)(n - 1) /
                                       (double)(d->factor * n > 1 ? d->factor * n - 1 : 1)
                                 : ((double)o + 0.5) / (double)d->factor - 0.5;
    at = at > 0.0 ? at : 0.0;
    size_t low = (size_t)at < n - 1 ? (size_t)at : n - 1;
    return (place){low, low < n - 1 ? low + 1 : low, (float)(at - (double)low)};
}

UNIC__SIMD static void enlarge(float *restrict y, const float *restrict x, const dims *d)
{
    for (size_t oy = 0; oy < d->h * d->factor; oy++) {
        const place r = place_of(d, oy, d->h);
        for (size_t ox = 0; ox < d->w * d->factor; ox++, y += d->c) {
            const place s = place_of(d, ox, d->w);
            const float *a = x + (r.low * d->w + s.low) * d->c;
            const float *b = x + (r.low * d->w + s.high) * d->c;
            const float *e = x + (r.high * d->w + s.low) * d->c;
            const float *f = x + (r.high * d->w + s.high) * d->c;
            const float u = r.part, v = s.part;
            for (size_t j = 0; j < d->c; j++)
                y[j] = (1.0F - u) * ((1.0F - v) * a[j] + v * b[j]) +
                       u * ((1.0F - v) * e[j] + v * f[j]);
        }
    }
}

static bool worth_splitting(const unic__call *c)
{
    return unic__shape_count(&c->out->shape) > 1U << 15;
}

static void forward_images(const void *call, size_t from, size_t to)
{
    const unic__call *c = call;
    const dims d = dims_of(c);
    const size_t image = d.h * d.w * d.c, large = d.factor * d.factor * image;
    for (size_t i = from; i < to; i++)
        enlarge(c->out->x + i * large, c->in[0]->x + i * image, &d);
}

static void forward(unic__call *c)
{
    unic__parallel(dims_of(c).n, 1, worth_splitting(c), forward_images, c);
}

/* The four pixels may be one and the same (at an edge), so each is added to in turn. */
UNIC__SIMD static void add_pixel(float *restrict dx, const float *restrict dy, float weight,
                                 size_t n)
{
    for (size_t j = 0; j < n; j++)
        dx[j] += weight * dy[j];
}

static void gather_back(float *dx, const float *dy, const dims *d)
{
    for (size_t oy = 0; oy < d->h * d->factor; oy++) {
        const place r = place_of(d, oy, d->h);
        for (size_t ox = 0; ox < d->w * d->factor; ox++, dy += d->c) {
            const place s = place_of(d, ox, d->w);
            const float u = r.part, v = s.part;
            add_pixel(dx + (r.low * d->w + s.low) * d->c, dy, (1.0F - u) * (1.0F - v), d->c);
            add_pixel(dx + (r.low * d->w + s.high) * d->c, dy, (1.0F - u) * v, d->c);
            add_pixel(dx + (r.high * d->w + s.low) * d->c, dy, u * (1.0F - v), d->c);
            add_pixel(dx + (r.high * d->w + s.high) * d->c, dy, u * v, d->c);
        }
    }
}

static void backward_images(const void *call, size_t from, size_t to)
{
    const unic__call *c = call;
    const dims d = dims_of(c);
    const size_t image = d.h * d.w * d.c, large = d.factor * d.factor * image;
    for (size_t i = from; i < to; i++)
        gather_back(c->in[0]->dx + i * image, c->out->dx + i * large, &d);
}

static void backward(unic__call *c)
{
    if (c->in[0]->dx)
        unic__parallel(dims_of(c).n, 1, worth_splitting(c), backward_images, c);
}

const unic__op unic__op_upsample = {
    .name = "upsample",
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .keeps = UNIC__KEEP_NONE,
};
