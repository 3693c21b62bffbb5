#include <math.h>

#include "op/operators.h"

/*
 * Batch normalisation, in two operators: one computes the moments of the rows, the other
 * normalises with them. In training the moments are those of x, and their gradient flows back
 * into x. In inference they are running means, which the caller keeps as state.
 *
 * channel_moments: x [..,C], R rows -> y [2,C],  y_0 = mean = 1/R sum_r x_r,
 *                                               y_1 = var = 1/R sum_r (x_r - mean)^2
 * backward:        dx_r += (dmean + 2 (x_r - mean) dvar) / R
 */

enum {
    COLUMNS = 64,             /* columns summed at a time, in registers                     */
    PARALLEL_COUNT = 1 << 15, /* elements from which on two threads are worth it            */
};

static unic_status moments_infer(unic__call *c)
{
    UNIC__TRY(unic__expect_f32(c, 0));
    const unic__shape *x = &c->in[0]->shape;
    char text[UNIC__SHAPE_TEXT];
    if (!x->rank || !unic__shape_count(x))
        return unic__shape_fail(c, "x %s is not [..,C] without empty dims",
                                unic__shape_print(x, text));
    c->out->dtype = UNIC__F32;
    c->out->shape = UNIC__SHAPE_OF(2, unic__shape_last(x));
    return UNIC_OK;
}

static bool worth_splitting(const unic__call *c)
{
    return unic__shape_count(&c->in[0]->shape) >= PARALLEL_COUNT;
}

/* Two passes, in double and in index order: the mean of squares would cancel. */
UNIC__SIMD static void moments_columns(float *mean, float *var, const float *x, size_t rows,
                                       size_t n, size_t width)
{
    double sum[COLUMNS] = {0}, squares[COLUMNS] = {0};
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < width; j++)
            sum[j] += (double)x[r * n + j];
    for (size_t j = 0; j < width; j++)
        sum[j] /= (double)rows;
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < width; j++) {
            double off = (double)x[r * n + j] - sum[j];
            squares[j] += off * off;
        }
    for (size_t j = 0; j < width; j++) {
        mean[j] = (float)sum[j];
        var[j] = (float)(squares[j] / (double)rows);
    }
}

static void moments_part(const void *call, size_t from, size_t to)
{
    const unic__call *c = call;
    const unic__tensor *x = c->in[0];
    const size_t rows = unic__shape_rows(&x->shape), n = unic__shape_last(&x->shape);
    float *mean = c->out->x, *var = mean + n;
    for (size_t j = from; j < to; j += COLUMNS)
        moments_columns(mean + j, var + j, x->x + j, rows, n,
                        to - j < COLUMNS ? to - j : COLUMNS);
}

static void moments_forward(unic__call *c)
{
    unic__parallel(unic__shape_last(&c->in[0]->shape), COLUMNS, worth_splitting(c),
                   moments_part, c);
}

UNIC__SIMD static void moments_row(float *restrict dx, const float *restrict x,
                                   const float *restrict mean, const float *restrict dmean,
                                   const float *restrict dvar, float scale, size_t n)
{
    for (size_t j = 0; j < n; j++)
        dx[j] += scale * (dmean[j] + 2.0F * (x[j] - mean[j]) * dvar[j]);
}

static void moments_rows(const void *call, size_t from, size_t to)
{
    const unic__call *c = call;
    const unic__tensor *x = c->in[0];
    const size_t rows = unic__shape_rows(&x->shape), n = unic__shape_last(&x->shape);
    const float *mean = c->out->x, *dy = c->out->dx;
    for (size_t r = from; r < to; r++)
        moments_row(x->dx + r * n, x->x + r * n, mean, dy, dy + n, 1.0F / (float)rows, n);
}

static void moments_backward(unic__call *c)
{
    if (c->in[0]->dx)
        unic__parallel(unic__shape_rows(&c->in[0]->shape), 1, worth_splitting(c), moments_rows,
                       c);
}

const unic__op unic__op_channel_moments = {
    .name = "channel_moments",
    .infer = moments_infer,
    .forward = moments_forward,
    .backward = moments_backward,
    .keeps = UNIC__KEEP_IN(0) | UNIC__KEEP_OUT,
};

/*
 * batch_norm: y = gamma xhat + beta,   xhat = (x - mean) rstd,   rstd = 1 / sqrt(var + eps)
 * NaN where var is infinite: with rstd = 0 all of y would be beta, and nobody would notice.
 * backward, with s = sum_rows(dy) and t = sum_rows(dy xhat):
 *   dx += gamma rstd dy,   dgamma += t,   dbeta += s,
 *   dmean -= gamma rstd s,   dvar -= gamma rstd^2 t / 2
 * Saved: rstd [C]. Scratch: s and t.
 */

static unic_status infer(unic__call *c)
{
    UNIC__TRY(unic__expect_f32(c, 0));
    const unic__shape *x = &c->in[0]->shape;
    static const char *const names[] = {"x", "gamma", "beta", "moments"};
    char xs[UNIC__SHAPE_TEXT], ps[UNIC__SHAPE_TEXT];
    if (!x->rank || !unic__shape_count(x))
        return unic__shape_fail(c, "x %s is not [..,C] without empty dims",
                                unic__shape_print(x, xs));
    const size_t n = unic__shape_last(x);
    for (size_t k = 1; k <= 3; k++) {
        UNIC__TRY(unic__expect_rank(c, k, k == 3 ? 2 : 1));
        const unic__shape *p = &c->in[k]->shape;
        if (unic__shape_last(p) != n || (k == 3 && p->dim[0] != 2))
            return unic__shape_fail(c, "%s is %s, x is %s", names[k], unic__shape_print(p, ps),
                                    unic__shape_print(x, xs));
    }
    c->out->dtype = UNIC__F32;
    c->out->shape = *x;
    c->saved_size = n;
    c->scratch_size = 2 * n;
    return UNIC_OK;
}

UNIC__SIMD static void forward_row(float *restrict y, const float *restrict x,
                                   const float *restrict g, const float *restrict b,
                                   const float *restrict mean, const float *restrict rstd,
                                   size_t n)
{
    for (size_t j = 0; j < n; j++)
        y[j] = (x[j] - mean[j]) * rstd[j] * g[j] + b[j];
}

static void forward_rows(const void *call, size_t from, size_t to)
{
    const unic__call *c = call;
    const size_t n = unic__shape_last(&c->out->shape);
    for (size_t r = from; r < to; r++)
        forward_row(c->out->x + r * n, c->in[0]->x + r * n, c->in[1]->x, c->in[2]->x,
                    c->in[3]->x, c->saved, n);
}

static void forward(unic__call *c)
{
    const unic__batch_norm_attr *attr = c->attr;
    const size_t rows = unic__shape_rows(&c->out->shape), n = unic__shape_last(&c->out->shape);
    const float *var = c->in[3]->x + n;
    float *rstd = c->saved;
    for (size_t j = 0; j < n; j++)
        rstd[j] = var[j] < INFINITY ? 1.0F / sqrtf(var[j] + attr->eps) : NAN;
    unic__parallel(rows, 1, worth_splitting(c), forward_rows, c);
}

UNIC__SIMD static void backward_row(float *restrict dx, const float *restrict dy,
                                    const float *restrict g, const float *restrict rstd,
                                    size_t n)
{
    for (size_t j = 0; j < n; j++)
        dx[j] += g[j] * rstd[j] * dy[j];
}

/* s and t of `width` columns; rows are added in index order. */
UNIC__SIMD static void sum_columns(float *s, float *t, const float *dy, const float *x,
                                   const float *mean, const float *rstd, size_t rows, size_t n,
                                   size_t width)
{
    double sum[COLUMNS] = {0}, dot[COLUMNS] = {0};
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < width; j++) {
            sum[j] += (double)dy[r * n + j];
            dot[j] += (double)(dy[r * n + j] * (x[r * n + j] - mean[j]) * rstd[j]);
        }
    for (size_t j = 0; j < width; j++) {
        s[j] = (float)sum[j];
        t[j] = (float)dot[j];
    }
}

static void backward_rows(const void *call, size_t from, size_t to)
{
    const unic__call *c = call;
    const size_t n = unic__shape_last(&c->out->shape);
    for (size_t r = from; r < to; r++)
        backward_row(c->in[0]->dx + r * n, c->out->dx + r * n, c->in[1]->x, c->saved, n);
}

static void sum_part(const void *call, size_t from, size_t to)
{
    const unic__call *c = call;
    const unic__tensor *x = c->in[0];
    const size_t rows = unic__shape_rows(&x->shape), n = unic__shape_last(&x->shape);
    const float *mean = c->in[3]->x, *rstd = c->saved, *dy = c->out->dx;
    float *s = c->scratch, *t = s + n;
    for (size_t j = from; j < to; j += COLUMNS)
        sum_columns(s + j, t + j, dy + j, x->x + j, mean + j, rstd + j, rows, n,
                    to - j < COLUMNS ? to - j : COLUMNS);
}

static void backward(unic__call *c)
{
    const size_t rows = unic__shape_rows(&c->out->shape), n = unic__shape_last(&c->out->shape);
    const float *g = c->in[1]->x, *rstd = c->saved, *s = c->scratch, *t = s + n;
    float *dg = c->in[1]->dx, *db = c->in[2]->dx, *dm = c->in[3]->dx;
    if (c->in[0]->dx)
        unic__parallel(rows, 1, worth_splitting(c), backward_rows, c);
    if (!dg && !db && !dm)
        return;
    unic__parallel(n, COLUMNS, worth_splitting(c), sum_part, c);
    for (size_t j = 0; j < n; j++) {
        if (dg)
            dg[j] += t[j];
        if (db)
            db[j] += s[j];
        if (dm) {
            dm[j] -= g[j] * rstd[j] * s[j];
            dm[n + j] -= 0.5F * g[j] * rstd[j] * rstd[j] * t[j];
        }
    }
}

const unic__op unic__op_batch_norm = {
    .name = "batch_norm",
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .keeps = UNIC__KEEP_IN(0) | UNIC__KEEP_IN(1) | UNIC__KEEP_IN(3),
};
