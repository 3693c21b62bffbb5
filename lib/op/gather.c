#include <string.h>

#include "op/operators.h"

/*
 * gather       y[i] = table[index_i]                    dtable[index_i] += dy[i]
 * scatter_add  y[l] = sum over { i : index_i = l } x_i   dx[i] += dy[index_i]
 * An index below 0 or past the end refers to no row: gather gives zeros for it, and scatter_add
 * ignores it.
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

/* out[index_i] += x[i], n rows of d */
typedef struct scattering {
    float *out;
    const float *x;
    const int32_t *index;
    size_t n, d;
} scattering;

/* A part owns out's rows from..to and passes over all of x, so every row is summed in index
 * order whatever the number of threads. */
static void scatter_part(const void *context, size_t from, size_t to)
{
    const scattering *s = context;
    for (size_t i = 0; i < s->n; i++)
        if (s->index[i] >= 0 && (size_t)s->index[i] >= from && (size_t)s->index[i] < to)
            add_row(s->out + (size_t)s->index[i] * s->d, s->x + i * s->d, s->d);
}

static void scatter(float *out, size_t rows, const float *x, const int32_t *index, size_t n,
                    size_t d)
{
    const scattering s = {out, x, index, n, d};
    unic__parallel(rows, 1, n * d >= PARALLEL_COUNT, scatter_part, &s);
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

static void gather_part(const void *call, size_t from, size_t to)
{
    const unic__call *c = call;
    const size_t rows = c->in[0]->shape.dim[0], d = c->in[0]->shape.dim[1];
    const float *table = c->in[0]->x;
    const int32_t *index = c->in[1]->ix;
    float *y = c->out->x;
    for (size_t i = from; i < to; i++) {
        if (inside(index[i], rows))
            memcpy(y + i * d, table + (size_t)index[i] * d, d * sizeof *y);
        else
            memset(y + i * d, 0, d * sizeof *y);
    }
}

static void forward_gather(unic__call *c)
{
    const size_t n = unic__shape_count(&c->in[1]->shape), d = c->in[0]->shape.dim[1];
    unic__parallel(n, 1, n * d >= PARALLEL_COUNT, gather_part, c);
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

static void backward_scatter_part(const void *call, size_t from, size_t to)
{
    const unic__call *c = call;
    const size_t rows = c->out->shape.dim[0], d = c->out->shape.dim[1];
    const int32_t *index = c->in[1]->ix;
    for (size_t i = from; i < to; i++)
        if (inside(index[i], rows))
            add_row(c->in[0]->dx + i * d, c->out->dx + (size_t)index[i] * d, d);
}

static void backward_scatter(unic__call *c)
{
    const size_t n = unic__shape_count(&c->in[1]->shape), d = c->out->shape.dim[1];
    if (c->in[0]->dx)
        unic__parallel(n, 1, n * d >= PARALLEL_COUNT, backward_scatter_part, c);
}

const unic__op unic__op_scatter_add = {
    .name = "scatter_add",
    .infer = infer_scatter,
    .forward = forward_scatter,
    .backward = backward_scatter,
    .keeps = UNIC__KEEP_IN(1),
};
