#include "op/pool.h"

/*
 * Mean over k x k windows of channels-last images: x [..,H,W,C] -> y [..,Ho,Wo,C],
 * Ho = (H - k) / stride + 1 (rounded down).
 *   y[oy,ox] = 1/k^2 sum_{ky,kx < k} x[oy stride + ky, ox stride + kx]
 * backward:  dx[oy stride + ky, ox stride + kx] += dy[oy,ox] / k^2
 */

UNIC__SIMD static void pool(float *restrict y, const float *restrict x,
                            const unic__pool_dims *d)
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

UNIC__SIMD static void unpool(float *restrict dx, const float *restrict dy,
                              const unic__pool_dims *d)
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
    const unic__pool_dims d = unic__pool_dims_of(c);
    for (size_t i = from; i < to; i++)
        unpool(c->in[0]->dx + i * d.h * d.w * d.c, c->out->dx + i * d.oh * d.ow * d.c, &d);
}

static void backward(unic__call *c)
{
    if (c->in[0]->dx)
        unic__pool_images(c, backward_images);
}

const unic__op unic__op_avg_pool2d = {
    .name = "avg_pool2d",
    .infer = unic__pool_infer,
    .forward = forward,
    .backward = backward,
    .keeps = UNIC__KEEP_NONE,
};
