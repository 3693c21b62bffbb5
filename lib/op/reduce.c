#include <string.h>

#include "kernel/vecmath.h"
#include "op/operators.h"

/*
 * Reductions over one axis; x is [outer, n, inner] with n along the axis.
 *   sum     y = sum_i x_i            dx_i += dy
 *   mean    y = sum_i x_i / n        dx_i += dy / n
 *   max     y = max_i x_i            dx_i += dy at the first i with x_i = y
 *   argmin  y = min { i : x_i = min_j x_j }, int32, no gradient
 * A NaN makes sum, mean and max NaN; argmin ignores it.
 */

enum {
    COLUMNS = 256,            /* of `inner` handled at a time                               */
    BLOCK = 4096,             /* a longer row is summed in blocks of this size              */
    PARALLEL_COUNT = 1 << 15, /* elements from which on two threads are worth it            */
};

typedef struct dims {
    size_t outer, n, inner;
    size_t pieces; /* of COLUMNS columns, the last one shorter */
} dims;

static dims dims_of(const unic__shape *x, size_t axis)
{
    dims d = {1, x->dim[axis], 1, 0};
    for (size_t i = 0; i < axis; i++)
        d.outer *= x->dim[i];
    for (size_t i = axis + 1; i < x->rank; i++)
        d.inner *= x->dim[i];
    d.pieces = (d.inner + COLUMNS - 1) / COLUMNS;
    return d;
}

static size_t elements(const dims *d)
{
    return d->outer * d->n * d->inner;
}

/* out = x's shape without `axis`, or with size 1 there. */
static unic_status infer_axis(unic__call *c, size_t axis, bool keep)
{
    UNIC__TRY(unic__expect_f32(c, 0));
    const unic__shape *x = &c->in[0]->shape;
    char text[UNIC__SHAPE_TEXT];
    if (axis >= x->rank)
        return unic__shape_fail(c, "%s has no axis %zu", unic__shape_print(x, text), axis);
    if (!x->dim[axis])
        return unic__shape_fail(c, "axis %zu of %s is empty", axis, unic__shape_print(x, text));
    c->out->shape = UNIC__SCALAR;
    for (size_t i = 0; i < x->rank; i++)
        if (i != axis || keep)
            c->out->shape.dim[c->out->shape.rank++] = i == axis ? 1 : x->dim[i];
    return UNIC_OK;
}

static unic_status infer(unic__call *c)
{
    const unic__reduce_attr *attr = c->attr;
    c->out->dtype = UNIC__F32;
    return infer_axis(c, attr->axis, attr->keep);
}

/* ---- sum, mean, max ---- */

/* inner == 1: a row of n neighbours. */
UNIC__INLINE float reduce_row(unic__reduce_kind kind, const float *x, size_t n)
{
    if (kind == UNIC__MAX) {
        int any_nan = 0;
        UNIC__PRAGMA(omp simd reduction(| : any_nan))
        for (size_t i = 0; i < n; i++)
            any_nan |= isnan(x[i]);
        return any_nan ? NAN : unic__maxf(x, n);
    }
    double sum = 0.0;
    for (size_t i = 0; i < n; i += BLOCK)
        sum += (double)unic__sumf(x + i, n - i < BLOCK ? n - i : BLOCK);
    return (float)(kind == UNIC__MEAN ? sum / (double)n : sum);
}

/* `width` columns of n rows that are `inner` apart. */
UNIC__INLINE void reduce_columns(unic__reduce_kind kind, float *restrict y,
                                 const float *restrict x, size_t n, size_t inner, size_t width)
{
    const float scale = kind == UNIC__MEAN ? 1.0F / (float)n : 1.0F;
    for (size_t j = 0; j < width; j++)
        y[j] = x[j];
    for (size_t i = 1; i < n; i++) {
        const float *row = x + i * inner;
        if (kind == UNIC__MAX)
            for (size_t j = 0; j < width; j++)
                y[j] = row[j] > y[j] || isnan(row[j]) ? row[j] : y[j];
        else
            for (size_t j = 0; j < width; j++)
                y[j] += row[j];
    }
    for (size_t j = 0; kind == UNIC__MEAN && j < width; j++)
        y[j] *= scale;
}

/* A task is an outer position and a piece of `inner`. */
UNIC__SIMD static void forward_tasks(const void *call, size_t from, size_t to)
{
    const unic__call *c = call;
    const unic__reduce_attr *attr = c->attr;
    const dims d = dims_of(&c->in[0]->shape, attr->axis);
    for (size_t t = from; t < to; t++) {
        size_t o = t / d.pieces, j = t % d.pieces * COLUMNS;
        size_t width = d.inner - j < COLUMNS ? d.inner - j : COLUMNS;
        const float *x = c->in[0]->x + o * d.n * d.inner + j;
        float *y = c->out->x + o * d.inner + j;
        if (d.inner == 1)
            *y = reduce_row(attr->kind, x, d.n);
        else
            reduce_columns(attr->kind, y, x, d.n, d.inner, width);
    }
}

static void forward(unic__call *c)
{
    const unic__reduce_attr *attr = c->attr;
    const dims d = dims_of(&c->in[0]->shape, attr->axis);
    unic__parallel(d.outer * d.pieces, 1, elements(&d) >= PARALLEL_COUNT, forward_tasks, c);
}

/* dx of the first row that holds the maximum, column by column. */
static void add_to_max(float *dx, const float *dy, const float *x, const float *y, size_t n,
                       size_t inner, size_t width, bool fresh)
{
    for (size_t i = 0; fresh && i < n; i++)
        memset(dx + i * inner, 0, width * sizeof *dx);
    for (size_t j = 0; j < width; j++) {
        size_t i = 0;
        while (i < n && x[i * inner + j] != y[j])
            i++;
        if (i < n) /* a NaN equals nothing */
            dx[i * inner + j] += dy[j];
    }
}

UNIC__SIMD static void add_rows(float *restrict dx, const float *restrict dy, float scale,
                                size_t n, size_t inner, size_t width, bool fresh)
{
    if (inner == 1) {
        const float g = dy[0] * scale;
        for (size_t i = 0; i < n; i++)
            dx[i] = unic__so_far(fresh, dx[i]) + g;
        return;
    }
    for (size_t i = 0; i < n; i++, dx += inner)
        for (size_t j = 0; j < width; j++)
            dx[j] = unic__so_far(fresh, dx[j]) + dy[j] * scale;
}

static void backward_tasks(const void *call, size_t from, size_t to)
{
    const unic__call *c = call;
    const unic__reduce_attr *attr = c->attr;
    const unic__tensor *x = c->in[0];
    const dims d = dims_of(&x->shape, attr->axis);
    const float scale = attr->kind == UNIC__MEAN ? 1.0F / (float)d.n : 1.0F;
    const bool fresh = unic__is_fresh(c, 0);
    for (size_t t = from; t < to; t++) {
        size_t o = t / d.pieces, j = t % d.pieces * COLUMNS;
        size_t width = d.inner - j < COLUMNS ? d.inner - j : COLUMNS;
        size_t at = o * d.n * d.inner + j, down = o * d.inner + j;
        if (attr->kind == UNIC__MAX)
            add_to_max(x->dx + at, c->out->dx + down, x->x + at, c->out->x + down, d.n, d.inner,
                       width, fresh);
        else
            add_rows(x->dx + at, c->out->dx + down, scale, d.n, d.inner, width, fresh);
    }
}

static void backward(unic__call *c)
{
    const unic__reduce_attr *attr = c->attr;
    const dims d = dims_of(&c->in[0]->shape, attr->axis);
    if (c->in[0]->dx)
        unic__parallel(d.outer * d.pieces, 1, elements(&d) >= PARALLEL_COUNT, backward_tasks,
                       c);
}

const unic__op unic__op_reduce = {
    .name = "reduce",
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .keeps = UNIC__KEEP_IN(0) | UNIC__KEEP_OUT,
    .stores = UNIC__STORES_IN(0),
};

/* ---- argmin ---- */

static unic_status infer_argmin(unic__call *c)
{
    const unic__argmin_attr *attr = c->attr;
    c->out->dtype = UNIC__I32;
    UNIC__TRY(infer_axis(c, attr->axis, false));
    const unic__shape *x = &c->in[0]->shape;
    if (x->dim[attr->axis] > INT32_MAX)
        return unic__shape_fail(c, "axis %zu has %zu entries, an int32 counts to %d",
                                attr->axis, x->dim[attr->axis], INT32_MAX);
    return UNIC_OK;
}

/* The value first, then where it stands: both loops over a row are fast that way. */
UNIC__SIMD static int32_t argmin_row(const float *x, size_t n)
{
    float min = INFINITY;
    UNIC__PRAGMA(omp simd reduction(min : min))
    for (size_t i = 0; i < n; i++)
        min = x[i] < min ? x[i] : min;
    for (size_t i = 0; i < n; i++)
        if (x[i] == min)
            return (int32_t)i;
    return 0; /* all NaN */
}

static int32_t argmin_column(const float *x, size_t n, size_t inner)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (x[i * inner] < x[best * inner] || isnan(x[best * inner]))
            best = i;
    return (int32_t)best;
}

static void argmin_part(const void *call, size_t from, size_t to)
{
    const unic__call *c = call;
    const unic__argmin_attr *attr = c->attr;
    const dims d = dims_of(&c->in[0]->shape, attr->axis);
    const float *x = c->in[0]->x;
    for (size_t t = from; t < to; t++) {
        const float *first = x + t / d.inner * d.n * d.inner + t % d.inner;
        c->out->ix[t] = d.inner == 1 ? argmin_row(first, d.n)
                                     : argmin_column(first, d.n, d.inner);
    }
}

static void forward_argmin(unic__call *c)
{
    const unic__argmin_attr *attr = c->attr;
    const dims d = dims_of(&c->in[0]->shape, attr->axis);
    unic__parallel(d.outer * d.inner, 1, elements(&d) >= PARALLEL_COUNT, argmin_part, c);
}

const unic__op unic__op_argmin = {
    .name = "argmin",
    .infer = infer_argmin,
    .forward = forward_argmin,
    .keeps = UNIC__KEEP_NONE,
};
