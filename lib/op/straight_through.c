#include <string.h>

#include "kernel/vecmath.h"
#include "op/operators.h"

/*
 * The straight-through estimator of quantisation (P2): y = z + sg[e - z], so
 *   y = e,   dz += dy
 */

enum { CHUNK = 1 << 14 };

static unic_status infer(unic__call *c)
{
    UNIC__TRY(unic__expect_f32(c, 0));
    UNIC__TRY(unic__expect_f32(c, 1));
    char z[UNIC__SHAPE_TEXT], e[UNIC__SHAPE_TEXT];
    if (!unic__shape_equal(&c->in[0]->shape, &c->in[1]->shape))
        return unic__shape_fail(c, "z is %s, e is %s", unic__shape_print(&c->in[0]->shape, z),
                                unic__shape_print(&c->in[1]->shape, e));
    c->out->dtype = UNIC__F32;
    c->out->shape = c->in[0]->shape;
    return UNIC_OK;
}

static void for_chunks(const unic__call *c, unic__part *f)
{
    const size_t count = unic__shape_count(&c->out->shape);
    unic__parallel(count, CHUNK, count >= 4 * CHUNK, f, c);
}

static void copy_part(const void *call, size_t from, size_t to)
{
    const unic__call *c = call;
    memcpy(c->out->x + from, c->in[1]->x + from, (to - from) * sizeof(float));
}

static void forward(unic__call *c)
{
    for_chunks(c, copy_part);
}

UNIC__SIMD static void add_part(const void *call, size_t from, size_t to)
{
    const unic__call *c = call;
    const bool fresh = unic__is_fresh(c, 0);
    float *restrict dz = c->in[0]->dx;
    const float *restrict dy = c->out->dx;
    for (size_t i = from; i < to; i++)
        dz[i] = unic__so_far(fresh, dz[i]) + dy[i];
}

static void backward(unic__call *c)
{
    if (c->in[0]->dx)
        for_chunks(c, add_part);
}

const unic__op unic__op_straight_through = {
    .name = "straight_through",
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .keeps = UNIC__KEEP_NONE,
    .stores = UNIC__STORES_IN(0),
};
