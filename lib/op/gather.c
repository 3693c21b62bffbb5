#include <string.h>

#include "op/operators.h"

/*
 * gather       y[i] = table[index_i]                    dtable[index_i] += dy[i]
 * scatter_add  y[l] = sum over { i : index_i = l } x_i   dx[i] += dy[index_i]
 * An index below 0 (or past the end) is nobody's row: it reads as zeros and adds to nothing.
 */

enum { ROWS_EACH = 64, PARALLEL_COUNT = 1 << 16 };

static bool inside(int32_t index, size_t rows)
{
    return index >= 0 && (size_t)index < rows;
}

UNIC__SIMD static void add_row(float *restrict to, const float *restrict from, size_t d)
{
    for (size_t j = 0; j < d; j++)
        to[j] += from[j];
}

/* out[index_i] += x[i]. Each part owns a range of out's rows and passes over all of x, so every
 * row is summed in index order whatever the number of threads. */
static void scatter(float *out, size_t rows, const float *x, const int32_t *index, size_t n,
                    size_t d)
{
    const size_t parts = n * d >= PARALLEL_COUNT ? (size_t)unic__threads() : 1;
    const size_t each = (rows + parts - 1) / parts;
    UNIC__PARALLEL_FOR(parts > 1)
    for (size_t p = 0; p < parts; p++)
        for (size_t i = 0; i < n; i++)
            if (inside(index[i], rows) && (size_t)index[i] / each == p)
                add_row(out + (size_t)index[i] * d, x + i * d, d);
}

/* ---- gather ---- */

static unic_status infer_gather(unic__call *c)
{
    UNIC__TRY(unic__expect_rank(c, 0, 2));
    UNIC__TRY(unic__expect_i32(c, 1));
    const unic__shape *index = &c->in[1]->shape;
    char text[UNIC__SHAPE_TEXT];
    if (index->rank >= UNIC__MAX_RANK)
        return unic__shape_fail(c, "index %s leaves no rank for the rows (at most %d)",
                                unic__shape_print(index, text), UNIC__MAX_RANK - 1);
    c->out->dtype = UNIC__F32;
    c->out->shape = *index;
    c->out->shape.dim[c->out->shape.rank++] = c->in[0]->shape.dim[1];
    return UNIC_OK;
}

static void forward_gather(unic__call *c)
{
    const size_t rows = c->in[0]->shape.dim[0], d = c->in[0]->shape.dim[1];
    const size_t n = unic__shape_count(&c->in[1]->shape);
    const float *table = c->in[0]->x;
    const int32_t *index = c->in[1]->ix;
    float *y = c->out->x;
    UNIC__PARALLEL_FOR(n * d >= PARALLEL_COUNT)
    for (size_t i = 0; i < n; i++) {
        if (inside(index[i], rows))
            memcpy(y + i * d, table + (size_t)index[i] * d, d * sizeof *y);
        else
            memset(y + i * d, 0, d * sizeof *y);
    }
}

static void backward_gather(unic__call *c)
{
    const unic__shape *table = &c->in[0]->shape;
    if (c->in[0]->dx)
        scatter(c->in[0]->dx, table->dim[0], c->out->dx, c->in[1]->ix,
                unic__shape_count(&c->in[1]->shape), table->dim[1]);
}

const unic__op unic__op_gather = {
    .name = "gather",
    .infer = infer_gather,
    .forward = forward_gather,
    .backward = backward_gather,
    .keeps = UNIC__KEEP_IN(1),
};

/* ---- scatter_add ---- */

static unic_status infer_scatter(unic__call *c)
{
    const unic__scatter_attr *attr = c->attr;
    UNIC__TRY(unic__expect_f32(c, 0));
    UNIC__TRY(unic__expect_i32(c, 1));
    unic__shape lead = c->in[0]->shape;
    char x[UNIC__SHAPE_TEXT], index[UNIC__SHAPE_TEXT];
    lead.rank -= lead.rank > 0;
    if (!c->in[0]->shape.rank || !unic__shape_equal(&lead, &c->in[1]->shape))
        return unic__shape_fail(c, "index %s is not the leading dims of x %s",
                                unic__shape_print(&c->in[1]->shape, index),
                                unic__shape_print(&c->in[0]->shape, x));
    if (!attr->rows)
        return unic__shape_fail(c, "no rows to add to");
    c->out->dtype = UNIC__F32;
    c->out->shape = UNIC__SHAPE_OF(attr->rows, c->in[0]->shape.dim[lead.rank]);
    return UNIC_OK;
}

static void forward_scatter(unic__call *c)
{
    const unic__shape *y = &c->out->shape;
    memset(c->out->x, 0, unic__shape_count(y) * sizeof *c->out->x);
    scatter(c->out->x, y->dim[0], c->in[0]->x, c->in[1]->ix,
            unic__shape_count(&c->in[1]->shape), y->dim[1]);
}

static void backward_scatter(unic__call *c)
{
    const size_t rows = c->out->shape.dim[0], d = c->out->shape.dim[1];
    const size_t n = unic__shape_count(&c->in[1]->shape);
    const int32_t *index = c->in[1]->ix;
    float *dx = c->in[0]->dx;
    const float *dy = c->out->dx;
    if (!dx)
        return;
    UNIC__PARALLEL_FOR(n * d >= PARALLEL_COUNT)
    for (size_t i = 0; i < n; i++)
        if (inside(index[i], rows))
            add_row(dx + i * d, dy + (size_t)index[i] * d, d);
}

const unic__op unic__op_scatter_add = {
    .name = "scatter_add",
    .infer = infer_scatter,
    .forward = forward_scatter,
    .backward = backward_scatter,
    .keeps = UNIC__KEEP_IN(1),
};
