#include <string.h>

#include "op/ops.h"

/*
 * stop_gradient     y = x,  no gradient:  sg[x]
 * straight_through  y = e,  dz += dy:     z + sg[e - z], the quantiser for its encoder (P2)
 */

enum { CHUNK = 1 << 14 };

static unic_status infer(unic__call *c)
{
    UNIC__TRY(unic__expect_f32(c, 0));
    c->out->dtype = UNIC__F32;
    c->out->shape = c->in[0]->shape;
    return UNIC_OK;
}

static void copy(float *y, const float *x, size_t count)
{
    UNIC__PARALLEL_FOR(count >= 4 * CHUNK)
    for (size_t i = 0; i < count; i += CHUNK)
        memcpy(y + i, x + i, (count - i < CHUNK ? count - i : CHUNK) * sizeof *y);
}

static void forward(unic__call *c)
{
    copy(c->out->x, c->in[0]->x, unic__shape_count(&c->out->shape));
}

const unic__op unic__op_stop_gradient = {
    .name = "stop_gradient",
    .infer = infer,
    .forward = forward,
    .keeps = UNIC__KEEP_NONE,
};

static unic_status infer_straight_through(unic__call *c)
{
    UNIC__TRY(infer(c));
    UNIC__TRY(unic__expect_f32(c, 1));
    char z[UNIC__SHAPE_TEXT], e[UNIC__SHAPE_TEXT];
    if (!unic__shape_equal(&c->in[0]->shape, &c->in[1]->shape))
        return unic__shape_fail(c, "z is %s, e is %s", unic__shape_print(&c->in[0]->shape, z),
                                unic__shape_print(&c->in[1]->shape, e));
    return UNIC_OK;
}

static void forward_straight_through(unic__call *c)
{
    copy(c->out->x, c->in[1]->x, unic__shape_count(&c->out->shape));
}

UNIC__SIMD static void add_chunk(float *restrict dx, const float *restrict dy, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dx[i] += dy[i];
}

static void backward_straight_through(unic__call *c)
{
    float *dz = c->in[0]->dx;
    const size_t count = unic__shape_count(&c->out->shape);
    if (!dz)
        return;
    UNIC__PARALLEL_FOR(count >= 4 * CHUNK)
    for (size_t i = 0; i < count; i += CHUNK)
        add_chunk(dz + i, c->out->dx + i, count - i < CHUNK ? count - i : CHUNK);
}

const unic__op unic__op_straight_through = {
    .name = "straight_through",
    .infer = infer_straight_through,
    .forward = forward_straight_through,
    .backward = backward_straight_through,
    .keeps = UNIC__KEEP_NONE,
};
