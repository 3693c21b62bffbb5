#include <string.h>

#include "op/operators.h"

/*
 * gather  y[i] = table[index_i],   dtable[l] += sum over { i : index_i = l } dy[i]
 * An index below 0 or past the end refers to no row: it gives zeros, and has no gradient.
 */

enum { PARALLEL_COUNT = 1 << 16 };

static bool inside(int32_t index, size_t rows)
{
    return index >= 0 && (size_t)index < rows;
}

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

UNIC__SIMD static void add_row(float *restrict to, const float *restrict from, size_t d)
{
    for (size_t j = 0; j < d; j++)
        to[j] += from[j];
}

/* Backward adds to rows: out[index_i] += x[i], n rows of d. */
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
