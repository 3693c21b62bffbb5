#include "kernel/vecmath.h"
#include "op/operators.h"

/*
 * Cross-entropy of logits x [N,C] with target classes t [N], in which only the classes of the
 * mask take part. A row counts if its target is a class that takes part; n rows do.
 *   y = 1/n sum_i (m_i + l_i - x_i,t_i),   m_i = max_j x_ij,  l_i = log sum_j exp(x_ij - m_i)
 * with j over the mask; 0 if n = 0
 * backward:  dx_ij += dy / n (exp(x_ij - m_i - l_i) - [j = t_i])   for rows that count
 * Saved: m and l of each row (their sum would lose l under a large m); last, 1 / n.
 */

enum {
    PARALLEL_COUNT = 1 << 13 /* elements from which on two threads are worth it             */
};

static unic_status infer(unic__call *c)
{
    UNIC__TRY(unic__expect_rank(c, 0, 2));
    UNIC__TRY(unic__expect_i32(c, 1));
    const unic__shape *x = &c->in[0]->shape, *target = &c->in[1]->shape;
    char xs[UNIC__SHAPE_TEXT], ts[UNIC__SHAPE_TEXT];
    if (!x->dim[1])
        return unic__shape_fail(c, "logits %s have no class", unic__shape_print(x, xs));
    if (target->rank != 1 || target->dim[0] != x->dim[0])
        return unic__shape_fail(c, "logits are %s, targets %s", unic__shape_print(x, xs),
                                unic__shape_print(target, ts));
    if (c->input_count > 2 && c->in[2]) {
        UNIC__TRY(unic__expect_f32(c, 2));
        const unic__shape *mask = &c->in[2]->shape, one_row = UNIC__SHAPE_OF(x->dim[1]);
        if (!unic__shape_equal(mask, x) && !unic__shape_equal(mask, &one_row))
            return unic__shape_fail(c, "logits are %s, the class mask is %s",
                                    unic__shape_print(x, xs), unic__shape_print(mask, ts));
    }
    c->out->dtype = UNIC__F32;
    c->out->shape = UNIC__SCALAR;
    c->saved_size = 2 * x->dim[0] + 1;
    c->scratch_size = x->dim[0]; /* each row's loss */
    return UNIC_OK;
}

/* Row r of the class mask, which has one row for each of x or one for all; NULL without. */
static const float *mask_row(const unic__call *c, size_t r)
{
    const unic__tensor *mask = c->input_count > 2 ? c->in[2] : NULL;
    if (!mask)
        return NULL;
    return mask->shape.rank == 2 ? mask->x + r * mask->shape.dim[1] : mask->x;
}

static bool counts(int32_t target, const float *mask, size_t classes)
{
    return target >= 0 && (size_t)target < classes && (!mask || mask[target] != 0.0F);
}

/* saved[0] = m, saved[1] = l of one row. */
UNIC__INLINE void log_sum_exp(float *restrict saved, const float *restrict x,
                              const float *restrict mask, size_t n)
{
    float sum = 0.0F, max = -INFINITY;
    if (mask) {
        UNIC__LANES_MAX(max)
        for (size_t j = 0; j < n; j++)
            max = mask[j] != 0.0F && x[j] > max ? x[j] : max;
        UNIC__LANES_SUM(sum)
        for (size_t j = 0; j < n; j++) {
            float e = unic__expf(x[j] - max);
            sum += mask[j] != 0.0F ? e : 0.0F;
        }
    } else {
        max = unic__maxf(x, n);
        UNIC__LANES_SUM(sum)
        for (size_t j = 0; j < n; j++)
            sum += unic__expf(x[j] - max);
    }
    saved[0] = max;
    saved[1] = unic__logf(sum);
}

UNIC__SIMD static void forward_rows(const void *call, size_t from, size_t to)
{
    const unic__call *c = call;
    float *loss = c->scratch;
    const size_t classes = c->in[0]->shape.dim[1];
    for (size_t r = from; r < to; r++) {
        const float *x = c->in[0]->x + r * classes, *mask = mask_row(c, r);
        const int32_t target = c->in[1]->ix[r];
        float *saved = c->saved + 2 * r;
        loss[r] = 0.0F;
        if (!counts(target, mask, classes))
            continue;
        log_sum_exp(saved, x, mask, classes);
        loss[r] = saved[0] - x[target] + saved[1];
    }
}

static void forward(unic__call *c)
{
    const size_t rows = c->in[0]->shape.dim[0], classes = c->in[0]->shape.dim[1];
    unic__parallel(rows, 1, rows * classes >= PARALLEL_COUNT, forward_rows, c);
    double total = 0.0;
    size_t n = 0;
    for (size_t r = 0; r < rows; r++) {
        total += (double)c->scratch[r];
        n += counts(c->in[1]->ix[r], mask_row(c, r), classes);
    }
    c->saved[2 * rows] = n ? 1.0F / (float)n : 0.0F;
    c->out->x[0] = n ? (float)(total / (double)n) : 0.0F;
}

/* dL / dlogits before the softmax: dy / number of rows that count */
static float row_scale(const unic__call *c)
{
    return c->out->dx[0] * c->saved[2 * c->in[0]->shape.dim[0]];
}

UNIC__SIMD static void backward_rows(const void *call, size_t from, size_t to)
{
    const unic__call *c = call;
    const float scale = row_scale(c);
    const size_t classes = c->in[0]->shape.dim[1];
    for (size_t r = from; r < to; r++) {
        const float *restrict x = c->in[0]->x + r * classes;
        const float *restrict mask = mask_row(c, r);
        float *restrict dx = c->in[0]->dx + r * classes;
        const int32_t target = c->in[1]->ix[r];
        const float max = c->saved[2 * r], log_sum = c->saved[2 * r + 1];
        if (!counts(target, mask, classes))
            continue;
        if (mask)
            for (size_t j = 0; j < classes; j++) {
                float p = unic__expf(x[j] - max - log_sum);
                dx[j] += mask[j] != 0.0F ? scale * p : 0.0F;
            }
        else
            for (size_t j = 0; j < classes; j++)
                dx[j] += scale * unic__expf(x[j] - max - log_sum);
        dx[target] -= scale;
    }
}

static void backward(unic__call *c)
{
    const size_t rows = c->in[0]->shape.dim[0], classes = c->in[0]->shape.dim[1];
    if (c->in[0]->dx && row_scale(c) != 0.0F)
        unic__parallel(rows, 1, rows * classes >= PARALLEL_COUNT, backward_rows, c);
}

const unic__op unic__op_cross_entropy = {
    .name = "cross_entropy",
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .keeps = UNIC__KEEP_IN(0) | UNIC__KEEP_IN(1) | UNIC__KEEP_IN(2),
};
