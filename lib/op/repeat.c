#include <string.h>

#include "op/operators.h"

/*
 * Repetition along an axis of size 1 (a materialised broadcast).
 *   y[..,i,..] = x[..,0,..] for i < times
 * backward:  dx += sum_i dy[..,i,..]
 */

static unic_status infer(unic__call *c)
{
    const unic__repeat_attr *attr = c->attr;
    UNIC__TRY(unic__expect_f32(c, 0));
    const unic__shape *x = &c->in[0]->shape;
    char text[UNIC__SHAPE_TEXT];
    if (attr->axis >= x->rank || x->dim[attr->axis] != 1 || attr->times == 0)
        return unic__shape_fail(
            c, "axis %zu of %s must have size 1, and be repeated at least once", attr->axis,
            unic__shape_print(x, text));
    c->out->dtype = UNIC__F32;
    c->out->shape = *x;
    c->out->shape.dim[attr->axis] = attr->times;
    return UNIC_OK;
}

/* x is [outer,inner], y is [outer,times,inner]. */
static void sizes(const unic__call *c, size_t *outer, size_t *inner)
{
    const unic__repeat_attr *attr = c->attr;
    const unic__shape *x = &c->in[0]->shape;
    *outer = *inner = 1;
    for (size_t i = 0; i < attr->axis; i++)
        *outer *= x->dim[i];
    for (size_t i = attr->axis + 1; i < x->rank; i++)
        *inner *= x->dim[i];
}

static void forward(unic__call *c)
{
    size_t outer, inner, times = ((const unic__repeat_attr *)c->attr)->times;
    sizes(c, &outer, &inner);
    for (size_t o = 0; o < outer; o++)
        for (size_t i = 0; i < times; i++)
            memcpy(c->out->x + (o * times + i) * inner, c->in[0]->x + o * inner,
                   inner * sizeof(float));
}

UNIC__SIMD static void sum_repeats(float *dx, const float *dy, size_t times, size_t inner,
                                   bool fresh)
{
    if (fresh)
        memset(dx, 0, inner * sizeof *dx);
    for (size_t i = 0; i < times; i++, dy += inner)
        for (size_t j = 0; j < inner; j++)
            dx[j] += dy[j];
}

static void backward(unic__call *c)
{
    size_t outer, inner, times = ((const unic__repeat_attr *)c->attr)->times;
    sizes(c, &outer, &inner);
    for (size_t o = 0; o < outer; o++)
        sum_repeats(c->in[0]->dx + o * inner, c->out->dx + o * times * inner, times, inner,
                    unic__is_fresh(c, 0));
}

const unic__op unic__op_repeat = {
    .name = "repeat",
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .keeps = UNIC__KEEP_NONE,
    .stores = UNIC__STORES_IN(0),
};
