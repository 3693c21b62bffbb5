#include "kernel/vecmath.h"
#include "op/operators.h"

/*
 * Over the last axis, with s the sum over the classes that take part (all, without a mask):
 *   softmax      y = exp(x - max x) / s, 0 where masked      dx += y (dy - sum(dy y))
 *   log_softmax  y = x - max x - log s                       dx += dy - exp(y) sum(dy)
 */

enum {
    PARALLEL_COUNT = 1 << 13 /* elements from which on two threads are worth it             */
};

static unic_status infer_x(unic__call *c)
{
    UNIC__TRY(unic__expect_f32(c, 0));
    const unic__shape *x = &c->in[0]->shape;
    char text[UNIC__SHAPE_TEXT];
    if (!x->rank || !unic__shape_last(x))
        return unic__shape_fail(c, "x %s has no last axis to sum over",
                                unic__shape_print(x, text));
    c->out->dtype = UNIC__F32;
    c->out->shape = *x;
    return UNIC_OK;
}

static unic_status infer_softmax(unic__call *c)
{
    UNIC__TRY(infer_x(c));
    if (c->input_count < 2 || !c->in[1])
        return UNIC_OK;
    UNIC__TRY(unic__expect_f32(c, 1));
    const unic__shape *x = &c->in[0]->shape, *mask = &c->in[1]->shape;
    char xs[UNIC__SHAPE_TEXT], ms[UNIC__SHAPE_TEXT];
    bool fits = mask->rank > 0 && mask->rank <= x->rank;
    for (size_t i = 1; fits && i <= mask->rank; i++)
        fits = mask->dim[mask->rank - i] == x->dim[x->rank - i];
    if (!fits)
        return unic__shape_fail(c, "mask %s is not the last dims of x %s",
                                unic__shape_print(mask, ms), unic__shape_print(x, xs));
    return UNIC_OK;
}

/* ---- softmax ---- */

UNIC__INLINE void softmax_row(float *restrict y, const float *restrict x, size_t d)
{
    const float max = unic__maxf(x, d);
    float sum = 0.0F;
    UNIC__LANES_SUM(sum)
    for (size_t j = 0; j < d; j++) {
        y[j] = unic__expf(x[j] - max);
        sum += y[j];
    }
    const float scale = 1.0F / sum;
    for (size_t j = 0; j < d; j++)
        y[j] *= scale;
}

UNIC__INLINE void masked_row(float *restrict y, const float *restrict x,
                             const float *restrict mask, size_t d)
{
    float max = -INFINITY, sum = 0.0F;
    UNIC__LANES_MAX(max)
    for (size_t j = 0; j < d; j++)
        max = mask[j] != 0.0F && x[j] > max ? x[j] : max;
    UNIC__LANES_SUM(sum)
    for (size_t j = 0; j < d; j++) {
        float e = unic__expf(x[j] - max);
        y[j] = mask[j] != 0.0F ? e : 0.0F;
        sum += y[j];
    }
    const float scale = sum == 0.0F ? 0.0F : 1.0F / sum;
    for (size_t j = 0; j < d; j++)
        y[j] *= scale;
}

/* Rows are shared out among the threads where there is enough to do. */
static void for_rows(const unic__call *c, unic__part *f)
{
    const size_t rows = unic__shape_rows(&c->out->shape), d = unic__shape_last(&c->out->shape);
    unic__parallel(rows, 1, rows * d >= PARALLEL_COUNT, f, c);
}

/* The mask may be absent; its rows serve x's in turn. */
UNIC__SIMD static void softmax_rows(const void *call, size_t from, size_t to)
{
    const unic__call *c = call;
    const unic__tensor *mask = c->input_count > 1 ? c->in[1] : NULL;
    const size_t d = unic__shape_last(&c->out->shape);
    const size_t mask_rows = mask ? unic__shape_rows(&mask->shape) : 1;
    float *y = c->out->x;
    const float *x = c->in[0]->x;
    for (size_t r = from; r < to; r++) {
        if (mask)
            masked_row(y + r * d, x + r * d, mask->x + r % mask_rows * d, d);
        else
            softmax_row(y + r * d, x + r * d, d);
    }
}

static void forward_softmax(unic__call *c)
{
    for_rows(c, softmax_rows);
}

UNIC__SIMD static void softmax_rows_backward(const void *call, size_t from, size_t to)
{
    const unic__call *c = call;
    const size_t d = unic__shape_last(&c->out->shape);
    const bool fresh = unic__is_fresh(c, 0);
    float *restrict dx = c->in[0]->dx + from * d;
    const float *restrict dy = c->out->dx + from * d, *restrict y = c->out->x + from * d;
    for (size_t r = from; r < to; r++, dx += d, dy += d, y += d) {
        const float dot = unic__dotf(dy, y, d);
        for (size_t j = 0; j < d; j++)
            dx[j] = unic__so_far(fresh, dx[j]) + y[j] * (dy[j] - dot);
    }
}

static void backward_softmax(unic__call *c)
{
    if (c->in[0]->dx)
        for_rows(c, softmax_rows_backward);
}

const unic__op unic__op_softmax = {
    .name = "softmax",
    .infer = infer_softmax,
    .forward = forward_softmax,
    .backward = backward_softmax,
    .keeps = UNIC__KEEP_OUT,
    .stores = UNIC__STORES_IN(0),
};

/* ---- log_softmax ---- */

UNIC__SIMD static void log_softmax_rows(const void *call, size_t from, size_t to)
{
    const unic__call *c = call;
    const size_t d = unic__shape_last(&c->out->shape);
    float *restrict y = c->out->x + from * d;
    const float *restrict x = c->in[0]->x + from * d;
    for (size_t r = from; r < to; r++, y += d, x += d) {
        const float max = unic__maxf(x, d);
        float sum = 0.0F;
        UNIC__LANES_SUM(sum)
        for (size_t j = 0; j < d; j++)
            sum += unic__expf(x[j] - max);
        const float log_sum = unic__logf(sum);
        for (size_t j = 0; j < d; j++)
            y[j] = x[j] - max - log_sum;
    }
}

static void forward_log_softmax(unic__call *c)
{
    for_rows(c, log_softmax_rows);
}

UNIC__SIMD static void log_softmax_rows_backward(const void *call, size_t from, size_t to)
{
    const unic__call *c = call;
    const size_t d = unic__shape_last(&c->out->shape);
    const bool fresh = unic__is_fresh(c, 0);
    float *restrict dx = c->in[0]->dx + from * d;
    const float *restrict dy = c->out->dx + from * d, *restrict y = c->out->x + from * d;
    for (size_t r = from; r < to; r++, dx += d, dy += d, y += d) {
        const float sum = unic__sumf(dy, d);
        for (size_t j = 0; j < d; j++)
            dx[j] = unic__so_far(fresh, dx[j]) + dy[j] - unic__expf(y[j]) * sum;
    }
}

static void backward_log_softmax(unic__call *c)
{
    if (c->in[0]->dx)
        for_rows(c, log_softmax_rows_backward);
}

const unic__op unic__op_log_softmax = {
    .name = "log_softmax",
    .infer = infer_x,
    .forward = forward_log_softmax,
    .backward = backward_log_softmax,
    .keeps = UNIC__KEEP_OUT,
    .stores = UNIC__STORES_IN(0),
};
