#include <string.h>

#include "op/ops.h"
#include "op/vecmath.h"

/*
 * Dropout: y = x m / (1 - p) in training, y = x otherwise.
 * backward:  dx += dy m / (1 - p)
 * m_i = [u_i >= p] with u_i the i-th uniform number of the stream (seed, step, call): it is
 * drawn again in the backward pass, so nothing is saved.
 */

enum { CHUNK = 4096, PARALLEL_CHUNKS = 4 };

static unic_status infer(unic__call *c)
{
    const unic__dropout_attr *attr = c->attr;
    UNIC__TRY(unic__expect_f32(c, 0));
    if (!(attr->p >= 0.0F && attr->p < 1.0F))
        return unic__fail(UNIC_E_ARG, "dropout: p is %g, expected 0 <= p < 1", (double)attr->p);
    c->out->dtype = UNIC__F32;
    c->out->shape = c->in[0]->shape;
    return UNIC_OK;
}

/* What a chunk's loop needs: u >= p is u's 24 bits >= threshold, and 0 keeps all. */
typedef struct draw {
    unic__key key;
    uint64_t threshold;
    float scale;
} draw;

static draw draw_of(const unic__call *c)
{
    const unic__dropout_attr *attr = c->attr;
    if (!c->run->training)
        return (draw){{0}, 0, 1.0F};
    return (draw){unic__random_key(c->run->seed, c->run->step, c->id),
                  (uint64_t)(attr->p * 0x1p24F), 1.0F / (1.0F - attr->p)};
}

UNIC__SIMD static void forward_chunk(float *restrict y, const float *restrict x, size_t from,
                                     size_t to, const draw *d)
{
    const draw own = *d;
    if (!own.threshold) {
        memcpy(y + from, x + from, (to - from) * sizeof *y);
        return;
    }
    for (size_t i = from; i < to; i++) {
        bool keep = unic__random_bits(own.key, i) >> 40 >= own.threshold;
        y[i] = keep ? x[i] * own.scale : 0.0F;
    }
}

static void forward(unic__call *c)
{
    const size_t count = unic__shape_count(&c->out->shape);
    const draw d = draw_of(c);
    UNIC__PARALLEL_FOR(count >= PARALLEL_CHUNKS * CHUNK)
    for (size_t i = 0; i < count; i += CHUNK)
        forward_chunk(c->out->x, c->in[0]->x, i, i + CHUNK < count ? i + CHUNK : count, &d);
}

UNIC__SIMD static void backward_chunk(float *restrict dx, const float *restrict dy, size_t from,
                                      size_t to, const draw *d, bool fresh)
{
    const draw own = *d;
    for (size_t i = from; i < to; i++) {
        bool keep = unic__random_bits(own.key, i) >> 40 >= own.threshold;
        dx[i] = unic__so_far(fresh, dx[i]) + (keep ? dy[i] * own.scale : 0.0F);
    }
}

static void backward(unic__call *c)
{
    const size_t count = unic__shape_count(&c->out->shape);
    const draw d = draw_of(c);
    float *dx = c->in[0]->dx;
    const float *dy = c->out->dx;
    if (!dx)
        return;
    UNIC__PARALLEL_FOR(count >= PARALLEL_CHUNKS * CHUNK)
    for (size_t i = 0; i < count; i += CHUNK)
        backward_chunk(dx, dy, i, i + CHUNK < count ? i + CHUNK : count, &d,
                       unic__is_fresh(c, 0));
}

const unic__op unic__op_dropout = {
    .name = "dropout",
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .keeps = UNIC__KEEP_NONE,
    .stores = UNIC__STORES_IN(0),
};
