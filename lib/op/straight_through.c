#include <string.h>

#include "kernel/vecmath.h"
#include "op/operators.h"

/*
 * The quantiser for its encoder (P2): y = z + sg[e - z], so
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

static void forward(unic__call *c)
{
    const size_t count = unic__shape_count(&c->out->shape);
    UNIC__PARALLEL_FOR(count >= 4 * CHUNK)
    for (size_t i = 0; i < count; i += CHUNK)
        memcpy(c->out->x + i, c->in[1]->x + i,
               (count - i < CHUNK ? count - i : CHUNK) * sizeof(float));
}

UNIC__SIMD static void add_chunk(float *restrict dx, const float *restrict dy, size_t n,
                                 bool fresh)
{
    for (size_t i = 0; i < n; i++)
        dx[i] = unic__so_far(fresh, dx[i]) + dy[i];
}

static void backward(unic__call *c)
{
    float *dz = c->in[0]->dx;
    const size_t count = unic__shape_count(&c->out->shape);
    if (!dz)
        return;
    UNIC__PARALLEL_FOR(count >= 4 * CHUNK)
    for (size_t i = 0; i < count; i += CHUNK)
        add_chunk(dz + i, c->out->dx + i, count - i < CHUNK ? count - i : CHUNK,
                  unic__is_fresh(c, 0));
}

const unic__op unic__op_straight_through = {
    .name = "straight_through",
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .keeps = UNIC__KEEP_NONE,
    .stores = UNIC__STORES_IN(0),
};
