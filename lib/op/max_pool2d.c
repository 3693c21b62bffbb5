#include "op/pool.h"

/*
 * Maximum over k x k windows of channels-last images: x [..,H,W,C] -> y [..,Ho,Wo,C],
 * Ho = (H - k) / stride + 1 (rounded down).
 *   y[oy,ox] = max_{ky,kx < k} x[oy stride + ky, ox stride + kx]
 * backward:  dx += dy at the window's largest pixel, of equal ones the first in row-major order
 */

/* The larger of two pixels' channels; a NaN that is met stays. Two selections without a branch
 * between them, so that loops over channels vectorise. */
static inline float larger(float so_far, float pixel)
{
    const float most = pixel > so_far ? pixel : so_far;
    return pixel != pixel ? pixel : most;
}

/* A window of 2 x 2 by what was loaded once. */
UNIC__SIMD static void pool_four(float *restrict y, const float *restrict a,
                                 const float *restrict b, size_t c)
{
    for (size_t j = 0; j < c; j++)
        y[j] = larger(larger(larger(a[j], a[c + j]), b[j]), b[c + j]);
}

UNIC__SIMD static void pool_window(float *restrict y, const float *restrict window,
                                   const unic__pool_dims *d)
{
    for (size_t j = 0; j < d->c; j++)
        y[j] = window[j];
    for (size_t i = 1; i < d->k * d->k; i++) {
        const float *pixel = window + (i / d->k * d->w + i % d->k) * d->c;
        for (size_t j = 0; j < d->c; j++)
            y[j] = larger(y[j], pixel[j]);
    }
}

static void pool(float *y, const float *x, const unic__pool_dims *d)
{
    for (size_t oy = 0; oy < d->oh; oy++)
        for (size_t ox = 0; ox < d->ow; ox++, y += d->c) {
            const float *window = x + (oy * d->w + ox) * d->stride * d->c;
            if (d->k == 2)
                pool_four(y, window, window + d->w * d->c, d->c);
            else
                pool_window(y, window, d);
        }
}

static void forward_images(const void *call, size_t from, size_t to)
{
    const unic__call *c = call;
    const unic__pool_dims d = unic__pool_dims_of(c);
    for (size_t i = from; i < to; i++)
        pool(c->out->x + i * d.oh * d.ow * d.c, c->in[0]->x + i * d.h * d.w * d.c, &d);
}

static void forward(unic__call *c)
{
    unic__pool_images(c, forward_images);
}

/* Where in the window its largest pixel of one channel is. */
static size_t largest(const float *window, const unic__pool_dims *d)
{
    size_t best = 0;
    for (size_t i = 1; i < d->k * d->k; i++) {
        const size_t at = (i / d->k * d->w + i % d->k) * d->c;
        if (window[at] > window[best])
            best = at;
    }
    return best;
}

static void unpool(float *dx, const float *dy, const float *x, const unic__pool_dims *d)
{
    for (size_t oy = 0; oy < d->oh; oy++)
        for (size_t ox = 0; ox < d->ow; ox++)
            for (size_t j = 0; j < d->c; j++) {
                const size_t window = (oy * d->w + ox) * d->stride * d->c + j;
                dx[window + largest(x + window, d)] += *dy++;
            }
}

static void backward_images(const void *call, size_t from, size_t to)
{
    const unic__call *c = call;
    const unic__pool_dims d = unic__pool_dims_of(c);
    const size_t image = d.h * d.w * d.c;
    for (size_t i = from; i < to; i++)
        unpool(c->in[0]->dx + i * image, c->out->dx + i * d.oh * d.ow * d.c,
               c->in[0]->x + i * image, &d);
}

static void backward(unic__call *c)
{
    if (c->in[0]->dx)
        unic__pool_images(c, backward_images);
}

const unic__op unic__op_max_pool2d = {
    .name = "max_pool2d",
    .infer = unic__pool_infer,
    .forward = forward,
    .backward = backward,
    .keeps = UNIC__KEEP_IN(0),
};
