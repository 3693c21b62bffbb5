#include <string.h>

#include "kernel/vecmath.h"
#include "op/operators.h"

/*
 * Dropout: y = x m / (1 - p) in training, y = x otherwise.
 * backward:  dx += dy m / (1 - p)
 * m_i = [u_i >= p] with u_i the i-th uniform number of the stream (seed, step, call), where i is
 * counted in the whole batch of which this is a part. It is drawn again in the backward pass, so
 * nothing is saved.
 */

enum {
    LINE = UNIC__ALIGN / sizeof(float),
    PARALLEL_COUNT = 1 << 14, /* elements from which on two threads are worth it */
};

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

/* What the loops need: u >= p is u's 24 bits >= threshold, and 0 keeps all. */
typedef struct draw {
    unic__key key;
    uint64_t first; /* number of the first element's draw */
    uint64_t threshold;
    float scale;
} draw;

static draw draw_of(const unic__call *c)
{
    const unic__dropout_attr *attr = c->attr;
    if (!c->run->training)
        return (draw){{0}, 0, 0, 1.0F};
    return (draw){unic__random_key(c->run->seed, c->run->step, c->id),
                  c->run->part * unic__shape_count(&c->out->shape),
                  (uint64_t)(attr->p * 0x1p24F), 1.0F / (1.0F - attr->p)};
}

UNIC__SIMD static void forward_part(const void *call, size_t from, size_t to)
{
    const unic__call *c = call;
    const draw d = draw_of(c);
    const float *restrict x = c->in[0]->x;
    float *restrict y = c->out->x;
    if (!d.threshold) {
        memcpy(y + from, x + from, (to - from) * sizeof *y);
        return;
    }
    for (size_t i = from; i < to; i++) {
        bool keep = unic__random_bits(d.key, d.first + i) >> 40 >= d.threshold;
        y[i] = keep ? x[i] * d.scale : 0.0F;
    }
}

static void forward(unic__call *c)
{
    const size_t count = unic__shape_count(&c->out->shape);
    unic__parallel(count, LINE, count >= PARALLEL_COUNT, forward_part, c);
}

UNIC__SIMD static void backward_part(const void *call, size_t from, size_t to)
{
    const unic__call *c = call;
    const draw d = draw_of(c);
    const bool fresh = unic__is_fresh(c, 0);
    const float *restrict dy = c->out->dx;
    float *restrict dx = c->in[0]->dx;
    for (size_t i = from; i < to; i++) {
        bool keep = unic__random_bits(d.key, d.first + i) >> 40 >= d.threshold;
        dx[i] = unic__so_far(fresh, dx[i]) + (keep ? dy[i] * d.scale : 0.0F);
    }
}

static void backward(unic__call *c)
{
    const size_t count = unic__shape_count(&c->out->shape);
    if (c->in[0]->dx)
        unic__parallel(count, LINE, count >= PARALLEL_COUNT, backward_part, c);
}

const unic__op unic__op_dropout = {
    .name = "dropout",
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .keeps = UNIC__KEEP_NONE,
    .stores = UNIC__STORES_IN(0),
};
