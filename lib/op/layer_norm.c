#include <math.h>

#include "kernel/vecmath.h"
#include "op/operators.h"

/*
 * Layer normalisation over the last axis.
 *   y = g * xhat + b,   xhat = (x - mean) * rstd,   rstd = 1 / sqrt(biased var + eps)
 * NaN where var overflows: with rstd = 0 all of y would be b, and nobody would notice.
 * backward, with h = dy * g:
 *   dx += rstd * (h - mean(h) - xhat * mean(h * xhat))
 *   dg += sum_rows(dy * xhat),   db += sum_rows(dy)
 * Saved: mean and rstd of each row.
 */

enum {
    COLUMNS = 64,             /* columns of dg and db summed at a time, in registers        */
    PARALLEL_COUNT = 1 << 15, /* elements from which on two threads are worth it            */
};

static unic_status infer(unic__call *c)
{
    UNIC__TRY(unic__expect_f32(c, 0));
    const unic__shape *x = &c->in[0]->shape;
    const size_t d = unic__shape_last(x);
    char xs[UNIC__SHAPE_TEXT], ps[UNIC__SHAPE_TEXT];
    if (!x->rank || !d)
        return unic__shape_fail(c, "x %s has no last axis to normalise over",
                                unic__shape_print(x, xs));
    for (size_t k = 1; k <= 2; k++) {
        UNIC__TRY(unic__expect_rank(c, k, 1));
        if (c->in[k]->shape.dim[0] != d)
            return unic__shape_fail(c, "%s is %s, x is %s", k == 1 ? "gamma" : "beta",
                                    unic__shape_print(&c->in[k]->shape, ps),
                                    unic__shape_print(x, xs));
    }
    c->out->dtype = UNIC__F32;
    c->out->shape = *x;
    c->saved_size = 2 * unic__shape_rows(x);
    return UNIC_OK;
}

UNIC__SIMD static void forward_rows(float *restrict y, float *restrict mean,
                                    float *restrict rstd, const float *restrict x,
                                    const float *restrict g, const float *restrict b, float eps,
                                    size_t rows, size_t d)
{
    for (size_t r = 0; r < rows; r++, y += d, x += d) {
        const float m = unic__sumf(x, d) / (float)d;
        float squares = 0.0F;
        UNIC__LANES_SUM(squares)
        for (size_t j = 0; j < d; j++)
            squares += (x[j] - m) * (x[j] - m);
        const float var = squares / (float)d;
        const float s = var < INFINITY ? 1.0F / sqrtf(var + eps) : NAN;
        for (size_t j = 0; j < d; j++)
            y[j] = (x[j] - m) * s * g[j] + b[j];
        mean[r] = m;
        rstd[r] = s;
    }
}

static void forward_part(const void *call, size_t from, size_t to)
{
    const unic__call *c = call;
    const unic__layer_norm_attr *attr = c->attr;
    const unic__tensor *x = c->in[0];
    const size_t rows = unic__shape_rows(&x->shape), d = unic__shape_last(&x->shape);
    float *mean = c->saved, *rstd = c->saved + rows;
    forward_rows(c->out->x + from * d, mean + from, rstd + from, x->x + from * d, c->in[1]->x,
                 c->in[2]->x, attr->eps, to - from, d);
}

static void forward(unic__call *c)
{
    const size_t rows = unic__shape_rows(&c->out->shape), d = unic__shape_last(&c->out->shape);
    unic__parallel(rows, 1, rows * d >= PARALLEL_COUNT, forward_part, c);
}

UNIC__SIMD static void backward_rows(float *restrict dx, const float *restrict dy,
                                     const float *restrict x, const float *restrict g,
                                     const float *restrict mean, const float *restrict rstd,
                                     size_t rows, size_t d, bool fresh)
{
    for (size_t r = 0; r < rows; r++, dx += d, dy += d, x += d) {
        const float m = mean[r], s = rstd[r];
        float sum = 0.0F, dot = 0.0F;
        UNIC__PRAGMA(omp simd reduction(+ : sum, dot))
        for (size_t j = 0; j < d; j++) {
            float h = dy[j] * g[j];
            sum += h;
            dot += h * (x[j] - m) * s;
        }
        const float mean_h = sum / (float)d, mean_hx = dot / (float)d;
        for (size_t j = 0; j < d; j++)
            dx[j] = unic__so_far(fresh, dx[j]) +
                    s * (dy[j] * g[j] - mean_h - (x[j] - m) * s * mean_hx);
    }
}

/* dg and db (either may be NULL) of `width` columns; rows are added in index order. */
UNIC__SIMD static void backward_columns(float *dg, float *db, const float *dy, const float *x,
                                        const float *mean, const float *rstd, size_t rows,
                                        size_t d, size_t width)
{
    float sum_g[COLUMNS] = {0}, sum_b[COLUMNS] = {0};
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < width; j++) {
            sum_g[j] += dy[r * d + j] * (x[r * d + j] - mean[r]) * rstd[r];
            sum_b[j] += dy[r * d + j];
        }
    for (size_t j = 0; dg && j < width; j++)
        dg[j] += sum_g[j];
    for (size_t j = 0; db && j < width; j++)
        db[j] += sum_b[j];
}

static void backward_part(const void *call, size_t from, size_t to)
{
    const unic__call *c = call;
    const unic__tensor *x = c->in[0];
    const size_t rows = unic__shape_rows(&x->shape), d = unic__shape_last(&x->shape);
    const float *mean = c->saved, *rstd = c->saved + rows;
    backward_rows(x->dx + from * d, c->out->dx + from * d, x->x + from * d, c->in[1]->x,
                  mean + from, rstd + from, to - from, d, unic__is_fresh(c, 0));
}

static void columns_part(const void *call, size_t from, size_t to)
{
    const unic__call *c = call;
    const unic__tensor *x = c->in[0];
    const size_t rows = unic__shape_rows(&x->shape), d = unic__shape_last(&x->shape);
    const float *mean = c->saved, *rstd = c->saved + rows;
    float *dg = c->in[1]->dx, *db = c->in[2]->dx;
    for (size_t j = from; j < to; j += COLUMNS)
        backward_columns(dg ? dg + j : NULL, db ? db + j : NULL, c->out->dx + j, x->x + j, mean,
                         rstd, rows, d, to - j < COLUMNS ? to - j : COLUMNS);
}

static void backward(unic__call *c)
{
    const size_t rows = unic__shape_rows(&c->out->shape), d = unic__shape_last(&c->out->shape);
    const bool worth = rows * d >= PARALLEL_COUNT;
    if (c->in[0]->dx)
        unic__parallel(rows, 1, worth, backward_part, c);
    if (c->in[1]->dx || c->in[2]->dx)
        unic__parallel(d, COLUMNS, worth, columns_part, c);
}

const unic__op unic__op_layer_norm = {
    .name = "layer_norm",
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .keeps = UNIC__KEEP_IN(0) | UNIC__KEEP_IN(1),
    .stores = UNIC__STORES_IN(0),
};
