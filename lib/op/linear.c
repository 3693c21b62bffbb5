#include <string.h>

#include "op/blas_glue.h"
#include "op/ops.h"
#include "op/reduce_rows.h"

/*
 * Linear layer over the last axis, with an optional relu behind it.
 *   y = x w^T + b
 * backward:  dx += dy w,   dw += dy^T x,   db += sum_rows(dy);   with relu, dy is first masked by y > 0
 */

static unic_status infer(unic__call *c)
{
    UNIC__TRY(unic__expect_f32(c, 0));
    UNIC__TRY(unic__expect_rank(c, 1, 2));
    const unic__linear_attr *attr = c->attr;
    const unic__shape *x = &c->in[0]->shape, *w = &c->in[1]->shape;
    char xs[UNIC__SHAPE_TEXT], ws[UNIC__SHAPE_TEXT];
    if (!x->rank || unic__shape_last(x) != w->dim[1])
        return unic__shape_fail(c, "x %s does not end in the weight's %s second dim",
                                unic__shape_print(x, xs), unic__shape_print(w, ws));
    if (c->in[2]) {
        UNIC__TRY(unic__expect_rank(c, 2, 1));
        if (c->in[2]->shape.dim[0] != w->dim[0])
            return unic__shape_fail(c, "bias has %zu entries, the weight %s",
                                    c->in[2]->shape.dim[0], unic__shape_print(w, ws));
    }
    c->out->dtype = UNIC__F32;
    c->out->shape = *x;
    c->out->shape.dim[x->rank - 1] = w->dim[0];
    if (attr->relu)
        c->scratch_size = unic__shape_count(&c->out->shape); /* dy behind the relu */
    return UNIC_OK;
}

/* y = max(y + b, 0), or y + b; b may be NULL. */
UNIC__SIMD static void add_bias(float *y, const float *b, size_t rows, size_t n, bool relu)
{
    for (size_t r = 0; r < rows; r++, y += n) {
        if (b)
            for (size_t j = 0; j < n; j++)
                y[j] += b[j];
        if (relu)
            for (size_t j = 0; j < n; j++)
                y[j] = y[j] > 0.0F ? y[j] : 0.0F;
    }
}

static void forward(unic__call *c)
{
    const unic__linear_attr *attr = c->attr;
    const unic__tensor *x = c->in[0], *w = c->in[1], *b = c->in[2];
    size_t rows = unic__shape_rows(&x->shape), n = w->shape.dim[0], k = w->shape.dim[1];
    unic__sgemm(false, true, rows, n, k, 1.0F, x->x, k, w->x, k, 0.0F, c->out->x, n);
    if (b || attr->relu)
        add_bias(c->out->x, b ? b->x : NULL, rows, n, attr->relu);
}

UNIC__SIMD static void mask_by_output(float *g, const float *dy, const float *y, size_t count)
{
    for (size_t i = 0; i < count; i++)
        g[i] = y[i] > 0.0F ? dy[i] : 0.0F;
}

static void backward(unic__call *c)
{
    const unic__linear_attr *attr = c->attr;
    const unic__tensor *x = c->in[0], *w = c->in[1], *b = c->in[2];
    size_t rows = unic__shape_rows(&x->shape), n = w->shape.dim[0], k = w->shape.dim[1];
    const float *dy = c->out->dx;
    if (attr->relu) {
        mask_by_output(c->scratch, dy, c->out->x, rows * n);
        dy = c->scratch;
    }
    if (x->dx)
        unic__sgemm(false, false, rows, k, n, 1.0F, dy, n, w->x, k, 1.0F, x->dx, k);
    if (w->dx)
        unic__sgemm(true, false, n, k, rows, 1.0F, dy, n, x->x, k, 1.0F, w->dx, k);
    if (b && b->dx)
        unic__add_column_sums(b->dx, dy, rows, n);
}

const unic__op unic__op_linear = {
    .name = "linear",
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .keeps = UNIC__KEEP_IN(0) | UNIC__KEEP_IN(1) | UNIC__KEEP_OUT,
};
